-- klaviyo.file_lock and klaviyo.clock.
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

describe("klaviyo.file_lock", function()
  local folders = folder.here(after_each)

  it("is held by one process at a time, until it is released", function()
    local path = folders.new() .. "/lock"
    local text = [[
      local lock, err = require("klaviyo").file_lock(...)
      print(lock and "locked" or err.kind .. " " .. tostring(err.code) .. " " .. err.message)
    ]]
    local lock = assert(klaviyo.file_lock(path))
    assert.equal("file locked " .. path .. " is locked by another process\n",
      (script.run(text, {args = {path}})))
    local other, err = klaviyo.file_lock(path)
    assert.is_nil(other)
    assert.equal("locked", err.code)
    lock:release()
    lock:release()
    assert.equal("locked\n", (script.run(text, {args = {path}})))
    assert(klaviyo.file_lock(path)):release()
  end)

  it("is released when nothing refers to it", function()
    local path = folders.new() .. "/lock"
    assert(klaviyo.file_lock(path))
    assert(klaviyo.file_lock(path)):release()
  end)

  it("returns an error for a file that cannot be opened", function()
    local lock, err = klaviyo.file_lock(folders.new() .. "/absent/lock")
    assert.is_nil(lock)
    assert.equal("file", err.kind)
    assert.is_nil(err.code)
    assert.matches("absent/lock cannot be locked: No such file", err.message)
    raises("file_lock takes the path of a file, not a number", function() klaviyo.file_lock(5) end)
  end)
end)

describe("klaviyo.clock", function()
  it("measures durations", function()
    local began = klaviyo.clock()
    klaviyo.sleep(0.02)
    local seconds = klaviyo.clock() - began
    assert.is_true(seconds >= 0.02 and seconds < 5, seconds)
  end)
end)
