-- What json.decode gives: numbers that are exact, lists that stay lists, and
-- an error that says what is wrong at which byte.
local cjson = require "cjson"
local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local leave = require "spec.support.finalizer"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"

local is_luajit = rawget(_G, "jit") ~= nil
local decode = json.decode

-- A small generator of our own: the same texts on every interpreter.
local seed = 20261128
local function random(low, high)
  seed = (seed * 16807) % 2147483647
  return low + seed % (high - low + 1)
end

local function again(text)
  return json.encode((assert(decode(text))))
end

describe("numbers", function()
  it("are integers if their value is integral", function()
    for text, printed in pairs {
      ["0"] = "0", ["3"] = "3", ["-7"] = "-7", ["5571237412928"] = "5571237412928",
      ["1234567890123456"] = "1234567890123456", ["9007199254740992"] = "9007199254740992",
      ["3.0"] = "3", ["-3.000"] = "-3", ["1e3"] = "1000", ["1E+3"] = "1000", ["25e-1"] = "2.5", ["250e-1"] = "25",
      ["0.0"] = "0", ["0e5"] = "0", ["1.5e15"] = "1500000000000000",
    } do
      local value = decode(text)
      assert.equal("number", type(value))
      assert.equal(printed, ("%.16g"):format(value))
      if not is_luajit then
        assert.equal(text == "25e-1" and "float" or "integer", math.type(value))
        assert.equal(printed, tostring(value))
      end
    end
  end)

  it("are formatted as they are in the response", function()
    local profile = decode '{"orders":3,"shopify_id":5571237412928}'
    assert.equal("/orders/5571237412928 3", "/orders/" .. profile.shopify_id .. " " .. profile.orders)
    for _, id in ipairs { "5571237412928", "1234567890123456", "820982911946154508" } do
      assert.equal(id, ("%d"):format(decode(id)))
    end
  end)

  it("are exact in 64 bits, and are encoded unchanged", function()
    for _, text in ipairs {
      "820982911946154508", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808",
      "9223372036854775806", "1000000000000000001", "-820982911946154508",
    } do
      local value = decode(text)
      assert.equal(text, (tostring(value):gsub("LL$", "")))
      assert.equal(text, json.encode(value))
      assert.equal("[" .. text .. "]", again("[" .. text .. "]"))
      if not is_luajit then
        assert.equal("integer", math.type(value))
      end
    end
    assert.equal("number", type(decode "9007199254740992"))
    assert.equal("number", type(decode "-9007199254740992"))
  end)

  it("beyond signed 64 bits are unsigned in LuaJIT, floats in Lua", function()
    for _, text in ipairs { "9223372036854775808", "18446744073709551615", "10000000000000000000" } do
      local value = decode(text)
      if is_luajit then
        assert.equal(text .. "ULL", tostring(value))
        assert.equal(text, json.encode(value))
      else
        assert.equal("float", math.type(value))
        assert.equal(tonumber(text), value)
      end
    end
    for _, text in ipairs { "18446744073709551616", "-9223372036854775809", "99999999999999999999",
        "-18446744073709551616", "123456789012345678901234567890" } do
      local value = decode(text)
      assert.equal("number", type(value))
      assert.equal(tonumber(text .. ".0"), value)
    end
  end)

  it("keep negative zero", function()
    for _, text in ipairs { "-0", "-0.0", "-0e7" } do
      assert.equal(-math.huge, 1 / decode(text))
      assert.equal("-0", again(text))
    end
  end)

  it("are the nearest double", function()
    for _, text in ipairs {
      "0.1", "9.99", "0.30000000000000004", "0.3333333333333333", "1e22", "1e23", "1.7976931348623157e308",
      "2.2250738585072014e-308", "5e-324", "2.4703282292062328e-324", "123456789.0123456789", "1e-7",
      "9007199254740993.0", "9007199254740992.5", "9007199254740993e0", "8.5e2", "0.000001234", "1e-400",
      "4503599627370497.5",
      -- an integer near the largest double
      "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028"
        .. "641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027006985"
        .. "557136695962284291481986083493647529271907416844436551070434271155969950809304288" .. "e0",
      "0." .. ("0"):rep(400) .. "1e401", ("1"):rep(30) .. "e-29", "1." .. ("0"):rep(900) .. "1",
      "9007199254740992.5" .. ("0"):rep(900) .. "1", "9007199254740992." .. ("9"):rep(1000),
      ("7"):rep(1000) .. "e-999", "0." .. ("0"):rep(1000) .. "25e1000",
    } do
      local value = decode(text)
      assert.message(text).equal(tonumber(text), value)
      assert.message(text).equal(-tonumber(text), (decode("-" .. text)))
    end
    assert.equal(math.huge, (decode "1e309"))
    assert.equal(-math.huge, (decode("-1" .. ("0"):rep(400))))
    assert.equal(math.huge, (decode "1e99999999999999999999"))
    assert.equal(0, (decode "1e-99999999999999999999"))
    assert.equal(0, (decode "0e99999999999999999999"))
  end)

  it("decode to what was encoded", function()
    for _ = 1, 4000 do
      local x = (random(0, 2147483646) + random(0, 2147483646) / 2147483647) * 10 ^ random(-40, 40)
      assert.equal(x, (decode(json.encode(x))))
      assert.equal(tonumber(("%.17g"):format(x)), (decode(("%.17g"):format(x))))
      local digits = ("%d%09d"):format(random(1, 999999), random(0, 999999999))
      local text = digits:sub(1, random(1, 15)) .. "." .. digits .. "e" .. random(-30, 30)
      assert.equal(tonumber(text), (decode(text)))
    end
  end)

  it("follow the grammar", function()
    for text, byte in pairs {
      ["01"] = 2, ["-"] = 2, ["-a"] = 2, ["1."] = 3, ["1.e5"] = 3, ["1e"] = 3, ["1e+"] = 4, ["+1"] = 1, [".5"] = 1,
      ["-01"] = 3, ["0x10"] = 2, ["1_000"] = 2, ["NaN"] = 1, ["-Infinity"] = 2, ["00"] = 2, ["1.5.5"] = 4, ["- 1"] = 2,
    } do
      local value, message = decode(text)
      assert.message(text).is_nil(value)
      assert.message(text).matches(("at byte %d "):format(byte), message)
    end
  end)
end)

