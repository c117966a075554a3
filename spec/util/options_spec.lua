local options = require "klaviyo.util.options"
local raises = require "spec.support.raises"

-- Checks one value under the name "x" against a rule.
local function value(rule, input)
  return options.value(rule, "x", input)
end

local function refuses(rule, input, expected)
  local message = raises("", function()
    local result = options.value(rule, "x", input)
    return result
  end)
  assert.equal(expected, message)
end

describe("options.value", function()
  it("knows the types", function()
    for kind, cases in pairs {
      string = {good = {"", "a"}, bad = {1, false}, text = "a string"},
      text = {good = {"a"}, bad = {"", 1}, text = "a string that is not empty"},
      line = {good = {"a b"}, bad = {"", "a\n", 1}, text = "a string without control characters"},
      path = {good = {"/a"}, bad = {"", "a\0b", true}, text = "a path"},
      number = {good = {-1, 0, 1.5}, bad = {"1", 0 / 0, math.huge, -math.huge}, text = "a number"},
      integer = {good = {-1, 0, 3, 2.0}, bad = {1.5, "1", math.huge, 0 / 0}, text = "a whole number"},
      boolean = {good = {true, false}, bad = {0, "true"}, text = "true or false"},
      table = {good = {{}}, bad = {"", print}, text = "a table"},
      list = {good = {{1}}, bad = {{}, {a = 1}, "a"}, text = "a list that is not empty"},
      ["function"] = {good = {print}, bad = {{}, "print"}, text = "a function"},
    } do
      for _, good in ipairs(cases.good) do
        assert.equal(good, value({type = kind}, good))
      end
      for _, bad in ipairs(cases.bad) do
        raises("x must be " .. cases.text .. ", not ", function()
          local result = options.value({type = kind}, "x", bad)
          return result
        end)
      end
    end
  end)

  it("keeps to a range, and names it", function()
    assert.equal(2, value({type = "integer", min = 1, max = 2}, 2))
    assert.equal(math.huge, value({type = "number", infinite = true, above = 0}, math.huge))
    refuses({type = "number", unit = "seconds", above = 0}, 0, "x must be a number of seconds above 0, not 0")
    refuses({type = "number", unit = "seconds", above = 0}, "5s", 'x must be a number of seconds above 0, not "5s"')
    refuses({type = "number", above = 0, max = 0.5}, 1, "x must be a number above 0, 0.5 at most, not 1")
    refuses({type = "integer", min = 1}, 0, "x must be a whole number from 1 on, not 0")
    refuses({type = "integer", min = 1, max = 10000}, 10001, "x must be a whole number from 1 to 10000, not 10001")
    refuses({type = "number", max = 3}, 4, "x must be a number up to 3, not 4")
    refuses({type = "number", infinite = true, above = 0}, 0 / 0, "x must be a number above 0, not "
      .. tostring(0 / 0))
  end)

  it("knows enumerations and alternatives", function()
    assert.equal("b", value({one_of = {"a", "b"}}, "b"))
    refuses({one_of = {"a", "b", "c"}}, "d", 'x must be "a", "b" or "c", not "d"')
    refuses({one_of = {"."}}, nil, 'x must be ".", not nil')
    assert.equal(false, value({type = {"boolean", "text"}}, false))
    assert.equal("f", value({type = {"boolean", "text"}}, "f"))
    refuses({type = {"boolean", "text"}}, "",
      'x must be true or false or a string that is not empty, not ""')
  end)

  it("takes a function as the test", function()
    local rule = {test = function(number) return number == 7 end, expected = "seven"}
    assert.equal(7, value(rule, 7))
    refuses(rule, 8, "x must be seven, not 8")
    assert.equal(print, value({}, print))
  end)

  it("takes a pattern", function()
    local rule = {pattern = "^%d+$", expected = "digits"}
    assert.equal("12", value(rule, "12"))
    refuses(rule, "1a", 'x must be digits, not "1a"')
    refuses(rule, 12, "x must be digits, not 12")
  end)

  it("converts a value", function()
    local rule = {type = "text", convert = function(label, text)
      return label .. "=" .. text
    end}
    assert.equal("f: x=v", options.value(rule, "x", "v", "f"))
  end)

  it("does not show a secret", function()
    local rule = {test = function() return false end, expected = "one word", secret = true}
    refuses(rule, "two words", "x must be one word")
    refuses(rule, "", "x must be one word, not an empty string")
    refuses(rule, 123456, "x must be one word, not a number")
  end)

  it("checks the members of a table", function()
    local rule = {type = {"boolean", "table"}, fields = {rate = {type = "integer", min = 1, default = 2}}}
    assert.equal(true, value(rule, true))
    assert.same({rate = 3}, value(rule, {rate = 3}))
    assert.same({rate = 2}, value(rule, {}))
    refuses(rule, {rate = 0}, "x: rate must be a whole number from 1 on, not 0")
    refuses(rule, {rat = 1}, 'unknown option of x "rat"; did you mean "rate"? allowed: rate')
  end)
end)

describe("options.value, of a list", function()
  local RULE = {type = "table", expected = "a list of names", items = {type = "text"}}

  it("checks each item, and copies the list", function()
    local names = {"a", "b"}
    local checked = value(RULE, names)
    assert.same({"a", "b"}, checked)
    assert.not_equal(names, checked)
    refuses(RULE, {"a", ""}, 'x[2] must be a string that is not empty, not ""')
    refuses(RULE, "a", 'x must be a list of names, not "a"')
    refuses(RULE, {a = 1}, 'x must be a list; this table has no [1], but "a"')
  end)
end)

describe("options.check", function()
  local FIELDS = {
    path = {type = "path", required = "set the folder"},
    sync = {one_of = {"normal", "full"}, default = "normal"},
    quiet = {type = "boolean", default = false},
    on_end = {type = "function"},
  }

  it("returns a copy with the defaults", function()
    local input = {path = "/x", sync = "full"}
    local checked = options.check(FIELDS, input, "f")
    assert.same({path = "/x", sync = "full", quiet = false}, checked)
    assert.same({path = "/x", sync = "full"}, input)
    assert.same({sync = "normal", quiet = false}, options.defaults(FIELDS))
    assert.same({a = 1}, options.check({a = {default = 1}}, nil, "f"))
  end)

  it("keeps an option that is false", function()
    local checked = options.check({a = {type = "boolean", default = true}}, {a = false}, "f")
    assert.is_false(checked.a)
  end)

  it("blames the caller for what is wrong", function()
    raises('unknown option of f "paht"; did you mean "path"? allowed: on_end, path, quiet, sync', function()
      options.check(FIELDS, {paht = "/x"}, "f")
    end)
    raises('unknown option of f "1"; allowed: ', function()
      options.check(FIELDS, {"/x"}, "f")
    end)
    raises("f: path is missing: set the folder", function()
      options.check(FIELDS, nil, "f")
    end)
    raises("f: path must be a path, not false", function()
      options.check(FIELDS, {path = false}, "f")
    end)
    raises("f takes a table of options, not a string", function()
      options.check(FIELDS, "/x", "f")
    end)
  end)

  it("names the first of several that are missing, and what it must be", function()
    raises("f: a is missing: it must be a string", function()
      options.check({c = {type = "text", required = true}, b = {type = "text", required = true},
        a = {type = "string", required = true}}, {}, "f")
    end)
  end)
end)
