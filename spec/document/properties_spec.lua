-- Random documents and random filters, there and back again through the
-- sandbox, which has a JSON and a filter language of its own. Each run takes
-- other ones; SEED=… repeats a run that failed.
local f = require "klaviyo.values.filter"
local judge = require "klaviyo.sandbox.filter"
local klaviyo = require "klaviyo"
local codec = require "klaviyo.sandbox.json"
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

-- A property that says which seed broke it.
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

-- As values of JSON, whatever Lua type a number has and whatever marks an array.
local function alike(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, member in pairs(a) do
    if not alike(member, b[key]) then
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

local function instant()
  return klaviyo.datetime(random(0, 4102444799) + choice { 0, 0.5, 0.25 })
end

local function literal()
  return choice { text, number, instant, function() return random(0, 1) == 1 end }()
end

local function same_kinds()
  local make, list = choice { text, number, instant }, {}
  for i = 1, random(1, 5) do
    list[i] = make()
  end
  return list
end

-- A filter, and the terms that it is to have, in order.
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
    operand = choice { number, instant }()
  else
    operand = same_kinds()
  end
  return f[operator](field, operand), { { operator = operator:gsub("_", "-"), field = field, operand = operand } }
end

local function is_told(operand, told)
  if operand == nil then
    return told == nil
  elseif operand == klaviyo.null then
    return told.kind == "null"
  elseif told.kind == "list" then
    for i, item in ipairs(operand) do
      if not is_told(item, told.value[i]) then
        return false
      end
    end
    return #operand == #told.value
  elseif told.kind == "datetime" then
    return tostring(operand) == told.text
  end
  return told.kind == type(operand) and told.value == operand
end

local function decoded(part)
  return (part:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

describe("whatever there is", function()
  local world = sandbox.here(setup, teardown)

  holds("a filter says what was meant, in a query too", function()
    for _ = 1, 400 do
      local filter, terms = tree(3)
      local request = world.client:build("get_profiles", { query = { filter = tostring(filter) } })
      assert.equal(tostring(filter), decoded(request.url:match("[?&]filter=([^&]*)")))
      local told, why = judge.parse(tostring(filter))
      assert(told, why)
      assert.equal(#terms, #told)
      for i, term in ipairs(terms) do
        assert.equal(term.operator, told[i].operator)
        assert.equal(term.field, told[i].field)
        assert.message(tostring(filter)).is_true(is_told(term.operand, told[i].value))
      end
      assert.equal(#terms, #f.terms(tostring(filter)))
    end
  end)

  holds("what is written in JSON is what was given", function()
    for _ = 1, 400 do
      local given = object(4)
      local request = world.client:build("create_profile", { body = { data = given } })
      local told, why = codec.decode(request.body)
      assert(not why, why)
      -- the sandbox keeps numbers that a double cannot hold as they are written
      local function plain(v)
        if codec.kind(v) == "null" then
          return klaviyo.null
        elseif codec.to_number(v) then
          return codec.to_number(v)
        elseif type(v) ~= "table" then
          return v
        end
        local out = {}
        for key, member in pairs(v) do
          out[key] = plain(member)
        end
        return out
      end
      assert.message(request.body).is_true(alike(given, plain(told.data)))
    end
  end)

  holds("a document comes back as it went", function()
    for i = 1, 60 do
      local given = {
        email = ("someone-%d@example.com"):format(i), first_name = "x" .. text(), last_name = "x" .. text(),
        properties = object(3),
      }
      local made = assert(world.client.profiles:create(given))
      local got = assert(world.client.profiles:get(made.data.id)).data.attributes
      for name, member in pairs(given) do
        assert.message(made.response.body).is_true(alike(member, got[name]), name)
      end
    end
  end)

  holds("a filter finds what is meant", function()
    local all = {}
    for i = 1, 40 do
      local id = i .. text(6)
      all[i] = { email = ("found-%d@example.com"):format(i), external_id = id }
      all[i].id = assert(world.client.profiles:create { email = all[i].email, external_id = id }).data.id
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
      for profile in world.client:each("get_profiles", { filter = both and f.all(one, other) or one }) do
        found[profile.id] = true
      end
      for id in pairs(wanted) do
        wanted[id] = not both and true or too[id]
      end
      assert.same(wanted, found)
    end
  end)
end)
