-- csrc/lua/l_folder.c and csrc/base/private_file.c
local core = require "klaviyo.core"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function mode(path)
  return script.shell("stat -c %a " .. script.quote(path)):match("%d+")
end

describe("core.write_private_file", function()
  local folders = folder.here(after_each)

  it("creates a file for its owner only, under any umask", function()
    local path = folders.new() .. "/file"
    local output, status = script.run([[
      local core = require "klaviyo.core"
      assert(core.write_private_file(..., "a\0b"))
    ]], {args = {path}, prefix = "sh -c 'umask 0; exec \"$@\"' sh"})
    assert.equal(0, status, output)
    assert.equal("a\0b", read(path))
    assert.equal("600", mode(path))
  end)

  it("replaces a file, and its permissions, and leaves no other", function()
    local dir = folders.new()
    local path = dir .. "/file"
    script.shell("printf old >" .. path .. "; chmod 644 " .. path)
    assert.is_true(core.write_private_file(path, ("x"):rep(300000)))
    assert.equal(("x"):rep(300000), read(path))
    assert.equal("600", mode(path))
    assert.same({"file"}, core.list_folder(dir))
  end)

  it("never shows a part of a file to another process", function()
    local path = folders.new() .. "/file"
    assert.is_true(core.write_private_file(path, ("a"):rep(50000)))
    local wait = script.start([[
      local core, path = require "klaviyo.core", ...
      for i = 1, 200 do
        assert(core.write_private_file(path, (i % 2 == 0 and "a" or "b"):rep(50000)))
      end
    ]], {args = {path}})
    for _ = 1, 2000 do
      local text = read(path)
      assert.equal(50000, #text)
      assert.is_true(text == ("a"):rep(50000) or text == ("b"):rep(50000))
    end
    local output, status = wait()
    assert.equal(0, status, output)
  end)

  it("returns why it failed, and keeps the old file", function()
    local dir = folders.new()
    local ok, why = core.write_private_file(dir .. "/absent/file", "x")
    assert.is_nil(ok)
    assert.equal("No such file or directory", why)
    script.shell("mkdir " .. dir .. "/file")
    ok, why = core.write_private_file(dir .. "/file", "x")
    assert.is_nil(ok)
    assert.matches("directory", why)
    assert.same({"file"}, core.list_folder(dir))
  end)

  it("leaves a file behind when it is killed, which core.remove_leftover removes", function()
    local dir = folders.new()
    local path = dir .. "/file"
    local leftover
    for _ = 1, 100 do
      local wait = script.start([[
        local core, path = require "klaviyo.core", ...
        while true do
          assert(core.write_private_file(path, ("secret"):rep(50000)))
        end
      ]], {args = {path}, timeout = 20, prefix = "timeout -s KILL 0." .. math.random(2, 4)})
      wait()
      for _, name in ipairs(core.list_folder(dir)) do
        leftover = name:match("^file%.%w%w%w%w%w%w$") or leftover
      end
      if leftover then
        break
      end
    end
    assert.is_string(leftover)
    assert.is_true(core.remove_leftover(dir .. "/" .. leftover))
    assert.is_false(core.remove_leftover(dir .. "/" .. leftover))
    assert.same({"file"}, core.list_folder(dir))
  end)

  it("is not disturbed by core.remove_leftover in another process", function()
    local dir = folders.new()
    local path = dir .. "/file"
    local wait = script.start([[
      local core, path, done = require "klaviyo.core", ...
      for _ = 1, 100 do
        assert(core.write_private_file(path, ("x"):rep(50000)))
      end
      io.open(done, "w"):close()
    ]], {args = {path, dir .. "/done"}})
    local found, deadline = 0, klaviyo.clock() + 20
    repeat
      local names = core.list_folder(dir)
      for _, name in ipairs(names) do
        if name:find("^file%.") then
          found = found + 1
          core.remove_leftover(dir .. "/" .. name)
        end
      end
    until core.file_stamp(dir .. "/done") or klaviyo.clock() >= deadline
    local output, status = wait()
    assert.equal(0, status, output)
    assert.is_true(found > 0)
    assert.equal(2, #core.list_folder(dir))
  end)
end)

describe("core.remove_leftover", function()
  local folders = folder.here(after_each)

  it("removes no file that is locked, no folder, and not what a link names", function()
    local dir = folders.new()
    script.shell(("mkdir %s/d; touch %s/f; ln -s f %s/l"):format(dir, dir, dir))
    local held = assert(core.file_lock(dir .. "/locked"))
    for _, name in ipairs {"d", "l", "locked", "absent"} do
      assert.is_false(core.remove_leftover(dir .. "/" .. name), name)
    end
    held:release()
    assert.is_true(core.remove_leftover(dir .. "/locked"))
    local names = core.list_folder(dir)
    table.sort(names)
    assert.same({"d", "f", "l"}, names)
  end)
end)

describe("core.list_folder", function()
  local folders = folder.here(after_each)

  it("returns the names in a folder", function()
    local dir = folders.new()
    assert.same({}, core.list_folder(dir))
    script.shell("touch " .. dir .. "/b " .. dir .. "/.a; mkdir " .. dir .. "/c")
    local names = core.list_folder(dir)
    table.sort(names)
    assert.same({".a", "b", "c"}, names)
  end)

  it("returns why it failed", function()
    local names, why = core.list_folder(folders.new() .. "/absent")
    assert.is_nil(names)
    assert.equal("No such file or directory", why)
  end)
end)

describe("core.file_stamp", function()
  local folders = folder.here(after_each)

  it("differs after a file was replaced, written to, or touched", function()
    local path = folders.new() .. "/file"
    assert.is_true(core.write_private_file(path, "a"))
    local first, second = core.file_stamp(path)
    assert.is_true(math.abs(second - os.time()) <= 5)
    assert.equal(first, (core.file_stamp(path)))
    local stamps = {[first] = true}
    for _, change in ipairs {"printf x >%s.new; mv %s.new %s", "printf yy >%s",
      "touch -d '2020-01-01 00:00:00 UTC' %s"} do
      script.shell((change:gsub("%%s", script.quote(path))))
      local stamp = core.file_stamp(path)
      assert.is_nil(stamps[stamp], change)
      stamps[stamp] = true
    end
    assert.equal(1577836800, select(2, core.file_stamp(path)))
  end)

  it("differs after the content of a folder changed", function()
    local dir = folders.new()
    script.shell("touch -d '2020-01-01 00:00:00 UTC' " .. script.quote(dir))
    local before = core.file_stamp(dir)
    assert.is_true(core.write_private_file(dir .. "/file", "a"))
    assert.is_true(before ~= core.file_stamp(dir))
  end)

  it("returns why there is none", function()
    local stamp, why = core.file_stamp(folders.new() .. "/absent")
    assert.is_nil(stamp)
    assert.equal("No such file or directory", why)
  end)
end)
