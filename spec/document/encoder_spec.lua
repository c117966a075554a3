-- The encoder writes the bytes of the document that document.lua builds, or leaves
-- the table to it. Each operation gets random tables, valid and not, with a fixed
-- seed; SEED=… tries others.
local apis = require "klaviyo.operations.api"
local document = require "klaviyo.document.document"
local encoder = require "klaviyo.document.encoder"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local payload = require "klaviyo.outbox.payload"
local tables = require "klaviyo.util.tables"

local state = tonumber(os.getenv("SEED")) or 20261128

local function random(low, high)
  state = (state * 16807) % 2147483647
  return low + state % (high - low + 1)
end

local function one_in(count)
  return random(1, count) == 1
end

local function choice(list)
  return list[random(1, #list)]
end

local TEXTS = {"a", "", "a\"b", "é", "x@y.z", "\1", "2026-01-01", "null"}
local NUMBERS = {0, 1, -5, 1.5, 2^53, 2^60, 1e300, -0.25, 3.0}

local DATETIME = klaviyo.datetime(1767225600)

-- Values that few members take, or none.
local function odd()
  return choice {
    json.null, true, false, choice(TEXTS), choice(NUMBERS), {}, {1, 2}, {a = 1}, json.array {}, json.array {"x"},
    {data = {}}, setmetatable({a = 1}, {}), DATETIME, {{}}, {id = "1", type = "list"}, 0 / 0, "\255", {[1] = 1, a = 2},
    {[2] = "x"}, {a = {b = {c = {}}}}, {a = "\255"}, setmetatable({}, {__tojson = function() return {1} end}),
  }
end

local flat

local function value_of(member, depth)
  if one_in(12) then
    return odd()
  elseif member.nullable and one_in(6) then
    return json.null
  elseif member.any_of then
    return value_of(choice(member.any_of), depth)
  end
  local kind = member.type
  if kind == "string" then
    return choice(TEXTS)
  elseif kind == "integer" then
    return random(-3, 100)
  elseif kind == "number" then
    return choice(NUMBERS)
  elseif kind == "boolean" then
    return one_in(2)
  elseif kind == "document" and member.many or kind == "list" then
    local list = one_in(2) and {} or json.array {}
    for i = 1, random(0, 2) do
      if kind == "list" then
        list[i] = value_of(member.items, depth + 1)
      else
        list[i] = flat(member.document, depth + 1)
      end
    end
    return list
  elseif kind == "document" then
    return flat(member.document, depth + 1)
  elseif member.members then
    return flat({attributes = member.members}, depth + 1)
  end
  return choice {{a = 1, b = {"x", json.null}}, {}, {["a b"] = {{}}}, {n = 1.25, t = DATETIME}}
end

-- Returns a name as a program may write it.
local function spelled(name)
  return one_in(3) and name or (name:gsub("-", "_"))
end

-- Returns a flat table of a resource: mostly with what it needs.
function flat(res, depth)
  if one_in(15) then
    return choice(TEXTS)
  end
  local t, needed = {}, res.required or {}
  for _, name in ipairs(tables.sorted(res.attributes)) do
    local member = res.attributes[name]
    if member.required and not one_in(40) or one_in(depth + 1) and depth < 5 then
      t[spelled(name)] = value_of(member, depth)
    end
  end
  for _, name in ipairs(tables.sorted(res.relationships)) do
    local member = res.relationships[name]
    if member.required and not one_in(40) or one_in(4) then
      t[name] = member.many and {"1", "2"} or "1"
    end
  end
  for _, name in ipairs(tables.sorted(res.meta)) do
    if one_in(4) then
      t.meta = {[name] = value_of(res.meta[name], depth)}
    end
  end
  if res.id and (needed.id or one_in(3)) then
    t.id = one_in(10) and odd() or "01ABC"
  end
  if res.type and one_in(6) then
    t.type = one_in(5) and odd() or res.type
  end
  if one_in(15) then
    t[choice {"unknown", "emial", "data", "attributes", "a-b", 1, 2, true}] = odd()
  end
  return t
end

-- An event without an id would get another one each time.
local function with_id(op, t)
  if op.path:find("events$") and type(t) == "table" and t.unique_id == nil then
    t.unique_id = "the-id"
  end
  return t
end

describe("document/encoder.lua", function()
  for _, revision in ipairs {"2024-10-15", "2026-07-15"} do
    it("writes what document.lua builds, or nothing, in " .. revision, function()
      local api = apis.of {revision = revision, fall_forward = false}
      local settings, operations = {}, 0
      local used, tried, invalid = 0, 0, 0
      for _, id in ipairs(api:names()) do
        local op = api:get(id)
        if op.body and op.body.style == "document" and encoder.of(op) then
          operations = operations + 1
          encoder.encode(op, {}, settings, api)  -- the first use makes no encoder
          for _ = 1, 60 do
            local t = with_id(op, flat(op.body.resource, 1))
            local body = encoder.encode(op, t, settings, api)
            local ok, text = pcall(function()
              return json.encode(document.build(op, t, settings, api))
            end)
            tried = tried + 1
            if not ok then
              invalid = invalid + 1
              assert.is_nil(body, id .. ": " .. tostring(text))
            elseif body then
              used = used + 1
              assert.equal(text, tostring(body), id)
            end
          end
        end
      end
      -- else the comparison would show nothing
      assert.is_true(operations > 40, operations)
      assert.is_true(used > tried / 4, used .. " of " .. tried)
      assert.is_true(invalid > tried / 10, invalid .. " of " .. tried)
    end)
  end

  it("writes the payload of an event for the outbox as payload.lua does", function()
    local client = klaviyo.new {api_key = "pk_sample", on_warning = function() end}
    local settings = {}
    local api = apis.of {revision = "2024-10-15"}
    local op = api:get("create_event")
    encoder.encode(op, {}, settings, api)  -- the first use makes no encoder
    local valid, used = 0, 0
    for _ = 1, 1000 do
      local t = flat(op.body.resource, 1)
      t = with_id(op, type(t) == "table" and t or {})
      t.data = nil  -- payload.lua takes documents, too
      local ok, text, id = {}, {}, {}
      for i = 1, 2 do
        local event = i == 1 and t or encoder.tracked(op, t, settings, api)
        ok[i], text[i], id[i] = pcall(payload.of, event, client, 1767225600)
      end
      assert.equal(ok[1], ok[2])
      if ok[1] then
        valid = valid + 1
        used = used + (encoder.encode_event(op, t, settings, api, "x") and 1 or 0)
        if id[1] ~= id[2] then  -- the program passed null or ""
          text[2] = tostring(text[2]):gsub(id[2]:gsub("%p", "%%%0"), id[1])
        end
      end
      assert.equal(tostring(text[1]), tostring(text[2]))
    end
    assert.is_true(valid > 200 and used > valid / 3, used .. " of " .. valid)
  end)
end)
