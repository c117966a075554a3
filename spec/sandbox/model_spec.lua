-- Compares the relationships in the sandbox's responses with those in the service's OpenAPI
-- document, if it is next to the repository.

local operations = require "klaviyo.operations"
local model = require "klaviyo.sandbox.model"
local openapi = require "spec.support.openapi"

local DATE = "2026-07-15"

local directory = (os.getenv("KLAVIYO_ORACLE") or "../shared") .. "/openapi/"
  .. DATE .. ".json"

-- "type.relationship" that differ, each with its reason.
local ACCEPTED = {
  ["profile.conversation"] = "recorded, though not documented",
  ["event.attributions"] = "documented, but in none of the recorded events",
}

-- Types that the sandbox does not create.
local UNMADE = {attribution = true, ["object-ingestion-log"] = true,
  ["campaign-values-report"] = true, ["flow-values-report"] = true,
  ["flow-series-report"] = true}

-- Collects the relationships of the resources that a schema describes.
local function note(source, schema, all)
  schema = source:deref(schema)
  for _, name in ipairs {"oneOf", "anyOf", "allOf"} do
    for _, branch in ipairs(schema[name] or {}) do
      note(source, branch, all)
    end
  end
  if schema.type == "array" then
    return note(source, schema.items, all)
  end
  local members = schema.properties or {}
  local kind = members.type and source:deref(members.type).enum
  local relationships = members.relationships
    and source:deref(members.relationships).properties
  for name in pairs(kind and relationships or {}) do
    all[kind[1] .. "." .. name] = true
  end
end

local function documents(source, schema, all)
  schema = source:deref(schema)
  for _, branch in ipairs(schema.allOf or {}) do
    documents(source, branch, all)
  end
  for _, name in ipairs {"data", "included"} do
    if schema.properties and schema.properties[name] then
      note(source, schema.properties[name], all)
    end
  end
end

describe("the sandbox's relationships", function()
  local source = openapi.open(directory)
  if not source then
    pending("missing OpenAPI document: " .. directory)
    return
  end

  it("are those that the service documents for its responses", function()
    local expected = {}
    for _, operation in ipairs(source:operations()) do
      for _, response in pairs(operation.spec.responses) do
        for _, content in pairs(response.content or {}) do
          documents(source, content.schema, expected)
        end
      end
    end
    local actual, count = {}, 0
    for kind, names in pairs(model.of(operations.revision(DATE)).in_responses) do
      for _, name in ipairs(names) do
        actual[kind .. "." .. name] = true
      end
    end
    local mismatches = {}
    for name in pairs(expected) do
      count = count + 1
      if not actual[name] and not ACCEPTED[name]
        and not UNMADE[name:match("^[^.]+")] then
        mismatches[#mismatches + 1] = "missing: " .. name
      end
    end
    for name in pairs(actual) do
      if not expected[name] and not ACCEPTED[name] then
        mismatches[#mismatches + 1] = "too much: " .. name
      end
    end
    table.sort(mismatches)
    assert.same({}, mismatches)
    assert.is_true(count > 50)
  end)
end)
