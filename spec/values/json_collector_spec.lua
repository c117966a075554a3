-- When Lua's collector runs while JSON is decoded, and how much it leaves.
local json = require "klaviyo.values.json"
local leave = require "spec.support.finalizer"

local decode = json.decode

-- A list of 3,000 objects: 200 KB of text, and some 450 KB of values.
local function list()
  local items = {}
  for i = 1, 3000 do
    items[i] = ('{"id":"%d","type":"profile","attributes":{"visits":%d}}'):format(i, i)
  end
  return "[" .. table.concat(items, ",") .. "]"
end

-- Calls a function, and returns how often the collector ran a finalizer that was
-- left again each time.
local function collections(call)
  local count, is_over = 0, false
  local function again()
    leave(function()
      count = count + 1
      if not is_over then
        again()
      end
    end)
  end
  again()
  call()
  is_over = true
  return count
end

describe("the collector #memory", function()
  local text = list()
  local broken = text:sub(1, -2)

  local function heap_after(count, body)
    collectgarbage()
    local before = collectgarbage "count"
    for _ = 1, count do
      decode(body)
    end
    return collectgarbage "count" - before
  end

  it("frees decoded values as fast as other ones", function()
    assert.is_true(heap_after(100, text) < 6000)
    assert.is_nil((decode(broken)))
    assert.is_true(heap_after(100, broken) < 6000)
  end)

  it("does not run if it is stopped", function()
    collectgarbage()
    collectgarbage "stop"
    local count = collections(function()
      for _ = 1, 20 do
        decode(text)
        decode(broken)
      end
    end)
    collectgarbage "restart"
    assert.equal(0, count)
  end)

  if _VERSION == "Lua 5.4" then
    it("runs once for each text at most, if it is generational", function()
      local before = collectgarbage "generational"
      collectgarbage()
      local count = collections(function()
        for _ = 1, 20 do
          decode(text)
        end
      end)
      collectgarbage(before)
      assert.is_true(count >= 1)
      assert.is_true(count <= 20)
    end)
  end
end)
