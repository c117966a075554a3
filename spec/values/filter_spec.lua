local datetime = require "klaviyo.values.datetime"
local f = require "klaviyo.values.filter"
local json = require "klaviyo.values.json"

local seed = 2024
local function random(low, high)
  seed = (seed * 16807) % 2147483647
  return low + seed % (high - low + 1)
end

local function raises(pattern, fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  assert.matches(pattern, message)
end

-- Parses a filter, independently of the library and more strictly: byte by byte,
-- with JSON strings and without blanks. Returns {{operator, field, value}}.
local function read(text)
  local at = 1
  local function expect(char)
    assert(text:sub(at, at) == char, ("expected %q at %d of %q"):format(char, at, text))
    at = at + 1
  end
  local function word(pattern)
    local found = assert(text:match("^" .. pattern, at), "nothing at " .. at)
    at = at + #found
    return found
  end
  local function utf8_char(code)
    assert(code < 128)
    return string.char(code)
  end
  local function quoted()
    expect('"')
    local chars = {}
    while true do
      local char = text:sub(at, at)
      assert(char ~= "" and char:byte() >= 32, "a raw control character")
      at = at + 1
      if char == '"' then
        return { kind = "string", value = table.concat(chars) }
      elseif char == "\\" then
        local escape = text:sub(at, at)
        at = at + 1
        if escape == "u" then
          chars[#chars + 1] = utf8_char(tonumber(word("%x%x%x%x"), 16))
        else
          local plain = { n = "\n", r = "\r", t = "\t", b = "\b", f = "\f",
            ['"'] = '"', ["\\"] = "\\" }
          chars[#chars + 1] = assert(plain[escape])
        end
      else
        chars[#chars + 1] = char
      end
    end
  end
  local function value()
    local char = text:sub(at, at)
    if char == '"' then
      return quoted()
    elseif char == "[" then
      local list = {}
      repeat
        at = at + 1
        list[#list + 1] = value()
      until text:sub(at, at) ~= ","
      expect("]")
      return { kind = "list", value = list }
    end
    return { kind = "bare", value = word("[^,()%[%]\"]+") }
  end
  local terms = {}
  repeat
    local term = { operator = word("[a-z-]+") }
    expect("(")
    term.field = word("[^(),%[%]\"'\\%c]+")
    if text:sub(at, at) == "," then
      at = at + 1
      term.value = value()
    end
    expect(")")
    terms[#terms + 1] = term
    local more = text:sub(at, at) == ","
    at = more and at + 1 or at
  until not more
  assert(at == #text + 1, "more text at " .. at)
  return terms
end

-- Characters that an attacker would try, and plain text.
local pieces = {
  '"', "\\", "'", ")", "(", ",", "[", "]", "equals(id,\"x\")", "),any(", '\\"',
  "a", "Z", "0", " ", "\n", "\r", "\0", "\127", "\t", "%", "&", "#", "+", "/",
  "é", "€", "😀", "null", "true", "and(",
}

local function random_string()
  local parts = {}
  for i = 1, random(0, 8) do
    parts[i] = pieces[random(1, #pieces)]
  end
  return table.concat(parts)
end

describe("filter", function()
  it("writes each operator as the API spells it", function()
    local created = "2024-10-15T00:00:00Z"
    local expected = {
      { f.equals("email", "a@b.c"), 'equals(email,"a@b.c")' },
      { f.any("email", { "a", "b" }), 'any(email,["a","b"])' },
      { f.contains("name", "x"), 'contains(name,"x")' },
      { f.contains_any("tags", { "x" }), 'contains-any(tags,["x"])' },
      { f.contains_all("tags", { "x", "y" }), 'contains-all(tags,["x","y"])' },
      { f.starts_with("name", "x"), 'starts-with(name,"x")' },
      { f.ends_with("name", "x"), 'ends-with(name,"x")' },
      { f.has("profile"), "has(profile)" },
      { f.less_than("created", created), "less-than(created,2024-10-15T00:00:00Z)" },
      { f.less_or_equal("rating", 3), "less-or-equal(rating,3)" },
      { f.greater_than("created", datetime(1728950400)), "greater-than(created,2024-10-15T00:00:00Z)" },
      { f.greater_or_equal("size", 1.5), "greater-or-equal(size,1.5)" },
    }
    for _, pair in ipairs(expected) do
      assert.equal(pair[2], tostring(pair[1]))
    end
  end)

  it("joins terms with all", function()
    local both = f.all(f.any("email", { "a", "b" }),
      f.greater_than("created", "2024-10-15T00:00:00Z"))
    assert.equal('any(email,["a","b"]),greater-than(created,2024-10-15T00:00:00Z)', tostring(both))
    local all = f.all(f.all(f.has("a"), f.has("b")), f.has("c"))
    assert.equal("has(a),has(b),has(c)", tostring(all))
    assert.equal("has(a)", tostring(f.all(f.has("a"))))
    assert.same({
      { operator = "has", field = "a" }, { operator = "has", field = "b" },
      { operator = "has", field = "c" },
    }, all.terms)
  end)

  it("writes values that are not strings without quotes", function()
    assert.equal("equals(x,true)", tostring(f.equals("x", true)))
    assert.equal("equals(x,false)", tostring(f.equals("x", false)))
    assert.equal("equals(x,null)", tostring(f.equals("x", json.null)))
    assert.equal("equals(x,1728950400)", tostring(f.equals("x", 1728950400)))
    assert.equal("equals(x,3)", tostring(f.equals("x", 3.0)))
    assert.equal("equals(x,1970-01-01T00:00:00Z)", tostring(f.equals("x", datetime(0))))
    assert.equal('equals(x,"1970-01-01T00:00:00Z")', tostring(f.equals("x", "1970-01-01T00:00:00Z")))
    assert.equal("any(x,[1,2.5])", tostring(f.any("x", { 1, 2.5 })))
    assert.equal("any(x,[true,false])", tostring(f.any("x", { true, false })))
    assert.equal("less-than(x,2024-10-15T09:00:00.5+02:00)",
      tostring(f.less_than("x", "2024-10-15T09:00:00.5+02:00")))
  end)

  -- Fault 44: os.time() was written as a number, which these fields do not accept.
  it("writes seconds since 1970 as a date-time where the field is one", function()
    for _, field in ipairs {
      "datetime", "created", "updated", "created_at", "joined_group_at",
      "subscriptions.email.marketing.suppression.timestamp",
    } do
      assert.equal("greater-than(" .. field .. ",2024-10-15T00:00:00Z)",
        tostring(f.greater_than(field, 1728950400)))
      assert.equal("equals(" .. field .. ",2024-10-15T00:00:00.500Z)", tostring(f.equals(field, 1728950400.5)))
      assert.equal("any(" .. field .. ",[1970-01-01T00:00:00Z])", tostring(f.any(field, { 0 })))
    end
    assert.equal("greater-than(timestamp,1728950400)", tostring(f.greater_than("timestamp", 1728950400)))
    raises("outside the years 0 to 9999", f.less_than, "created", 1728950400000)
  end)

  it("accepts lists made by json.array", function()
    assert.equal('any(x,["a"])', tostring(f.any("x", json.array { "a" })))
  end)

  it("accepts the fields of the API", function()
    for _, field in ipairs {
      "messages.channel", "_kx", "$id", "custom-field",
      "subscriptions.email.marketing.list_suppressions.reason",
      -- Fault 36: the names of metric aggregates raised an error.
      "Email Domain", "$attributed_message", "Größe", "a/b", "50%",
    } do
      assert.equal("has(" .. field .. ")", tostring(f.has(field)))
    end
  end)

  it("escapes each string so that it stays within its quotes", function()
    for _ = 1, 5000 do
      local a, b = random_string(), random_string()
      local text = tostring(f.all(f.equals("x", a), f.any("y.z", { b, a }), f.contains("n", b)))
      local terms = read(text)
      assert.equal(3, #terms)
      assert.same({ kind = "string", value = a }, terms[1].value)
      assert.equal(a, terms[2].value.value[2].value)
      assert.equal(b, terms[2].value.value[1].value)
      assert.equal(2, #terms[2].value.value)
      assert.equal(b, terms[3].value.value)
      assert.same({
        { operator = "equals", field = "x" }, { operator = "any", field = "y.z" },
        { operator = "contains", field = "n" },
      }, f.terms(text))
    end
  end)

  it("escapes or rejects any bytes, so that they stay within their quotes", function()
    for _ = 1, 5000 do
      local bytes = {}
      for i = 1, random(1, 6) do
        bytes[i] = string.char(random(0, 255))
      end
      local value = table.concat(bytes)
      local ok, filter = pcall(f.equals, "x", value)
      if ok then
        local terms = read(tostring(filter))
        assert.equal(1, #terms)
        assert.equal(value, terms[1].value.value)
      else
        assert.matches("filter equals%(x%): the string is not UTF%-8", filter)
      end
    end
  end)

  it("raises for fields and values that would end a term", function()
    for _ = 1, 2000 do
      local text = random_string()
      local ok, filter = pcall(f.equals, text, "v")
      if ok then
        assert.equal("equals(" .. text .. ',"v")', tostring(filter))
        local terms = read(tostring(filter))
        assert.same({ 1, text, "v" }, { #terms, terms[1].field, terms[1].value.value })
        assert.same({ { operator = "equals", field = text } }, f.terms(tostring(filter)))
      else
        assert.matches("cannot be written as a field's name", filter)
      end
      raises("not RFC 3339", f.less_than, "created", text)
    end
    for code = 0, 255 do
      local char = string.char(code)
      assert.equal(char:find("[(),%[%]\"'\\%c\127-\255]") == nil, (pcall(f.has, "a" .. char .. "b")), char)
    end
    for _, blank in ipairs { "", " ", "  ", " a", "a ", "\t", "a\nb" } do
      raises("cannot be written as a field's name", f.has, blank)
    end
    raises('"A %(B%)" cannot be written as a field\'s name: it contains %(', f.has, "A (B)")
    raises("expected a field's name, got nil", f.equals, nil, "x")
    raises("expected a field's name, got a table", f.equals, {}, "x")
  end)

  it("raises for values of the wrong kind", function()
    raises("filter equals%(x%): .*got nil", f.equals, "x")
    raises("filter equals%(x%): .*got a table", f.equals, "x", { "a" })
    raises("filter equals%(x%): .*got a function", f.equals, "x", print)
    raises("filter equals%(x%): .*got a filter", f.equals, "x", f.has("y"))
    raises("cannot be compared with", f.equals, "x", 0 / 0)
    raises("cannot be compared with", f.less_than, "x", math.huge)
    for _, operator in ipairs { "contains", "starts_with", "ends_with" } do
      raises("expected a string, got a number", f[operator], "x", 1)
      raises("expected a string, got a table", f[operator], "x", datetime(0))
      raises("expected a string, got nil", f[operator], "x")
    end
    for _, operator in ipairs { "less_than", "less_or_equal", "greater_than", "greater_or_equal" } do
      raises("got a boolean", f[operator], "x", true)
      raises("got nil", f[operator], "x")
      raises("got klaviyo.null", f[operator], "x", json.null)
      raises("not RFC 3339: no such day", f[operator], "x", "2023-02-29T00:00:00Z")
      raises("not RFC 3339", f[operator], "x", "12")
    end
    raises("takes a field and no value", f.has, "x", "y")
  end)

  it("raises for empty lists, mixed lists and values that are not lists", function()
    for _, operator in ipairs { "any", "contains_any", "contains_all" } do
      raises("the list is empty", f[operator], "x", {})
      raises("the list is empty", f[operator], "x", json.array())
      raises("the list is mixed: item 1 is a string, item 3 a number", f[operator], "x", { "a", "b", 1 })
      raises("without holes or names", f[operator], "x", { "a", nil, "b", n = 3 })
      raises("without holes or names", f[operator], "x", { a = 1 })
      raises("expected a list, got a string", f[operator], "x", "a")
      raises("expected a list, got nil", f[operator], "x")
      raises("expected a list, got a filter", f[operator], "x", f.has("y"))
      raises("item 2: .*got a table", f[operator], "x", { "a", { "b" } })
      raises("item 1: .*got klaviyo.null", f[operator], "x", { json.null })
      raises("expected a list", f[operator], "x", datetime(0))
    end
  end)

  it("raises if asked to join values that are not filters", function()
    raises("expected filters, got none", f.all)
    raises("argument 2: expected a filter, got nil", f.all, f.has("x"), nil)
    raises("argument 1: expected a filter, got a string", f.all, "has(x)")
    raises("argument 2: expected a filter, got a boolean", f.all, f.has("x"), false)
  end)

  it("suggests an operator for a misspelt one, at the caller's line", function()
    local line = debug.getinfo(1, "l").currentline + 2
    local ok, message = pcall(function()
      return f.equal("x", "y")
    end)
    assert.is_false(ok)
    assert.matches("filter_spec%.lua:" .. line
      .. ': unknown filter operator "equal"; did you mean "equals"%?', message)
    raises('did you mean "greater_than"', function() return f["greater-than"] end)
  end)

  it("is distinguished from other tables", function()
    assert.is_true(f.is(f.has("x")))
    assert.is_false(f.is("has(x)"))
    assert.is_false(f.is({ text = "has(x)", terms = {} }))
    assert.is_false(f.is(nil))
  end)

  it("is a string in JSON and in text", function()
    assert.equal([[["equals(x,\"y\")"]] .. "]", json.encode { f.equals("x", "y") })
    assert.equal("filter=has(x)", "filter=" .. f.has("x"))
  end)
end)

describe("filter.terms", function()
  local function names(text)
    local terms = f.terms(text)
    if not terms then
      return nil
    end
    local list = {}
    for i, term in ipairs(terms) do
      list[i] = term.operator .. ":" .. term.field
    end
    return table.concat(list, " ")
  end

  it("reads raw text", function()
    assert.equal("equals:email", names('equals(email,"test@example.com")'))
    assert.equal("equals:messages.channel", names("equals(messages.channel,'email')"))
    assert.equal("has:profile", names("has(profile)"))
    assert.equal("any:email greater-than:created",
      names('any(email,["a","b"]),greater-than(created,2024-10-15T00:00:00Z)'))
    assert.equal("any:x", names([[any( x , [ "a" , 'b' , 3 ] )]]))
    assert.equal("any:x", names("any(x,[])"))
    assert.equal("equals:Email Domain", names('equals( Email Domain ,"a")'))
    assert.equal("equals:x", names(" equals(x,null) "))
  end)

  it("flattens and(…)", function()
    assert.equal("equals:a has:b less-than:c",
      names('and(equals(a,"1"),and(has(b),less-than(c,5)))'))
    assert.equal("equals:a has:b equals:d", names("and(equals(a,1),has(b)),equals(d,2)"))
  end)

  it("ignores operators in quoted strings", function()
    assert.equal("equals:a equals:b", names([[equals(a,"x),has(y\")"),equals(b,'\'),has(z')]]))
    assert.equal("any:a", names([=[any(a,["]","),any(b,[","\\"])]=]))
  end)

  it("returns nil for text that it cannot read", function()
    for _, text in ipairs {
      "", " ", "x", "equals", "equals(", "equals(a", "equals(a,", 'equals(a,"b)',
      "equals(a,b),", ",equals(a,b)", "equals(a,b)x", "or(equals(a,1),equals(b,2))",
      "not(equals(a,1))", "any(a,[1", "any(a,[1,]", "any(a,[[1]])", "equals(a,f(b))",
      "and()", "and(has(a)", "equals(a'b,1)", "equals(a,1 2)", "équals(a,1)", "has( )",
      ("and("):rep(5000), 'equals(a,"\\',
    } do
      assert.is_nil(f.terms(text), text)
    end
    assert.is_nil(f.terms(nil))
    assert.is_nil(f.terms(12))
    assert.is_nil(f.terms({}))
  end)

  it("never raises", function()
    for _ = 1, 5000 do
      local parts = { "any(x,[" }
      for i = 2, random(1, 10) do
        parts[i] = pieces[random(1, #pieces)]
      end
      assert.is_true((pcall(f.terms, table.concat(parts))))
    end
  end)
end)
