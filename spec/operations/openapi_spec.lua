-- The table of operations and the documents, compared with the service's OpenAPI
-- documents if they are beside the repository. The expected values come from
-- those only.

local operations = require "klaviyo.operations"
local document = require "klaviyo.document.document"
local openapi = require "spec.support.openapi"

local beside = (os.getenv("KLAVIYO_ORACLE") or "../shared") .. "/openapi/"

-- The number of branches of a union or an enumeration that are tried.
local BRANCHES = 6

local function differs(a, b, path)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a ~= b and ("%s: %s, not %s"):format(path, tostring(b), tostring(a))
  end
  for key, value in pairs(a) do
    local found = differs(value, b[key], path .. "/" .. key)
    if found then
      return found
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return path .. "/" .. key .. ": too much"
    end
  end
end

local function sorted(list)
  local out = {}
  for i, item in ipairs(list or {}) do
    out[i] = item
  end
  table.sort(out)
  return out
end

local function parameters(spec)
  local out = {}
  for _, parameter in ipairs(spec.parameters or {}) do
    if parameter["in"] == "query" then
      local schema = parameter.schema
      out[parameter.name] = {
        required = parameter.required or nil,
        type = schema.type == "array" and "list" or schema.type,
        values = (schema.enum or schema.items) and
          sorted(schema.enum or schema.items.enum) or nil,
      }
    end
  end
  return out
end

local function windows(limit)
  local out = {limit.second .. "/s", limit.minute .. "/m"}
  out[3] = limit.day and limit.day .. "/d"
  return out
end

-- field → operators, as the description of the filter parameter lists them
local function filters(spec)
  local out = {}
  for _, parameter in ipairs(spec.parameters or {}) do
    if parameter.name == "filter" then
      for field, rest in parameter.description:gmatch(
        "<br>`([^`]+)`: ([^<]+)") do
        out[field] = {}
        for operator in rest:gmatch("`([^`]+)`") do
          table.insert(out[field], operator)
        end
        table.sort(out[field])
      end
    end
  end
  return next(out) and out
end

local function check_operation(op, expected, names)
  local spec = expected.spec
  assert.equal(expected.method, op.method)
  assert.equal(expected.path, op.path)
  local aliases = {expected.id:match("^(.*)_beta$")}
  for _, name in ipairs(spec["x-klaviyo-operation-aliases"] or {}) do
    if not names[name] then  -- not the name of another operation
      aliases[#aliases + 1] = name
    end
  end
  assert.same(sorted(aliases), sorted(op.aliases))
  assert.same(sorted(spec["x-klaviyo-scopes"]), sorted(op.scopes))
  local limit = spec["x-klaviyo-ratelimit"]
  assert.same({limit.burst, limit.steady, limit.daily}, windows(op.limit))
  for status, response in pairs(spec.responses) do
    if status:sub(1, 1) == "2" then
      assert.equal(response.content ~= nil, op.success[tonumber(status)])
    end
  end
  local wanted = parameters(spec)
  for name, parameter in pairs(op.query) do
    local values = parameter.values and sorted(parameter.values)
    assert.same(wanted[name], {required = parameter.required,
      type = parameter.type, values = values}, op.id .. " " .. name)
    wanted[name] = nil
  end
  assert.is_nil(next(wanted))
  local rules = filters(spec)
  for field, operators in pairs(rules or {}) do
    local known = op.filter.fields[field]
    -- later revisions have an extension in place of the description
    assert.truthy(known or spec["x-klaviyo-filters"], op.id .. " " .. field)
    if not spec["x-klaviyo-filters"] then
      assert.same(operators, sorted(known))
    end
  end
  assert.equal(rules ~= nil or nil, op.filter and true)
  local size = (function()
    for _, parameter in ipairs(spec.parameters or {}) do
      if parameter.name == "page[size]" then
        return parameter.schema
      end
    end
  end)()
  assert.same(size and {default = size.default, min = size.minimum,
    max = size.maximum}, op.page and op.page.size)
end

local dates = operations.betas()
for _, date in ipairs(operations.revisions()) do
  if not operations.revision(date).is_lenient then  -- there is no document yet
    dates[#dates + 1] = date
  end
end

for _, date in ipairs(dates) do
  describe("the OpenAPI document of " .. date, function()
    local source = openapi.open(beside .. date .. ".json")
    if not source then
      pending("is not there: " .. beside .. date .. ".json")
      return
    end
    local revision = operations.revision(date)

    it("agrees with the table of operations", function()
      local expected_operations = source:operations()
      local own = 0
      for _, id in ipairs(revision:names()) do
        -- a beta revision has the stable operations, too
        own = own + (revision:operation(id).revision and 0 or 1)
      end
      assert.equal(#expected_operations, own)
      local names = {}
      for _, expected in ipairs(expected_operations) do
        names[expected.id:gsub("_beta$", "")] = true
      end
      for _, expected in ipairs(expected_operations) do
        check_operation(revision:operation(expected.id), expected, names)
      end
    end)

    it("accepts every document, and every name in it", function()
      for _, expected in ipairs(source:operations()) do
        for branch = 0, expected.schema and BRANCHES or -1 do
          local wanted = source:sample(expected.schema, branch > 0,
            math.max(branch, 1))
          local flat = source:flatten(expected.schema, wanted)
          local made = document.build(revision:operation(expected.id), flat)
          assert.equal(false, differs(wanted, made, "") or false, expected.id)
        end
      end
    end)
  end)
end
