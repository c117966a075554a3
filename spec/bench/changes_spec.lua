package.path = "bench/?.lua;" .. package.path
local changes = require "changes"
local results_of = require "results"

-- Returns the plain table of a run with these rounds.
local function run(workload, rounds_of)
  local results = results_of.new {}
  for name, rounds in pairs(rounds_of) do
    for _, us in ipairs(rounds) do
      results:add(workload, name, {cpu_us = us})
    end
  end
  return results:plain()
end

local function find(list, subject)
  for _, entry in ipairs(list) do
    if entry.subject == subject then
      return entry
    end
  end
end

describe("the changes since another run", function()
  it("are in per cent, and beyond the spread if the rounds do not overlap", function()
    local entry = changes.list(run("get", {libcurl = {20, 21, 22}}), run("get", {libcurl = {30, 31.5, 32}}))[1]
    assert.same({"get", "libcurl", 21, 31.5}, {entry.workload, entry.subject, entry.before, entry.now})
    assert.near(50, entry.percent, 1e-9)
    assert.is_nil(entry.ratio_percent)
    assert.is_true(entry.is_beyond)
    assert.is_false(entry.is_better)
  end)

  it("are within the spread if the rounds overlap", function()
    local entry = changes.list(run("get", {libcurl = {20, 30, 40}}), run("get", {libcurl = {25, 33, 38}}))[1]
    assert.near(10, entry.percent, 1e-9)
    assert.is_false(entry.is_beyond)
    assert.is_false(changes.list(run("get", {libcurl = {20}}), run("get", {libcurl = {30}}))[1].is_beyond)
  end)

  it("are decided by the ratio, so that a slower machine changes nothing", function()
    local before = run("get", {["klaviyo, LuaJIT"] = {30, 31, 32}, ["libcurl + cjson, LuaJIT"] = {20, 20, 20}})
    local now = run("get", {["klaviyo, LuaJIT"] = {60, 62, 64}, ["libcurl + cjson, LuaJIT"] = {40, 40, 40}})
    local entry = find(changes.list(before, now), "klaviyo, LuaJIT")
    assert.near(100, entry.percent, 1e-9)
    assert.near(0, entry.ratio_percent, 1e-9)
    assert.is_false(entry.is_beyond)
  end)

  it("are better if the ratio is smaller", function()
    local before = run("decode", {["klaviyo, LuaJIT"] = {30, 31, 32}, ["lua-cjson, LuaJIT"] = {40, 40, 40}})
    local now = run("decode", {["klaviyo, LuaJIT"] = {40, 41, 42}, ["lua-cjson, LuaJIT"] = {80, 80, 80}})
    local entry = find(changes.list(before, now), "klaviyo, LuaJIT")
    assert.is_true(entry.is_beyond)
    assert.is_true(entry.is_better)
    assert.near(-33.9, entry.ratio_percent, 0.1)
  end)

  it("compare each subject with its reference", function()
    local kinds = require "kinds"
    assert.equal("libcurl + cjson, Lua 5.4", kinds.reference_of("get", "klaviyo, Lua 5.4"))
    assert.equal("libcurl + cjson, LuaJIT", kinds.reference_of("raw", "lua-curl"))
    assert.equal("lua-cjson, LuaJIT", kinds.reference_of("decode", "JSON.parse in node"))
    assert.equal("libcurl, linked, LuaJIT", kinds.reference_of("start", "klaviyo, LuaJIT"))
    assert.equal("no calls", kinds.reference_of("ping", "klaviyo, all at once"))
    assert.equal("outbox, before", kinds.reference_of("track", "outbox"))
    for _, name in ipairs {"libcurl", "lua-cjson, LuaJIT", "no calls", "track, before", "wrk, past the worker"} do
      assert.is_nil(kinds.reference_of("get", name))
    end
  end)

  it("leave out what only one run has", function()
    assert.same({}, changes.list(run("get", {libcurl = {20}}), run("page", {libcurl = {20}})))
    assert.same({}, changes.list(run("get", {libcurl = {20}}), run("get", {["lua-curl"] = {20}})))
  end)
end)
