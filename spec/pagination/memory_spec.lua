-- An iterator keeps one page in memory, however long it is. It runs in a process
-- of its own, so that all memory is the iterator's.
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local PROFILES = 100000

-- Prints name=value lines. Lua's memory is read for every resource, without a
-- forced collection.
local ITERATE = [[
package.path = "./?.lua;" .. package.path
local base_url, wanted, mode = ...
local arguments = { page = { size = 100 } }
if mode == "raw" then
  arguments.raw, arguments.limit = true, tonumber(wanted)
elseif mode == "only" then
  arguments.only, arguments.limit = { "attributes.email" }, tonumber(wanted)
end
local client = require("spec.support.connect")(base_url)

local function high_water()
  for line in io.lines("/proc/self/status") do
    local kilobytes = line:match("^VmHWM:%s+(%d+) kB")
    if kilobytes then
      return tonumber(kilobytes)
    end
  end
end

local received, count, twice, pages, last = {}, 0, 0, 0, nil
local first_lua, peak_lua, tenth_hwm = nil, 0, nil
for number = 1, tonumber(wanted) do
  received[number] = false  -- allocate the list before measuring
end
collectgarbage()
collectgarbage()
for profile, second, _, fourth in client:each("get_profiles", arguments) do
  local page = mode == "raw" and fourth or second
  if page ~= last then
    pages, last = pages + 1, page
    if pages == 11 then
      tenth_hwm = high_water()
    end
  end
  count = count + 1
  local number = tonumber(mode == "raw" and profile:match('"email":"profile%-(%d+)@')
    or mode ~= "raw" and profile.attributes.email:match("^profile%-(%d+)@"))
  if received[number] ~= false then
    twice = twice + 1
  end
  received[number] = true
  local used = collectgarbage("count")
  if pages == 1 then
    first_lua = math.max(first_lua or 0, used)
  end
  peak_lua = math.max(peak_lua, used)
end
local missing = 0
for number = 1, tonumber(wanted) do
  missing = missing + (received[number] and 0 or 1)
end
print(("count=%d twice=%d missing=%d pages=%d lua=%.0f hwm=%.0f"):format(count, twice, missing, pages,
  peak_lua - first_lua, high_water() - tenth_hwm))
]]

describe("an iterator over 100,000 profiles #memory", function()
  local fixture = sandbox.here(setup, teardown, { profiles = PROFILES })

  -- Iterates over `wanted` profiles, and returns the output.
  local function iterate(mode, wanted)
    local output, status = script.run(ITERATE, {
      args = { fixture.server.base_url, tostring(wanted), mode }, timeout = 120,
    })
    assert.equal(0, status, output)
    local result = {}
    for name, value in output:gmatch("(%l+)=(%-?%d+)") do
      result[name] = tonumber(value)
    end
    assert.equal(wanted, result.count, output)
    assert.equal(0, result.twice)
    assert.equal(0, result.missing)
    assert.equal(wanted / 100, result.pages)
    -- kilobytes: Lua's above the first page's, the process's above the tenth's
    assert.is_true(result.lua < 4 * 1024, "Lua memory: " .. output)
    assert.is_true(result.hwm < 6 * 1024, "resident memory: " .. output)
  end

  it("returns each once, in the memory of a page", function()
    iterate("all", PROFILES)
    assert.equal(PROFILES / 100, fixture.server:stats().operations.get_profiles)
  end)

  for _, mode in ipairs { "raw", "only" } do
    it("does so with " .. mode, function()
      iterate(mode, 20000)
    end)
  end
end)
