local klaviyo = require "klaviyo"
local script = require "spec.support.script"
local unique_id = require "klaviyo.request.unique_id"

local V4 = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
local V8 = V4:gsub("%-4", "-8")

describe("klaviyo.request.unique_id", function()
  it("makes different UUIDs of version 4", function()
    local known = {}
    for _ = 1, 2000 do
      local id = unique_id.new()
      assert.matches(V4, id)
      assert.equal(36, #id)
      assert.is_nil(known[id])
      known[id] = true
    end
  end)

  it("makes different ones in two processes", function()
    local text = 'print(require("klaviyo.request.unique_id").new())'
    local one, two = script.run(text), script.run(text)
    assert.matches(V4, (one:gsub("%s", "")))
    assert.not_equal(one, two)
  end)

  it("makes the same one from the same seed and number", function()
    local seed = unique_id.new()
    local one = unique_id.derived(seed, 17)
    assert.matches(V8, one)
    assert.equal(one, unique_id.derived(seed, 17))
    assert.not_equal(one, unique_id.derived(seed, 18))
    assert.not_equal(one, unique_id.derived(unique_id.new(), 17))
    assert.equal("4f413468-f0d0-8393-a214-35545e991922",
      unique_id.derived("a seed", 1))
  end)

  describe("ensure", function()
    local client = klaviyo.new {api_key = "pk_x"}

    it("adds one to an event", function()
      local document = klaviyo.document("create_event",
        {profile = {email = "a@example.com"}, metric = "Viewed",
          properties = {}})
      assert.is_true(unique_id.ensure(document))
      local id = document.data.attributes.unique_id
      assert.matches(V4, id)
      unique_id.ensure(document)
      assert.equal(id, document.data.attributes.unique_id)
    end)

    it("keeps an existing one", function()
      local document = {data = {type = "event",
        attributes = {unique_id = "order-17"}}}
      unique_id.ensure(document)
      assert.equal("order-17", document.data.attributes.unique_id)
    end)

    -- A regression: a null from a database was sent, so that the event had no id.
    it("replaces null and the empty string, which are not ids", function()
      for _, nothing in ipairs {klaviyo.null, ""} do
        local document = {data = {type = "event",
          attributes = {unique_id = nothing}}}
        assert.is_false(unique_id.is_everywhere(document))
        unique_id.ensure(document)
        assert.matches(V4, document.data.attributes.unique_id)
        assert.is_true(unique_id.is_everywhere(document))
      end
    end)

    it("is in the body of an event that was passed null", function()
      for _, nothing in ipairs {klaviyo.null, ""} do
        local body = klaviyo.document("create_event", {metric = "Viewed",
          profile = {email = "a@example.com"}, properties = {},
          unique_id = nothing})
        local sent = client:build("create_event", {body = body}).body
        local id = require("klaviyo.values.json").decode(sent).data.attributes.unique_id
        assert.matches(V4, id)
        assert.equal(nothing, body.data.attributes.unique_id)
      end
    end)

    it("adds one to each event of a bulk job", function()
      local document = client:document("bulk_create_events", {
        events_bulk_create = {
          {profile = {email = "a@example.com"}, events = {
            {metric = "A", properties = {}},
            {metric = "B", properties = {}, unique_id = "mine"},
          }},
          {profile = {email = "b@example.com"},
            events = {{metric = "A", properties = {}}}},
        },
      })
      unique_id.ensure(document)
      local groups = document.data.attributes["events-bulk-create"].data
      local first = groups[1].attributes.events.data
      local second = groups[2].attributes.events.data
      assert.matches(V4, first[1].attributes.unique_id)
      assert.equal("mine", first[2].attributes.unique_id)
      assert.matches(V4, second[1].attributes.unique_id)
      assert.not_equal(first[1].attributes.unique_id,
        second[1].attributes.unique_id)
    end)

    it("adds one to each event of the public bulk call", function()
      local document = {data = {type = "event-bulk-create", attributes = {
        events = {data = {{type = "event", attributes = {}}}}}}}
      unique_id.ensure(document)
      assert.matches(V4,
        document.data.attributes.events.data[1].attributes.unique_id)
    end)

    it("does not change text, other documents and malformed ones", function()
      assert.is_false(unique_id.ensure('{"data":{}}'))
      local profile = {data = {type = "profile", attributes = {}}}
      assert.is_false(unique_id.ensure(profile))
      assert.same({}, profile.data.attributes)
      for _, broken in ipairs {
        {}, {data = 1}, {data = {type = "event"}},
        {data = {type = "event", attributes = "x"}},
        {data = {type = "event-bulk-create-job", attributes = {
          ["events-bulk-create"] = {data = {1, {attributes = {events = 2}}}}}}},
      } do
        assert.has_no.errors(function()
          unique_id.ensure(broken)
        end)
      end
    end)
  end)
end)
