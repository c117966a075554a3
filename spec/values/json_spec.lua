local cjson = require "cjson"
local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local leave = require "spec.support.finalizer"
local script = require "spec.support.script"

local is_luajit = rawget(_G, "jit") ~= nil
local newer_cjson = cjson.array_mt ~= nil

local function message_of(value)
  local ok, message = pcall(json.encode, value)
  assert.is_false(ok)
  return message
end

-- A small random generator: it returns the same numbers under every interpreter.
local seed = 20241015
local function random(low, high)
  seed = (seed * 16807) % 2147483647
  return low + seed % (high - low + 1)
end

describe("json.encode", function()
  it("writes scalars", function()
    assert.equal('"text"', json.encode("text"))
    assert.equal("true", json.encode(true))
    assert.equal("false", json.encode(false))
    assert.equal("null", json.encode(json.null))
    assert.equal("null", json.encode(cjson.null))
    assert.equal("12", json.encode(12))
    assert.equal("-3.5", json.encode(-3.5))
  end)

  it("writes integers exactly", function()
    assert.equal("[0,-1,100,1000000]", json.encode { 0, -1, 100, 1e6 })
    assert.equal("123456789012345", json.encode(123456789012345))
    assert.equal("1234567890123456", json.encode(1234567890123456))
    assert.equal("9007199254740991", json.encode(9007199254740991))
    assert.equal("9007199254740992", json.encode(2 ^ 53))
    assert.equal("-9007199254740992", json.encode(-2 ^ 53))
    assert.equal("100000000000000", json.encode(1e14))
  end)

  it("writes 64-bit integers exactly", function()
    if is_luajit then
      local int64 = load("return 9223372036854775807LL, -2LL, 18446744073709551615ULL")
      local most, negative, unsigned = int64()
      assert.equal("[9223372036854775807,-2,18446744073709551615]",
        json.encode { most, negative, unsigned })
    else
      assert.equal("9223372036854775807", json.encode(math.maxinteger))
      assert.equal("-9223372036854775808", json.encode(math.mininteger))
      assert.equal("9007199254740993", json.encode(math.tointeger(2 ^ 53) + 1))
    end
  end)

  it("writes integral floats without a fraction", function()
    assert.equal('{"n":10}', json.encode { n = 10.0 })
    assert.equal("4", json.encode(2 ^ 2))
  end)

  it("writes doubles in the fewest digits that read back the same", function()
    assert.equal("0.1", json.encode(0.1))
    assert.equal("9.99", json.encode(9.99))
    assert.equal("0.30000000000000004", json.encode(0.1 + 0.2))
    assert.equal("0.3333333333333333", json.encode(1 / 3))
    assert.equal("1e+300", json.encode(1e300))
    for _ = 1, 2000 do
      local x = (random(0, 2147483646) + random(0, 2147483646) / 2147483647)
        * 10 ^ random(-30, 30) * (random(0, 1) * 2 - 1)
      assert.equal(x, tonumber((json.encode(x))))
      assert.equal(x, json.decode("[" .. json.encode(x) .. "]")[1])
    end
  end)

  it("raises for text that is not a number", function()
    assert.matches("data%.attributes%.x: .*not a JSON number",
      message_of { data = { attributes = { x = 0 / 0 } } })
    assert.matches("a%[2%]: ", message_of { a = { 1, math.huge } })
    assert.matches("a%[1%]: ", message_of { a = { -math.huge } })
  end)

  it("escapes strings", function()
    assert.equal([["a\"b\\c\n\t\r\b\f\u0000\u001f\u007f/]"]],
      json.encode("a\"b\\c\n\t\r\b\f\0\31\127/]"))
    assert.equal('"José \226\130\172 \240\159\152\128"',
      json.encode("José \226\130\172 \240\159\152\128"))
    for code = 0, 127 do
      local text = "a" .. string.char(code) .. "b"
      assert.equal(text, cjson.decode("[" .. json.encode(text) .. "]")[1])
      assert.same({ [text] = text }, cjson.decode(json.encode { [text] = text }))
    end
  end)

  it("raises for strings that are not UTF-8, with their path", function()
    local wrong = {
      "\128", "a\255", "\192\175", "\193\129", "\224\159\191", "\237\160\128",
      "\240\143\191\191", "\244\144\128\128", "\245\128\128\128", "\226\130",
      "\226\130x", "\195", "\240\159\152", "ok \195\169 \160",
    }
    for _, text in ipairs(wrong) do
      assert.matches("data%.name: not UTF%-8", message_of { data = { name = text } })
      assert.matches("data: a key is not UTF%-8", message_of { data = { [text] = 1 } })
    end
    local right = {
      "\194\128", "\223\191", "\224\160\128", "\237\159\191", "\238\128\128",
      "\239\191\191", "\240\144\128\128", "\244\143\191\191", "é€é",
    }
    for _, text in ipairs(right) do
      assert.equal('"' .. text .. '"', json.encode(text))
    end
  end)

  it("distinguishes lists and objects", function()
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(json.array()))
    assert.equal("[]", json.encode(json.array {}))
    assert.equal('{"a":[],"b":{}}', json.encode { a = json.array {}, b = {} })
    assert.equal("[1,2]", json.encode(json.array { 1, 2 }))
    assert.equal("[[],[1],{}]", json.encode { json.array {}, { 1 }, {} })
    assert.equal("[false,null]", json.encode { false, json.null })
  end)

  it("accepts lists however their elements are stored", function()
    local t = {}
    for i = 9, 1, -1 do
      t[i] = i
    end
    assert.equal("[1,2,3,4,5,6,7,8,9]", json.encode(t))
  end)

  it("writes an object's members in order", function()
    assert.equal('{"a":1,"b":{"c":2,"d":3},"e":4}',
      json.encode { e = 4, b = { d = 3, c = 2 }, a = 1 })
    local t, expected = {}, {}
    for i = 1, 300 do
      t[("key%03d"):format(i * 7 % 300)] = i
      expected[i] = i * 7 % 300
    end
    table.sort(expected)
    local at = 0
    for number in json.encode(t):gmatch('"key(%d+)":') do
      at = at + 1
      assert.equal(expected[at], tonumber(number))
    end
    assert.equal(300, at)
    assert.equal('{"a":1}', json.encode { a = 1 }) -- nothing is left of the previous call
  end)

  it("raises for mixed tables, holes and keys that are not strings", function()
    assert.matches("data: a list has the key type",
      message_of { data = { 1, type = "x" } })
    assert.matches("data: a list has holes", message_of { data = { 1, 2, nil, 4 } })
    assert.matches("data: .*keys are strings, not number %(2%)",
      message_of { data = { [2] = 1 } })
    assert.matches("JSON: .*keys are strings, not boolean", message_of { [true] = 1 })
    assert.matches("data: a list has the key x",
      message_of { data = json.array { x = 1 } })
  end)

  it("raises for functions, threads and userdata, with their path", function()
    assert.matches("data%.attributes%.x: a function cannot be written",
      message_of { data = { attributes = { x = print } } })
    assert.matches("a%[2%]%.b: a thread", message_of { a = { 1, { b = coroutine.create(print) } } })
    assert.matches("f: a userdata", message_of { f = io.stdout })
    assert.matches("JSON: a function", message_of(print))
    assert.matches("JSON: a nil", message_of(nil))
  end)

  it("raises for cycles and values nested too deep", function()
    local a = { b = { c = {} } }
    a.b.c.again = a
    assert.matches("b%.c%.again: the table contains itself", message_of(a))
    local deep = {}
    local top = deep
    for _ = 1, 1001 do
      deep.x = {}
      deep = deep.x
    end
    assert.matches("nested deeper than 1000", message_of(top))
    local fits = {}
    local root = fits
    for _ = 1, 999 do
      fits.x = {}
      fits = fits.x
    end
    assert.equal(999 * #'{"x":}' + #"{}", #json.encode(root))
  end)

  it("raises at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() return json.encode { x = print } end)
    assert.is_false(ok)
    assert.matches("json_spec%.lua:" .. line .. ": x: ", message)
  end)

  it("writes the value that __tojson returns", function()
    local mt = { __tojson = function(t) return t.value end }
    assert.equal('{"a":"x","b":{"c":1},"d":[]}', json.encode {
      a = setmetatable({ value = "x" }, mt),
      b = setmetatable({ value = { c = 1 } }, mt),
      d = setmetatable({ value = json.array {} }, mt),
    })
    assert.equal('"x"', json.encode(setmetatable({ value = "x" }, mt)))
    assert.matches("JSON: a function", message_of(setmetatable({ value = print }, mt)))
    local nested = setmetatable({ value = 1 }, {
      __tojson = function() return json.encode { deep = { a = 1 } } end,
    })
    assert.equal([[{"x":"{\"deep\":{\"a\":1}}","y":2}]], json.encode { y = 2, x = nested })
  end)

  it("ignores metatables of other modules", function()
    local t = setmetatable({ a = 1 }, { __index = { b = 2 } })
    assert.equal('{"a":1}', json.encode(t))
  end)

  it("works after an earlier error", function()
    pcall(json.encode, { a = { b = { c = print } }, z = 1 })
    assert.equal('{"a":{"b":1}}', json.encode { a = { b = 1 } })
  end)

  it("names the result of __tojson by the path of its table", function()
    local mt = { __tojson = function() return { c = print } end }
    assert.matches(": a%.c: a function", message_of { a = setmetatable({}, mt) })
    assert.matches(": a: a function", message_of {
      a = setmetatable({}, { __tojson = function() return print end }),
    })
  end)

  it("raises for an endless chain of __tojson", function()
    local mt = {}
    mt.__tojson = function() return setmetatable({}, mt) end
    assert.matches("nested deeper than 1000", message_of(setmetatable({}, mt)))
    mt.__tojson = function(t) return t end
    assert.matches("the table contains itself", message_of { a = setmetatable({}, mt) })
  end)

  it("propagates an error of __tojson, and works afterwards", function()
    local problem = {}
    local t = { a = 1, b = setmetatable({}, { __tojson = function() error(problem) end }) }
    for _ = 1, 100 do
      local ok, raised = pcall(json.encode, t)
      assert.is_false(ok)
      assert.equal(problem, raised)
      assert.equal('{"a":1}', json.encode { a = 1 })
    end
  end)

  it("accepts a __tojson that changes its own table", function()
    for _, count in ipairs { 3, 40 } do
      local t = {}
      local mt = { __tojson = function()
        for name in pairs(t) do
          t[name] = nil
        end
        collectgarbage()
        for i = 1, 50 do
          t["other" .. i] = i
        end
        return json.encode { 1, 2, 3 }
      end }
      for i = 1, count do
        t[("name%02d"):format(i)] = ("value%d"):format(i)
      end
      t.again = setmetatable({}, mt)
      local decoded = cjson.decode(json.encode(t))
      assert.equal("[1,2,3]", decoded.again)
      assert.equal("value1", decoded.name01)
    end
    local list = { 1, 2, 3 }
    list[2] = setmetatable({}, { __tojson = function() list[3] = nil return 2 end })
    assert.matches("%[3%]: a nil cannot", message_of(list))
  end)

  it("is not disturbed by a finalizer that encodes", function()
    local function litter()
      leave(function() json.encode { ("litter"):rep(100) } end)
    end
    local t, expected = {}, {}
    for i = 1, 40 do
      t[("k%02d"):format(i)] = setmetatable({}, { __tojson = function() litter() return ("v"):rep(i) end })
      expected[i] = ('"k%02d":"%s"'):format(i, ("v"):rep(i))
    end
    local text = "{" .. table.concat(expected, ",") .. "}"
    for _ = 1, 300 do
      litter()
      assert.equal(text, json.encode(t))
    end
  end)

  it("encodes deep and wide values", function()
    for _, width in ipairs { 15, 40 } do
      local t = {}
      local top = t
      for _ = 1, 900 do
        for i = 1, width do
          t["k" .. i] = i
        end
        t.next = {}
        t = t.next
      end
      local decoded = json.decode(json.encode(top))
      for _ = 1, 900 do
        assert.equal(width, decoded["k" .. width])
        decoded = decoded.next
      end
    end
  end)

  it("writes a decimal point in any locale", function()
    -- A minimal Debian has no locale with a decimal comma: this is glibc's file
    -- of one, which other C libraries cannot read.
    local dir = os.tmpname()
    os.remove(dir)
    assert.equal(0, select(2, script.shell("mkdir -p " .. dir .. "/comma")))
    local file = assert(io.open(dir .. "/comma/LC_NUMERIC", "wb"))
    file:write((("1411032006000000200000002200000023000000240000002800000"
      .. "02c0000002c0000002c000000000000005554462d3800"):gsub("%x%x", function(hex)
        return string.char(tonumber(hex, 16))
      end)))
    file:close()
    local output, status = script.run([[
      if not os.setlocale("comma", "numeric") then
        print("none")
        return
      end
      local core, json = require "klaviyo.core", require "klaviyo.values.json"
      for _, text in ipairs { "9.99", "-1.5e-07", "0.30000000000000004", "0.3333333333333333", "1e+300",
          "1234567890.0123456" } do
        local x = json.decode("[" .. text .. "]")[1]
        assert(json.encode(x) == text, json.encode(x))
        assert(core.number(x) == text)
      end
      for _, name in ipairs { "C", "comma", "C" } do -- in any order
        assert(os.setlocale(name, "numeric"))
        assert(json.decode("[1.5,2.5e3]")[2] == 2500)
        assert(select("#", json.decode("[1.5")) == 2)
      end
      print("good")
    ]], { env = { LOCPATH = dir, ASAN_OPTIONS = "detect_leaks=0" } }) -- glibc keeps the path
    script.shell("rm -r " .. dir)
    assert.equal(0, status, output)
    if output:match("none") then
      pending("a C library that reads glibc's locales")
    end
    assert.equal("good\n", output)
  end)
end)

