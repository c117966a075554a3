local revision_file = require "klaviyo.operations.revision_file"
local index = require "klaviyo.operations.revisions.index"

local compile = loadstring or load  -- luacheck: ignore 113

local PREFIX = "klaviyo.operations.revisions."

local function unload(name)
  local value = package.loaded[name]
  package.loaded[name] = nil
  finally(function() package.loaded[name] = value end)
end

-- Writes a module with this text, whose name no other test has; returns the name.
local count = 0
local function module_of(text)
  count = count + 1
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  local name = ("revision_file_spec_%d"):format(count)
  local file = assert(io.open(("%s/%s.lua"):format(folder, name), "wb"))
  file:write(text)
  file:close()
  local before = package.path
  package.path = folder .. "/?.lua;" .. package.path
  finally(function()
    package.path = before
    os.execute("rm -r " .. folder)
  end)
  return name
end

describe("a revision's file", function()
  for _, dates in ipairs {index, index.betas} do
    for _, date in ipairs(dates) do
      local own = date:gsub("%.", "-")
      it("of " .. date .. " is read as the module that it is", function()
        for _, name in ipairs {PREFIX .. own, PREFIX .. "schemas." .. own} do
          unload(name)
          local read = revision_file.load(name)
          assert.is_nil(package.loaded[name])  -- it was not compiled
          local compiled = require(name)
          if type(read) == "table" then
            read = {date = read.date, follows = read.follows, operations = read.operations, fields = read.fields}
          end
          assert.same(compiled, read)
        end
      end)
    end
  end

  it("is read once", function()
    local name = module_of 'return {\n  date = "x",\n  -- 2 bytes\n  operations = [=[\na\n]=],\n}\n'
    local read = revision_file.load(name)
    assert.same({date = "x", operations = "a\n"}, read)
    assert.equal(read, revision_file.load(name))
    assert.is_nil(package.loaded[name])
  end)

  for what, text in pairs {
    ["has a size that is too small"] = 'return {\n  date = "x",\n  -- 1 bytes\n  operations = [=[\na\n]=],\n}\n',
    ["has a size that is too large"] = 'return {\n  date = "x",\n  -- 3 bytes\n  operations = [=[\na\n]=],\n}\n',
    ["has a size beyond its end"] = 'return {\n  date = "x",\n  -- 99999 bytes\n  operations = [=[\na\n]=],\n}\n',
    ["has no size"] = 'return {\n  date = "x",\n  operations = [=[\na\n]=],\n}\n',
    ["is written on one line"] = 'return {date = "x", operations = "a\\n"}',
    ["is bytecode"] = string.dump(compile 'return {date = "x", operations = "a\\n"}'),
  } do
    it("is compiled if it " .. what, function()
      local name = module_of(text)
      assert.same({date = "x", operations = "a\n"}, revision_file.load(name))
      assert.is_table(package.loaded[name])
    end)
  end

  it("is compiled if a string has a wrong size", function()
    assert.equal("a\n", revision_file.load(module_of "-- 1 bytes\nreturn [=[\na\n]=]\n"))
    assert.equal("a\n", revision_file.load(module_of "-- 3 bytes\nreturn [=[\na\n]=]\n"))
  end)

  it("is not read if the program brings the module itself", function()
    local name = module_of 'return {\n  date = "of the file",\n}\n'
    package.preload[name] = function() return {date = "x"} end
    finally(function() package.preload[name] = nil end)
    assert.equal("x", revision_file.load(name).date)
  end)
end)
