-- Imports and outboxes make calls: their requests have spans, too.
local folder = require "spec.support.folder"
local outbox = require "klaviyo.outbox"
local sandbox = require "spec.support.sandbox"

local PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

describe("on_span", function()
  local fixture = sandbox.here(setup, teardown, { record = 0 })
  local folders = folder.here(after_each)

  -- A client, and the names of its spans with the operation, and the number of spans of each.
  local function traced()
    local counts = {}
    return fixture:new_client { traceparent = PARENT, on_span = function(name, _, _, attributes)
      assert.equal(PARENT:sub(4, 35), attributes.trace_id)
      local key = attributes["klaviyo.operation"] .. " " .. name
      counts[key] = (counts[key] or 0) + 1
    end }, counts
  end

  it("has the requests of an import", function()
    local client, counts = traced()
    assert(client.profiles:import({ { email = "span@example.com" } }, { sleep = function() end }))
    assert.equal(1, counts["bulk_import_profiles POST /api/profile-bulk-import-jobs"])
    assert.is_true(counts["get_bulk_import_profiles_job GET /api/profile-bulk-import-jobs/{job_id}"] >= 1)
  end)

  it("has the batches of an outbox", function()
    local client, counts = traced()
    local box = outbox.new { path = folders:new() .. "/box" }
    client = client:with { outbox = box }
    for i = 1, 3 do
      assert(client.events:track { metric = "A", profile = { email = i .. "@example.com" }, properties = {} })
    end
    assert.same({}, counts)
    assert(client:drain(10))
    assert.same({ ["bulk_create_events POST /api/event-bulk-create-jobs"] = 1 }, counts)
  end)
end)