describe("json.array", function()
  it("marks its argument as a list", function()
    local t = {}
    assert.equal(t, json.array(t))
    assert.is_true(json.is_array(t))
    assert.equal(t, json.array(t))
  end)

  it("raises for tables with a metatable", function()
    assert.has_error(function() json.array("x") end)
    assert.has_error(function() json.array(setmetatable({}, {})) end)
  end)

  it("recognizes lists", function()
    assert.is_true(json.is_array { 1 })
    assert.is_false(json.is_array {})
    assert.is_false(json.is_array { a = 1 })
    assert.is_false(json.is_array("x"))
    assert.is_false(json.is_array(nil))
    assert.is_false(json.is_array(json.null))
  end)
end)

describe("json.decode", function()
  it("reads documents", function()
    local doc = json.decode('{"data":[{"id":"1","n":1.5}],"links":{"next":null},"ok":true}')
    assert.equal("1", doc.data[1].id)
    assert.equal(1.5, doc.data[1].n)
    assert.equal(json.null, doc.links.next)
    assert.is_true(doc.ok)
    assert.equal(json.null, json.decode("null"))
    assert.is_false(json.decode("false"))
  end)

  it("returns nil and a message for text that is not JSON, and never raises an error", function()
    local wrong = {
      "", " ", "{", "[1,", "nul", "<html>", "{]", '{"a":1', '"abc', "[1] x",
      "NaN", "[NaN]", "[Infinity]", "[0x10]", "\0", ("["):rep(5000),
    }
    for _, text in ipairs(wrong) do
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.is_string(message)
    end
    for _, value in ipairs { 1, true, {} } do
      assert.is_nil(json.decode(value))
    end
    assert.is_nil(json.decode(nil))
    for _ = 1, 3000 do
      local bytes = {}
      for i = 1, random(1, 20) do
        bytes[i] = string.char(random(0, 1) == 0 and random(0, 255)
          or ('{}[]",:0123e.-\\ntrufals'):byte(random(1, 23)))
      end
      assert.is_true((pcall(json.decode, table.concat(bytes))))
    end
  end)

  it("is not changed by settings made on the shared lua-cjson", function()
    cjson.decode_invalid_numbers(true)
    assert.is_nil(json.decode("[NaN]"))
    assert.is_number(cjson.decode("[NaN]")[1])
  end)

  local characters = { '"', "\\", "/", "\0", "\n", "\31", "\127", "\195\169", "\226\130\172", "\240\159\152\128" }

  local function text()
    local chars = {}
    for i = 1, random(0, 24) do
      chars[i] = random(1, 4) == 1 and characters[random(1, #characters)] or string.char(random(32, 126))
    end
    return table.concat(chars)
  end

  local function number()
    local kind = random(1, 4)
    if kind == 1 then
      return random(-1000000, 1000000)
    elseif kind == 2 then
      return random(-100000000, 100000000) / 10 ^ random(0, 12)
    elseif kind == 3 then
      return (random(0, 1) * 2 - 1) * (2 ^ 53 - random(0, 9))
    end
    return random(-2147483646, 2147483646) / 2147483647 * 10 ^ random(-300, 300)
  end

  local function value(depth)
    local kind = random(1, depth > 4 and 4 or 6)
    if kind == 1 then
      return number()
    elseif kind == 2 then
      return random(0, 1) == 1
    elseif kind == 3 then
      return text()
    elseif kind == 4 then
      return json.null
    end
    local t = {}
    for i = 1, random(1, 10) == 1 and random(17, 40) or random(1, 6) do
      t[kind == 5 and i or "k" .. text()] = value(depth + 1)
    end
    return t
  end

  it("decodes the text that encode wrote", function()
    for _ = 1, 1500 do
      local t = { value(1) }
      local written = json.encode(t)
      local read = json.decode(written)
      assert.same(t, read)
      assert.equal(written, json.encode(read))
    end
  end)

  it("reads numbers back that need all their digits", function()
    for _ = 1, 5000 do
      local x = number()
      local written = core.number(x)
      assert.equal(x, tonumber(written))
      local digits = #written:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", "")
      if digits > 15 and x % 1 ~= 0 then
        assert.not_equal(x, tonumber(("%%.%dg"):format(digits - 1):format(x)))
      end
    end
  end)
end)

describe("newer versions of lua-cjson", function()
  it("provide empty_array and array_mt, which are accepted", function()
    if not newer_cjson then
      return
    end
    assert.equal('{"a":[],"b":[]}', json.encode {
      a = cjson.empty_array, b = setmetatable({}, cjson.empty_array_mt),
    })
    assert.is_true(json.is_array(cjson.empty_array))
  end)
end)

describe("core.encode_body", function()
  it("holds the same text as encode", function()
    local value = {a = {1, 2.5, json.null}, b = "é\0"}
    assert.equal(json.encode(value), tostring(json.encode_body(value)))
    assert.equal("{}", tostring(json.encode_body {}))
    assert.equal("userdata", type(json.encode_body {}))
  end)

  it("raises the same error", function()
    assert.error_matches(function() json.encode_body {a = {0 / 0}} end, "a%[1%]")
  end)
end)
