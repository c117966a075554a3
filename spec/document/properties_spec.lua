-- Random documents and random filters, sent to the sandbox and read back. The
-- sandbox has its own JSON and filter parsers. Each run uses other values;
-- SEED=… repeats a run that failed.
local f = require "klaviyo.values.filter"
local sandbox_filter = require "klaviyo.sandbox.filter"
local klaviyo = require "klaviyo"
local sandbox_json = require "klaviyo.sandbox.json"
local sandbox = require "spec.support.sandbox"

local seed = tonumber(os.getenv("SEED")) or os.time() % 2147483646 + 1
local state = seed

local function random(low, high)
  state = (state * 16807) % 2147483647
  return low + state % (high - low + 1)
end

local function choice(list)
  return list[random(1, #list)]
end

-- Declares a spec that prints the seed if it fails.
local function holds(name, body)
  it(name, function()
    state = seed
    local ok, err = xpcall(body, function(e)
      return type(e) == "string" and debug.traceback(e, 2) or e
    end)
    if not ok then
      print(("\nproperties_spec.lua: SEED=%d repeats it"):format(seed))
      error(err, 0)
    end
  end)
end

-- Values ---------------------------------------------------------------------

local PIECES = {
  "a", "Z", "0", " ", '"', "\\", "'", "/", ",", "(", ")", "[", "]", "{", "}", "%", "&", "=", "+", "#", "?", ";", ":",
  "\n", "\r\n", "\t", "\1", "\31", "\127", "\\u0041", '\\"', "é", "€", "\226\128\168", "😀", "null", "true", '","',
  '"),equals(id,"',
}

local function text(most)
  local parts = {}
  for i = 1, random(0, most or 12) do
    parts[i] = choice(PIECES)
  end
  return table.concat(parts)
end

local function number()
  local kind = random(1, 5)
  if kind == 1 then
    return random(-9, 9)
  elseif kind == 2 then
    return random(0, 2147483646) * 4194304 + random(0, 4194303) -- below 2^53
  elseif kind == 3 then
    return random(-1000000, 1000000) / choice { 10, 100, 1000, 8 }
  elseif kind == 4 then
    return random(1, 2147483646) / random(1, 2147483646)
  end
  return random(1, 2147483646) * 10 ^ random(-300, 290)
end

local value

local function object(depth)
  local t = {}
  for _ = 1, random(0, 4) do
    t["k" .. text(3)] = value(depth - 1)
  end
  return t
end

local function array(depth)
  local list = {}
  for i = 1, random(0, 4) do
    list[i] = value(depth - 1)
  end
  return klaviyo.array(list)
end

function value(depth)
  local kind = random(1, depth > 0 and 7 or 5)
  if kind <= 2 then
    return text()
  elseif kind == 3 then
    return number()
  elseif kind == 4 then
    return random(0, 1) == 1
  elseif kind == 5 then
    return klaviyo.null
  end
  return kind == 6 and object(depth) or array(depth)
end

-- Compares JSON values: neither the Lua type of a number nor the mark of an array counts.
local function equal_json(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, member in pairs(a) do
    if not equal_json(member, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- Filters --------------------------------------------------------------------

local ONE = { "equals" }
local TEXT = { "contains", "starts_with", "ends_with" }
local ORDERED = { "less_than", "less_or_equal", "greater_than", "greater_or_equal" }
local LISTS = { "any", "contains_any", "contains_all" }

local function random_datetime()
  return klaviyo.datetime(random(0, 4102444799) + choice { 0, 0.5, 0.25 })
end

local function literal()
  return choice { text, number, random_datetime, function() return random(0, 1) == 1 end }()
end

local function same_kinds()
  local make, list = choice { text, number, random_datetime }, {}
  for i = 1, random(1, 5) do
    list[i] = make()
  end
  return list
end

-- Returns a filter, and the terms that it should have, in order.
local function tree(depth)
  if depth > 0 and random(1, 3) == 1 then
    local parts, terms = {}, {}
    for i = 1, random(1, 4) do
      local part, inner = tree(depth - 1)
      parts[i] = part
      for _, term in ipairs(inner) do
        terms[#terms + 1] = term
      end
    end
    return f.all((unpack or table.unpack)(parts)), terms
  end
  local field = choice { "email", "timestamp", "properties.a-b", "_kx", "x.$y", "Email Domain" }
  local kind = random(1, 5)
  if kind == 5 then
    return f.has(field), { { operator = "has", field = field } }
  end
  local operators = ({ ONE, TEXT, ORDERED, LISTS })[kind]
  local operator = choice(operators)
  local operand
  if operators == ONE then
    operand = random(1, 6) == 1 and klaviyo.null or literal()
  elseif operators == TEXT then
    operand = text()
  elseif operators == ORDERED then
    operand = choice { number, random_datetime }()
  else
    operand = same_kinds()
  end
  return f[operator](field, operand), { { operator = operator:gsub("_", "-"), field = field, operand = operand } }
end

local function matches(operand, parsed)
  if operand == nil then
    return parsed == nil
  elseif operand == klaviyo.null then
    return parsed.kind == "null"
  elseif parsed.kind == "list" then
    for i, item in ipairs(operand) do
      if not matches(item, parsed.value[i]) then
        return false
      end
    end
    return #operand == #parsed.value
  elseif parsed.kind == "datetime" then
    return tostring(operand) == parsed.text
  end
  return parsed.kind == type(operand) and parsed.value == operand
end

local function decoded(part)
  return (part:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

describe("a random value", function()
  local fixture = sandbox.here(setup, teardown)

  holds("is parsed from a filter as it was passed, in a query too", function()
    for _ = 1, 400 do
      local filter, terms = tree(3)
      local request = fixture.client:build("get_profiles", { query = { filter = tostring(filter) } })
      assert.equal(tostring(filter), decoded(request.url:match("[?&]filter=([^&]*)")))
      local parsed, why = sandbox_filter.parse(tostring(filter))
      assert(parsed, why)
      assert.equal(#terms, #parsed)
      for i, term in ipairs(terms) do
        assert.equal(term.operator, parsed[i].operator)
        assert.equal(term.field, parsed[i].field)
        assert.message(tostring(filter)).is_true(matches(term.operand, parsed[i].value))
      end
      assert.equal(#terms, #f.terms(tostring(filter)))
    end
  end)

  holds("is decoded from JSON as it was passed", function()
    for _ = 1, 400 do
      local passed = object(4)
      local request = fixture.client:build("create_profile", { body = { data = passed } })
      local parsed, why = sandbox_json.decode(request.body)
      assert(not why, why)
      -- the sandbox keeps the text of numbers that a double cannot represent
      local function plain(v)
        if sandbox_json.kind(v) == "null" then
          return klaviyo.null
        elseif sandbox_json.to_number(v) then
          return sandbox_json.to_number(v)
        elseif type(v) ~= "table" then
          return v
        end
        local out = {}
        for key, member in pairs(v) do
          out[key] = plain(member)
        end
        return out
      end
      assert.message(request.body).is_true(equal_json(passed, plain(parsed.data)))
    end
  end)

  holds("is returned in a document as it was sent", function()
    for i = 1, 60 do
      local passed = {
        email = ("someone-%d@example.com"):format(i), first_name = "x" .. text(), last_name = "x" .. text(),
        properties = object(3),
      }
      local made = assert(fixture.client.profiles:create(passed))
      local got = assert(fixture.client.profiles:get(made.data.id)).data.attributes
      for name, member in pairs(passed) do
        assert.message(made.response.body).is_true(equal_json(member, got[name]), name)
      end
    end
  end)

  holds("is found by a filter", function()
    local all = {}
    for i = 1, 40 do
      local id = i .. text(6)
      all[i] = { email = ("found-%d@example.com"):format(i), external_id = id }
      all[i].id = assert(fixture.client.profiles:create { email = all[i].email, external_id = id }).data.id
    end
    local function some()
      local picked, names = {}, {}
      local field = choice { "id", "email", "external_id" }
      for _ = 1, random(1, 4) do
        local one = choice(all)
        picked[#picked + 1], names[one.id] = one[field], true
      end
      return #picked == 1 and f.equals(field, picked[1]) or f.any(field, picked), names
    end
    for _ = 1, 60 do
      local one, wanted = some()
      local other, too = some()
      local both = random(1, 2) == 1
      local found = {}
      for profile in fixture.client:each("get_profiles", { filter = both and f.all(one, other) or one }) do
        found[profile.id] = true
      end
      for id in pairs(wanted) do
        wanted[id] = not both and true or too[id]
      end
      assert.same(wanted, found)
    end
  end)
end)
