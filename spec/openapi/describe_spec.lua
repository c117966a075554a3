-- klaviyo.operations.describe: everything that can be asked of an operation, as
-- text.

local klaviyo = require "klaviyo"
local operations = require "klaviyo.operations"
local facts = require "klaviyo.openapi.facts"
local openapi = require "spec.support.openapi"
local raises = require "spec.support.raises"

local describe_operation = klaviyo.operations.describe

local beside = (os.getenv("KLAVIYO_ORACLE") or "../shared") .. "/openapi/"

local function all_revisions()
  local dates = operations.revisions()
  for _, date in ipairs(operations.betas()) do
    dates[#dates + 1] = date
  end
  return dates
end

-- The text without its line breaks, in which a value is found whole.
local function unwrapped(text)
  return (text:gsub("%s+", " "))
end

describe("klaviyo.operations.describe", function()
  it("returns the text of an operation", function()
    assert.equal([[
get_tags: GET /api/tags (2024-10-15)
  method      client.tags:list, :each, :pages, :first, :all
  limits      3 a second, 60 a minute
  scopes      tags:read
  filter
    name  string: contains, ends-with, equals, starts-with
  sort        id, name; or with - before the name
  include     tag-group
  fields
    tag_group  default, exclusive, name
    tag        name
  page        cursor
  returns     a list of tag, with the attributes that fields can name
]], describe_operation("get_tags", {revision = "2024-10-15"}))
  end)

  it("names the keys of nested tables, and which are required", function()
    local text = describe_operation("query_campaign_values", {revision = "2024-10-15"})
    assert.matches("\n    timeframe %*  +table\n", text)
    assert.matches("\n    timeframe.key  +last_12_months, last_30_days", text)
    assert.matches("\n    timeframe.start  +date%-time\n", text)
    assert.matches("\n    conversion_metric_id %*  +string\n", text)
    text = describe_operation("create_profile", {revision = "2024-10-15"})
    assert.matches("\n    location.city  +string, null\n", text)
  end)

  it("takes an alias, and the revision of a client by default", function()
    local text = describe_operation("create_or_update_profile")
    assert.equal(text, describe_operation("create_or_update_profile",
      {revision = "2024-10-15"}))
    assert.matches("^add_profiles_to_list: ", describe_operation "create_list_relationships")
    assert.matches("^get_profile: [^\n]*%(2026%-07%-15%)\n",
      describe_operation("get_profile", {revision = "2026-07-15"}))
  end)

  it("takes the name of a method", function()
    local expected = describe_operation "create_profile"
    assert.equal(expected, describe_operation "profiles:create")
    assert.equal(expected, describe_operation "client.profiles:create")
    assert.matches("^get_profiles_for_list: ",
      describe_operation "lists:at(id).profiles:each")
    assert.matches("^create_client_profile: ", describe_operation "public.profiles:create")
    assert.matches("^send_campaign: ", describe_operation "campaigns:send")
  end)

  it("lists the operations of a resource, or of a relation", function()
    assert.equal([[
bulk_create_client_events  client.public.events:bulk_create
create_client_event        client.public.events:create
]], describe_operation "public.events")
    local text = describe_operation "lists"
    assert.matches("\nget_profiles_for_list +client.lists:at%(id%).profiles:list, :each", text)
    assert.matches("\nupdate_list +client.lists:update\n", text)
    assert.is_nil(text:find("client.profiles", 1, true))
    text = describe_operation "lists:at(id).profiles"
    assert.matches("^add_profiles_to_list ", text)
    assert.is_nil(text:find("client.lists:update", 1, true))
  end)

  it("tells limits that depend on a parameter, and sizes of pages", function()
    local text = unwrapped(describe_operation("get_profiles", {revision = "2024-10-15"}))
    assert.matches("75 a second, 700 a minute; 10 a second, 150 a minute with "
      .. "additional-fields[profile]=predictive_analytics", text, 1, true)
    assert.matches("page size 1 to 100, 20 by default; cursor", text, 1, true)
  end)

  it("names all that is known of every operation of every revision", function()
    local count = 0
    for _, date in ipairs(all_revisions()) do
      local revision = operations.revision(date)
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local text = describe_operation(id, {revision = date})
        local whole = unwrapped(text)
        local function has(value)
          if not whole:find(value, 1, true) then
            error(("%s of %s does not name %s"):format(id, date, value))
          end
        end
        for name, operators in pairs(op.filter and op.filter.fields or {}) do
          has((" %s %s: %s"):format(name, facts.filter_type(op, name),
            table.concat(operators, ", ")))
        end
        for name, rule in pairs(op.query) do
          for _, value in ipairs(rule.values or {}) do
            has((value:gsub("^%-", "")))
          end
          local family, kind = name:match("^(.+)%[(.+)%]$")
          if not name:find("^page") then
            has(family and kind:gsub("%-", "_") or name)
          end
        end
        for _, scope in ipairs(op.scopes) do
          has(scope)
        end
        for _, member in ipairs(facts.members(op)) do
          has((" %s%s %s"):format(member.name, member.required and " *" or "",
            member.kind))
        end
        for line in text:gmatch("\n([^\n]+)") do
          -- only a word that is too long for its column makes a line longer
          local _, words = line:gsub("%S+", "")
          assert.is_true(#line <= 79 or words <= 3, line)
        end
        count = count + 1
      end
    end
    assert.is_true(count > 2500)
  end)

  it("raises for an unknown operation, revision or option", function()
    raises('unknown operation "get_profils"; did you mean "get_profile"?', function()
      describe_operation "get_profils"
    end)
    raises('unknown revision "yesterday"', function()
      describe_operation("get_profiles", {revision = "yesterday"})
    end)
    raises('unknown option', function()
      describe_operation("get_profiles", {date = "2024-10-15"})
    end)
    raises("unknown operation", function()
      describe_operation(nil)
    end)
  end)
end)

-- The documents do not declare the types of filters' values, but those of most
-- attributes of the same name in responses.
describe("the type of a filter's field", function()
  local count = 0

  local function resolved(doc, schema)
    schema = doc:deref(schema)
    for _, key in ipairs {"anyOf", "oneOf", "allOf"} do
      if schema[key] then
        schema = doc:deref(schema[key][1])
      end
    end
    return schema
  end

  -- Returns the schema of an attribute of the resource that an operation returns.
  local function attribute_of(doc, spec, field)
    for status, response in pairs(spec.responses) do
      local content = status:find("^2") and response.content
      local _, media = next(content or {})
      if media then
        local data = resolved(doc, resolved(doc, media.schema).properties.data)
        data = data.items and resolved(doc, data.items) or data
        local at = data.properties.attributes and resolved(doc, data.properties.attributes)
        for name in field:gmatch("[^.]+") do
          at = at and at.properties and at.properties[name]
          at = at and resolved(doc, at)
        end
        return at
      end
    end
  end

  for _, date in ipairs(all_revisions()) do
    local doc = openapi.open(beside .. date .. ".json")

    -- 2026-10-15 has no document yet
    local example = (doc or date ~= "2026-10-15") and it or function() end
    example("in " .. date .. " is that of the attribute", function()
      if not doc then
        return pending("the OpenAPI documents are not here")
      end
      local revision = operations.revision(date)
      for _, one in ipairs(doc:operations()) do
        local op = revision:operation(one.id)
        for field, operators in pairs(op and op.filter and op.filter.fields or {}) do
          local attribute = attribute_of(doc, one.spec, field)
          local kind = attribute and (attribute.format or attribute.type)
          if kind and kind ~= "object" and operators[1] ~= "has" then
            assert.equal(kind, facts.filter_type(op, field), one.id .. " " .. field)
            count = count + 1
          end
        end
      end
    end)
  end

  it("is known for many fields", function()
    assert.is_true(count == 0 or count > 200)
  end)
end)
