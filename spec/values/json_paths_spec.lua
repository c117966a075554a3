-- json.decode with `only`: the members that were asked for are built, and all
-- others are checked as if they were.
local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local leave = require "spec.support.finalizer"
local raises = require "spec.support.raises"

local function only(text, ...)
  local value, err = klaviyo.json.decode(text, {only = {...}})
  assert.is_nil(err)
  return json.encode(value)
end

-- A small generator of our own: the same texts on every interpreter.
local seed = 20261128
local function random(low, high)
  seed = (seed * 16807) % 2147483647
  return low + seed % (high - low + 1)
end

local unpack = table.unpack or unpack -- luacheck: ignore 113

local NAMES = {"a", "b", "c", "long_name_of_a_member"}
local SCALARS = {"0", "-12.5e-1", "820982911946154508", "true", "false", "null", '"x"', '"\\u0061\\n"', '""'}

local function value(depth)
  local kind = random(1, depth > 4 and 1 or 3)
  if kind == 1 then
    return SCALARS[random(1, #SCALARS)]
  end
  local list = {}
  for i = 1, random(0, 4) do
    list[i] = (kind == 3 and ('"%s": '):format(NAMES[random(1, #NAMES)]) or "") .. value(depth + 1)
  end
  return kind == 2 and "[" .. table.concat(list, " ,") .. "]" or "{" .. table.concat(list, ",") .. "}"
end

local function path()
  local names = {}
  for i = 1, random(1, 3) do
    names[i] = NAMES[random(1, #NAMES)]
  end
  return table.concat(names, ".")
end

-- Returns what `only` keeps of a value: slowly, from the value that has all.
local function filtered(whole, paths)
  if type(whole) ~= "table" or paths[""] then
    return whole
  end
  local kept = json.is_array(whole) and json.array {} or {}
  if json.is_array(whole) then
    for i, item in ipairs(whole) do
      kept[i] = filtered(item, paths)
    end
    return kept
  end
  for name, member in pairs(whole) do
    local below = {}
    for each in pairs(paths) do
      local first, rest = each:match("^([^.]*)%.?(.*)$")
      if first == name then
        below[rest] = true
      end
    end
    if next(below) then
      kept[name] = filtered(member, below)
    end
  end
  return kept
end

describe("only", function()
  it("builds the members that it names", function()
    local text = '{"id":"1","type":"profile","attributes":{"email":"a@b","location":{"city":"x","zip":"1"}}}'
    assert.equal('{"id":"1"}', only(text, "id"))
    assert.equal('{"attributes":{"email":"a@b"},"id":"1"}', only(text, "id", "attributes.email"))
    assert.equal('{"attributes":{"location":{"city":"x"}}}', only(text, "attributes.location.city"))
    assert.equal('{"attributes":{"location":{"city":"x","zip":"1"}}}', only(text, "attributes.location"))
    assert.equal("{}", only(text, "email"))
    assert.equal('{"attributes":{}}', only(text, "attributes.phone_number"))
  end)

  it("takes a member as a whole if one of its paths does", function()
    local text = '{"a":{"b":1,"c":2}}'
    assert.equal(text, only(text, "a", "a.b"))
    assert.equal(text, only(text, "a.b", "a"))
    assert.equal(text, only(text, "a", "a"))
  end)

  it("applies to each item of a list", function()
    assert.equal('[{"a":1},{"a":2},[{"a":3}],{}]', only('[{"a":1,"b":1},{"b":[{}],"a":2},[{"a":3}],{}]', "a"))
    assert.equal('{"a":[{"b":1},{},{"b":[2]}]}', only('{"a":[{"b":1,"c":{}},{"c":0},{"b":[2]}],"b":[[[]]]}', "a.b"))
    assert.equal('{"a":[]}', only('{"a":[],"b":[]}', "a.b"))
  end)

  it("keeps values on the way that have no members", function()
    assert.equal('{"a":null}', only('{"a":null,"c":1}', "a.b"))
    assert.equal('{"a":[1,{"b":2},null]}', only('{"a":[1,{"b":2,"c":3},null]}', "a.b"))
    assert.equal("5", only("5", "a"))
    assert.equal("null", only("null", "a"))
  end)

  it("finds names with escapes, and the last of two members", function()
    assert.equal('{"a":{"é":1}}', only([[{"\u0061":{"\u00e9":1,"\u00ea":2}}]], "a.é"))
    assert.equal('{"a":{"b":2}}', only('{"a":{"b":1},"a":{"c":1,"b":2}}', "a.b"))
    assert.equal('{"a":null}', only('{"a":{"b":1},"x":{},"a":null}', "a.b"))
    assert.equal("{}", only('{"a.b":1}', "a.b"))
  end)

  it("returns what is left of a value with all members", function()
    local smaller = 0
    for _ = 1, 4000 do
      local text, paths, set = ('{"a":%s,"b":%s}'):format(value(1), value(1)), {}, {}
      for i = 1, random(1, 3) do
        paths[i] = path()
        set[paths[i]] = true
      end
      local whole = assert(json.decode(text))
      local expected = json.encode(filtered(whole, set))
      assert.message(text .. " " .. table.concat(paths, " ")).equal(expected, only(text, unpack(paths)))
      smaller = smaller + (#expected < #json.encode(whole) and 1 or 0)
    end
    assert.is_true(smaller > 1000)
  end)

  it("refuses the texts that are refused without it, with the same error", function()
    local pieces = {"", "{", "}", "[", "]", ",", ":", '"', "\\", "1", "-", "nul", ".", "e", "\1", '"\\u12', " "}
    local bad = 0
    for _ = 1, 4000 do
      local text = value(0)
      local at = random(1, #text)
      text = text:sub(1, at - 1) .. pieces[random(1, #pieces)] .. text:sub(at + random(0, 1))
      local _, expected = klaviyo.json.decode(text)
      local _, err = klaviyo.json.decode(text, {only = {path(), path()}})
      assert.message(text).equal(expected and expected.message, err and err.message)
      bad = bad + (err and 1 or 0)
    end
    assert.is_true(bad > 1000)
  end)

  it("checks what it skips: its depth, its numbers, its end", function()
    local paths = json.paths({"id"}, "only")
    for text, expected in pairs {
      ['{"a":' .. ("["):rep(999) .. ("]"):rep(999) .. "}"] = "",
      ['{"a":' .. ("["):rep(1000)] = "nested too deep at byte 1005 (found '[')",
      ['{"a":[01]}'] = "invalid number at byte 8 (found '1')",
      ['{"a":{"b":-}}'] = "invalid number at byte 12 (found '}')",
      ['{"a":["\\x"]}'] = "invalid escape in a string at byte 9 (found 'x')",
      ['{"a":{"b":1 "c":2}}'] = 'expected "," or "}" at byte 13 (found \'"\')',
      ['{"a":[1,]}'] = "expected a value at byte 9 (found ']')",
      ['{"a":{}'] = 'expected "," or "}" at byte 8 (found the end)',
      ['{"a":[1'] = 'expected "," or "]" at byte 8 (found the end)',
    } do
      local read, message = json.decode(text, paths)
      assert.same({expected == "" and {} or nil, expected ~= "" and expected or nil}, {read, message})
    end
  end)

  it("can be used by a finalizer while another text is decoded", function()
    local paths = json.paths({"a.b"}, "only")
    local long, n = "[" .. ('{"\\u0061":{"b":"\\n","c":[{}]}},'):rep(200) .. "0]", 0
    local expected = "[" .. ('{"a":{"b":"\\n"}},'):rep(200) .. "0]"
    for _ = 1, 200 do
      leave(function()
        n = n + 1
        assert(json.encode((json.decode('{"a":{"\\u0062":1,"x":2}}', paths))) == '{"a":{"b":1}}')
      end)
      assert.is_true(json.encode((json.decode(long, paths))) == expected)
    end
    collectgarbage()
    assert.is_true(n > 50)
  end)

  it("must be a list of paths", function()
    for _, bad in ipairs {{}, "id", 5, {id = true}, {""}, {"a..b"}, {".a"}, {"a."}, {"id", 5}, {{"id"}}} do
      raises("json.decode: only", function() klaviyo.json.decode("{}", {only = bad}) end)
    end
    raises('unknown option of json.decode "onyl"', function() klaviyo.json.decode("{}", {onyl = {"id"}}) end)
  end)
end)

describe("core.json_paths", function()
  it("can begin in some members of the text, and keep the others", function()
    local paths = core.json_paths({"id"}, {"data"})
    assert.same({data = {{id = 1}, {id = 2}}, meta = {id = 3, x = 4}},
      (json.decode('{"data":[{"id":1,"x":1},{"x":2,"id":2}],"meta":{"id":3,"x":4}}', paths)))
  end)

  it("can add the text of each object", function()
    local paths = core.json_paths({"id", "type"}, {"data", "included"}, true)
    for _ = 1, 1000 do
      local resources, parts = {}, {}
      for i = 1, random(0, 5) do
        resources[i] = ('{%s"x":%s, "type":"t" ,"id":"%d" ,"y":%s}'):format(
          random(1, 2) == 1 and " " or "\n", value(1), i, value(1))
        parts[i] = (" "):rep(random(0, 2)) .. resources[i] .. (" "):rep(random(0, 2))
      end
      local text = ('{"x":{"id":{}},"data":[%s],"included":%s}'):format(
        table.concat(parts, ","), resources[1] or "null")
      local read = assert(json.decode(text, paths))
      assert.same({id = {}}, read.x)
      assert.equal(#resources, #read.data)
      for i, resource in ipairs(resources) do
        assert.same({id = tostring(i), type = "t", text = resource}, read.data[i])
      end
      assert.same(resources[1] and read.data[1] or klaviyo.null, read.included)
    end
  end)

  it("raises for anything but lists of strings", function()
    for _, bad in ipairs {{}, {5}, {{true}}, {{"a"}, 5}, {{"a"}, {{}}}} do
      assert.is_false((pcall(core.json_paths, unpack(bad, 1, 2))))
    end
    assert.is_false((pcall(json.decode, "{}", {})))
    assert.is_false((pcall(json.decode, "{}", io.stdout)))
  end)
end)