describe("lists", function()
  it("are encoded as lists again", function()
    for _, text in ipairs {
      "[]", "{}", "[[]]", "[{}]", '{"a":[],"b":{},"c":[1],"d":[[],{}]}', "[null]", "[null,null,1]", "[false]",
    } do
      assert.equal(text, again(text))
    end
  end)

  it("have the metatable of klaviyo.array, objects have none", function()
    local doc = decode '{"a":[],"b":{},"c":[1]}'
    assert.equal(getmetatable(klaviyo.array()), getmetatable(doc.a))
    assert.is_true(json.is_array(doc.a) and json.is_array(doc.c))
    assert.is_false(json.is_array(doc.b))
    assert.is_nil(getmetatable(doc.b))
    assert.equal(doc.a, klaviyo.array(doc.a))
  end)

  it("can be very long", function()
    for _, count in ipairs { 255, 256, 257, 1000, 100000 } do
      local list = {}
      for i = 1, count do
        list[i] = i % 5 == 0 and "[]" or tostring(i)
      end
      local text = "[" .. table.concat(list, ",") .. "]"
      local value = assert(decode(text))
      assert.equal(count, #value)
      assert.equal(1, value[1])
      assert.is_true(json.is_array(value[5]))
      assert.is_true(value[count] == count or #value[count] == 0)
      assert.is_nil(value[count + 1])
      assert.is_true(again(text) == text)
    end
  end)
end)

describe("objects", function()
  it("have the last value of a repeated name", function()
    assert.same({ a = 3, b = 2 }, decode '{"a":1,"b":2,"a":3}')
    assert.same({ a = json.null }, decode '{"a":1,"a":null}')
    assert.same({ a = 2, b = 3 }, decode '{"a":1,"b":1,"\\u0061":2,"\\u0062":2,"b":3}')
    local members = {}
    for i = 1, 1000 do
      members[i] = ('"k%d":%d'):format(i % 300, i)
    end
    local value = decode("{" .. table.concat(members, ",") .. "}")
    for i = 701, 1000 do
      assert.equal(i, value["k" .. i % 300])
    end
  end)

  it("have that value if the name left the cache in between", function()
    for i = 1, 20 do
      local members = {}
      for at = 1, 2000 do
        members[at] = ('"%d.%d":0'):format(i, at)
      end
      local name = "name" .. i
      local text = ('{"%s":{%s},"%s":%d}'):format(name, table.concat(members, ","), name, i)
      assert.same({ [name] = i }, core.decoder({})(text))
    end
  end)

  it("have that value at any depth", function()
    for depth = 1, 40 do
      local text = ('{"a":1,"in":'):rep(depth) .. "3" .. (',"a":2}'):rep(depth)
      local value = decode(text)
      for _ = 1, depth do
        assert.equal(2, value.a)
        value = value["in"]
      end
      assert.equal(3, value)
    end
  end)

  it("can have any name, and very many members", function()
    local names = { "", "\0", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "é", ("x"):rep(16), ("x"):rep(17),
      ("x"):rep(31), ("x"):rep(32), ("x"):rep(33), ("x"):rep(8) .. "y" .. ("x"):rep(8),
      ("x"):rep(8) .. "z" .. ("x"):rep(8), ("x"):rep(300), 'q"', "back\\slash" }
    for i = 1, 3000 do
      names[#names + 1] = "name_" .. i
    end
    local expected = {}
    for i, name in ipairs(names) do
      expected[name] = i
    end
    for _ = 1, 2 do -- of which most are known the second time
      assert.same(expected, decode(json.encode(expected)))
    end
  end)

  it("distinguish names that differ in one byte", function()
    for size = 1, 33 do
      for at = 1, size do
        local one = ("a"):rep(size)
        local other = ("a"):rep(at - 1) .. "b" .. ("a"):rep(size - at)
        for _ = 1, 2 do
          assert.equal(one, next(decode('{"' .. one .. '":1}')))
          assert.equal(other, next(decode('{"' .. other .. '":1}')))
        end
      end
    end
  end)
end)

describe("strings", function()
  it("can contain every escape", function()
    assert.equal('"\\/\b\f\n\r\t', (decode [["\"\\\/\b\f\n\r\t"]]))
    assert.equal("\0A\195\169\226\130\172\239\191\191", (decode [["\u0000\u0041\u00e9\u20AC\uffff"]]))
    assert.equal("\240\159\152\128\244\143\191\191\240\144\128\128",
      (decode [["\ud83d\ude00\uDBFF\uDFFF\ud800\udc00"]]))
    assert.same({ ["a\nb"] = "c\td" }, decode [[{"a\nb":"c\td"}]])
  end)

  it("have U+FFFD in place of half a surrogate pair", function()
    local lost = "\239\191\189"
    for text, expected in pairs {
      [ [["\ud83d"]] ] = lost, [ [["\udc00"]] ] = lost, [ [["\ud83dx"]] ] = lost .. "x",
      [ [["\ud83d\n"]] ] = lost .. "\n", [ [["\ud83d\u0041"]] ] = lost .. "A", [ [["\ude00\ud83d"]] ] = lost .. lost,
      [ [["\ud83d\ud83d\ude00"]] ] = lost .. "\240\159\152\128", [ [["a\ud83d\\"]] ] = "a" .. lost .. "\\",
    } do
      local value = decode(text)
      assert.equal(expected, value)
      assert.is_string(json.encode(value))
    end
  end)

  it("end correctly at any offset", function()
    for before = 0, 40 do
      for size = 0, 70 do
        local space, text = (" "):rep(before), ("x"):rep(size)
        assert.equal(text, (decode(space .. '"' .. text .. '"')))
        assert.equal(text .. "\n" .. text, (decode(space .. '"' .. text .. "\\n" .. text .. '"')))
        assert.is_nil((decode(space .. '"' .. text)))
        assert.is_nil((decode(space .. '"' .. text .. "\n" .. text .. '"')))
      end
    end
  end)

  it("keep all other bytes", function()
    for code = 32, 255 do
      local c = string.char(code)
      if c ~= '"' and c ~= "\\" then
        for size = 0, 17 do
          local text = ("x"):rep(size) .. c .. ("y"):rep(17 - size)
          assert.equal(text, (decode('"' .. text .. '"')))
        end
      end
    end
    for code = 0, 31 do
      for size = 0, 17 do
        local value, message = decode('"' .. ("x"):rep(size) .. string.char(code) .. ("y"):rep(17) .. '"')
        assert.is_nil(value)
        assert.equal(("control character in a string at byte %d (found 0x%02X)"):format(size + 2, code), message)
      end
    end
  end)
end)

describe("errors", function()
  it("say what is wrong, and at which byte", function()
    for text, expected in pairs {
      [""] = "expected a value at byte 1 (found the end)",
      ["<html>"] = "expected a value at byte 1 (found '<')",
      ["\239\187\191{}"] = "expected a value at byte 1 (found 0xEF)",
      ["[1,]"] = "expected a value at byte 4 (found ']')",
      ["[1 2]"] = 'expected "," or "]" at byte 4 (found \'2\')',
      ['{"a":1 "b":2}'] = 'expected "," or "}" at byte 8 (found \'"\')',
      ['{"a":1,}'] = "expected a name in quotes at byte 8 (found '}')",
      ["{a:1}"] = "expected a name in quotes at byte 2 (found 'a')",
      ['{"a"}'] = 'expected ":" at byte 5 (found \'}\')',
      ["[1}"] = 'expected "," or "]" at byte 3 (found \'}\')',
      ["{]"] = "expected a name in quotes at byte 2 (found ']')",
      ["[1"] = 'expected "," or "]" at byte 3 (found the end)',
      ['"abc'] = "unterminated string at byte 5 (found the end)",
      [ [["\x"]] ] = "invalid escape in a string at byte 3 (found 'x')",
      ['"\\'] = "invalid escape in a string at byte 3 (found the end)",
      ['"\\\0"'] = "invalid escape in a string at byte 3 (found 0x00)",
      [ [["\u12g4"]] ] = "invalid \\u escape in a string at byte 6 (found 'g')",
      ["[1] x"] = "expected the end of the text at byte 5 (found 'x')",
      ["1 2"] = "expected the end of the text at byte 3 (found '2')",
      ["nul"] = "expected a value at byte 1 (found 'n')",
      ["[tru]"] = "expected a value at byte 2 (found 't')",
      [("["):rep(1001)] = "nested too deep at byte 1001 (found '[')",
      [('{"a":'):rep(1001)] = "nested too deep at byte 5001 (found '{')",
    } do
      local value, message = decode(text)
      assert.is_nil(value)
      assert.equal(expected, message)
    end
  end)

  it("are found in every part of a text", function()
    local text = '{"a":[1,-2.5e3,true,null,"x\\u00e9\\n",{}],"b":{"c":[[]]}}'
    assert.is_table(decode(text))
    for size = 0, #text - 1 do
      local value, message = decode(text:sub(1, size))
      assert.is_nil(value)
      assert.matches("at byte %d+", message)
    end
  end)

  it("leave the stack and the cached names unchanged", function()
    for _ = 1, 2000 do
      assert.is_nil((decode '{"a":[1,2,{"b":[3,4,"\\ud800'))
    end
    assert.same({ a = { 1 } }, decode '{"a":[1]}')
  end)
end)

describe("deep and wide values", function()
  it("are decoded, up to 1000 levels", function()
    local list = decode(("["):rep(1000) .. ("]"):rep(1000))
    for _ = 1, 999 do
      list = list[1]
    end
    assert.equal(0, #list)
    for _, width in ipairs { 1, 20, 300, 600 } do
      local members = {}
      for i = 1, width do
        members[i] = ('"k%d":%d,'):format(i, i)
      end
      local level = "{" .. table.concat(members) .. '"list":[1,2,3,'
      local text = level:rep(450) .. "4" .. ("]}"):rep(450)
      local value = assert(decode(text))
      for _ = 1, 450 do
        assert.equal(width, value["k" .. width])
        assert.equal(3, value.list[3])
        value = value.list[4]
      end
      assert.equal(4, value)
    end
  end)

  it("are decoded in a coroutine", function()
    local text = "[" .. ("[[1],"):rep(400) .. "0" .. ("]"):rep(400) .. "]"
    local value = coroutine.wrap(function() return decode(text) end)()
    assert.equal(1, value[1][1][1])
  end)
end)

describe("a finalizer", function()
  it("can decode while another text is decoded", function()
    local texts, n = {}, 0
    for i = 1, 40 do
      texts[i] = ('{"name%d":{"first%d":"\\n%d","list":[%d]}}'):format(i, i % 7, i, i)
    end
    local expected = {}
    for i, text in ipairs(texts) do
      expected[i] = json.encode((decode(text)))
    end
    local long = "[" .. table.concat(texts, ",") .. "]"
    for _ = 1, 300 do
      leave(function()
        n = n + 1
        for i = 1, 5 do
          assert(json.encode((decode(texts[i]))) == expected[i])
        end
      end)
      assert.is_true(json.encode((decode(long))) == "[" .. table.concat(expected, ",") .. "]")
    end
    collectgarbage()
    assert.is_true(n > 100)
  end)
end)

describe("lua-cjson", function()
  local theirs = cjson.new()
  theirs.decode_invalid_numbers(false)

  local function same(a, b)
    if type(a) == "table" and type(b) == "table" then
      for name, value in pairs(a) do
        if not same(value, b[name]) then
          return false
        end
      end
      for name in pairs(b) do
        if a[name] == nil then
          return false
        end
      end
      return true
    elseif type(b) == "number" then
      return tonumber(a) + 0.0 == b
    end
    return a == b
  end

  local pieces = { "{", "}", "[", "]", ",", ":", '"a":', '"b":', "1", "-2", "3.5", "1e5", "0", "true", "false", "null",
    '"text"', '"\\n\\u0041"', '"\\ud83d\\ude00"', " ", "\n", "12345678901234567890", "820982911946154508", "0.1e-7" }

  local function value(depth)
    local kind = random(1, depth > 3 and 1 or 3)
    local list = {}
    for i = 1, kind == 1 and 0 or random(0, 5) do
      list[i] = value(depth + 1)
    end
    if kind == 2 then
      return "[" .. table.concat(list, ",") .. "]"
    elseif kind == 3 then
      for i = 1, #list do
        list[i] = ('"%s":'):format(("n"):rep(random(0, 20))) .. list[i]
      end
      return "{" .. table.concat(list, " ,") .. "}"
    end
    return pieces[random(9, #pieces)]:gsub("^%s$", "7")
  end

  it("returns the same values for texts that both accept", function()
    local both = 0
    for _ = 1, 10000 do
      local text
      if random(1, 2) == 1 then
        text = value(0)
        if random(1, 3) == 1 and #text > 0 then -- with a byte that is another one
          local at = random(1, #text)
          local piece = pieces[random(1, #pieces)]
          text = text:sub(1, at - 1) .. piece .. text:sub(at + 1)
        end
      else
        local list = {}
        for i = 1, random(1, 8) do
          list[i] = pieces[random(1, #pieces)]
        end
        text = table.concat(list)
      end
      local ok, expected = pcall(theirs.decode, text)
      local ours, message = decode(text)
      if ok and message == nil then
        both = both + 1
        assert.message(text).is_true(same(ours, expected))
      elseif message == nil then
        assert.message(text).matches("\\u[dD]", text) -- half of a surrogate pair
      end
    end
    assert.message(tostring(both)).is_true(both > 3000)
  end)

  it("has a list metatable of its own, in versions that have one", function()
    local kept = { cjson = cjson, ["klaviyo.values.json"] = json }
    local newer = setmetatable({ array_mt = {}, empty_array_mt = {}, empty_array = io.stdout }, { __index = cjson })
    package.loaded.cjson, package.loaded["klaviyo.values.json"] = newer, nil
    local ok, ours = pcall(require, "klaviyo.values.json")
    for name, module in pairs(kept) do
      package.loaded[name] = module
    end
    assert.is_true(ok)
    local read = ours.decode '{"a":[],"b":[1],"c":{}}'
    assert.equal(newer.array_mt, getmetatable(read.a))
    assert.equal(newer.array_mt, getmetatable(read.b))
    read.d, read.e = newer.empty_array, setmetatable({}, newer.empty_array_mt)
    assert.equal('{"a":[],"b":[1],"c":{},"d":[],"e":[]}', ours.encode(read))
  end)

  it("has settings of its own", function()
    cjson.decode_max_depth(5)
    assert.is_table((decode("[[[[[[[[]]]]]]]]")))
    cjson.decode_max_depth(1000)
    assert.is_false((pcall(cjson.decode, [["\ud800"]])))
  end)
end)

describe("a profile that is decoded and sent back", function()
  it("is unchanged", function()
    local attributes = '{"properties":{"big":820982911946154508,"empty":[],"nested":{"list":[[],{}]},'
      .. '"none":null,"orders":3,"price":9.99,"sizes":["S"]}}'
    local profile = '{"data":{"type":"profile","id":"01H","attributes":' .. attributes .. "}}"
    raw.with({ answers = { { body = profile } } }, function(server)
      local client = connect(server.url)
      local read = assert(client.profiles:get("01H"))
      assert(client.profiles:update("01H", { properties = read.data.attributes.properties }))
      local sent = server:requests()[2].body
      assert.equal(attributes, sent:match('"attributes":(.*),"id"'))
    end)
  end)
end)

describe("decoded values", function()
  it("can be passed on: large ids, and lists", function()
    local client = klaviyo.new { api_key = key }
    local read = decode '{"id":820982911946154508,"names":["email","title"],"least":[820982911946154508]}'
    assert.matches("/api/profiles/820982911946154508$", client:build("get_profile", { id = read.id }).url)
    assert.matches("%?x=820982911946154508$", client:build("get_profiles", { query = { x = read.id } }).url)
    assert.matches("=email,title$", client:build("get_profiles", { fields = { profile = read.names } }).url)
    assert.equal("equals(id,820982911946154508)", tostring(klaviyo.filter.equals("id", read.id)))
    assert.equal("greater-than(id,820982911946154508)", tostring(klaviyo.filter.greater_than("id", read.id)))
    assert.equal("any(id,[820982911946154508])", tostring(klaviyo.filter.any("id", read.least)))
    raises("must be a list that is not empty", function()
      client:build("get_profiles", { fields = { profile = decode "[]" } })
    end)
  end)
end)

describe("an error of the API", function()
  it("has a status without a fraction", function()
    raw.with({ answers = { { status = 409, body = '{"errors":[{"status":409,"code":"duplicate"}]}' } } },
      function(server)
        local _, err = connect(server.url):call("get_lists")
        assert.equal("409", tostring(err.errors[1].status))
        assert.equal("409 duplicate: no detail", err.message)
      end)
  end)
end)

it("core.decoder takes the metatable of lists", function()
  assert.has_error(function() core.decoder() end)
  assert.same({nil, "expected a string, got boolean"}, {core.decoder({})(1 == 1)})
  local mark = {}
  assert.equal(mark, getmetatable(core.decoder(mark)("[]")))
end)
