-- The output of records: tables, CSV, JSON and JSON Lines.

local cell = require "klaviyo.cli.cell"
local contexts = require "klaviyo.cli.context"
local klaviyo = require "klaviyo"
local pretty = require "klaviyo.cli.pretty"

-- Returns what a writer writes to stdout and to stderr.
local function written(records, options, arguments, terminal)
  local out, err = {}, {}
  local function file(parts)
    return {write = function(self, ...)
      for i = 1, select("#", ...) do
        parts[#parts + 1] = (select(i, ...))
      end
      return self
    end}
  end
  local context = contexts.new {stdout = file(out), stderr = file(err),
    terminal = terminal or {stdin = false, stdout = false, stderr = false}, getenv = function(name)
      return name == "NO_COLOR" and "1" or nil
    end}
  context.arguments = arguments
  local writer = context:records(options)
  for _, record in ipairs(records) do
    if type(record) == "string" then
      writer:add_raw(record)
    else
      writer:add(record)
    end
  end
  writer:finish()
  return table.concat(out), table.concat(err)
end

local function profile(id, attributes)
  return {type = "profile", id = id, attributes = attributes}
end

local TERMINAL = {stdin = true, stdout = true, stderr = false, columns = 40}

describe("a cell", function()
  it("has the width that a terminal gives it", function()
    for text, width in pairs {
      ["abc"] = 3, ["Zoë"] = 3, ["日本"] = 4, ["é"] = 1, ["e\204\129"] = 1, ["…"] = 1, ["🙂"] = 2, [""] = 0, ["한국"] = 4,
    } do
      assert.equal(width, cell.width(text), text)
    end
  end)

  it("is shortened in whole characters", function()
    assert.equal("Zo…", cell.shortened("Zoë Smith", 3))
    assert.equal("日…", cell.shortened("日本語", 4))
    assert.equal("abc", cell.shortened("abc", 3))
    assert.equal("  ab", cell.pad("ab", 4, true))
    assert.equal("日 ", cell.pad("日", 3))
  end)

  it("is one line", function()
    assert.equal("a b", cell.text("a\n\tb"))
    assert.equal("", cell.text(klaviyo.null))
    assert.equal("", cell.text(nil))
    assert.equal("true", cell.text(true))
    assert.equal("10", cell.text(10))
    assert.equal('{"a":1}', cell.text {a = 1})
    assert.equal(" [31mred", cell.text "\27[31mred")
    assert.equal(" 31mred é", cell.text "\194\15531mred é")
  end)
end)

describe("a table", function()
  local records = {
    profile("a", {email = "one@example.com", orders = 7, location = {city = "Rome"}, title = klaviyo.null}),
    profile("b", {email = "two@example.com", orders = 1234, title = klaviyo.null}),
  }

  it("has the columns with values, and numbers on the right", function()
    assert.equal("id  email            orders\n"
      .. "a   one@example.com       7\n"
      .. "b   two@example.com    1234\n", (written(records, nil, {output = "table"})))
  end)

  it("has the columns that fit, and names the others", function()
    local list = {profile("a", {email = "one@example.com", first_name = "Jane", organization = "Example"})}
    local out, err = written(list, nil, {}, TERMINAL)
    for line in out:gmatch("[^\n]+") do
      assert.is_true(cell.width(line) <= 40, line)
    end
    assert.truthy(out:find("Jane", 1, true))
    assert.equal("klaviyo: not shown: organization; choose with --columns\n", err)
  end)

  it("has the chosen columns, which are shortened until they fit", function()
    local list = {profile("a", {email = ("x"):rep(50), note = ("y"):rep(50)})}
    local out, err = written(list, nil, {columns = "id, email,attributes.note,location.city"}, TERMINAL)
    assert.equal("", err)
    local lines = {}
    for line in out:gmatch("[^\n]+") do
      assert.is_true(cell.width(line) <= 40, line)
      lines[#lines + 1] = line
    end
    assert.matches("^a   x+…  y+…$", lines[2])
    assert.truthy((written(list, nil, {output = "table"})):find(("x"):rep(50), 1, true))
  end)

  it("continues with the widths of the first records", function()
    local list = {}
    for i = 1, 150 do
      list[i] = profile(("%03d"):format(i), {email = "a"})
    end
    list[150].attributes.email = "longer than the others"
    local out = written(list, nil, {output = "table"})
    assert.equal(151, select(2, out:gsub("\n", "")))
    assert.truthy(out:find("\n150  long…\n", 1, true))
  end)

  it("shows one record as a list of its members", function()
    local one = profile("a", {email = "one@example.com", location = {city = "Rome", zip = "00100"}, tags = {"x"}})
    one.relationships = {lists = {data = {{type = "list", id = "L1"}, {type = "list", id = "L2"}}}}
    assert.equal([[
id             a
email          one@example.com
location.city  Rome
location.zip   00100
tags           ["x"]
→ lists        L1, L2
]], (written({one}, {is_single = true}, {output = "table"})))
    assert.equal("b  2\na  1\n", (written({{a = 1, b = 2}}, {is_single = true, columns = {"b", "a"}},
      {output = "table"})))
  end)

  it("says that there are no records", function()
    local out, err = written({}, nil, {}, TERMINAL)
    assert.same({"", "klaviyo: there are no records\n"}, {out, err})
    assert.equal("", (written({}, nil, {output = "table"})))
  end)
end)

describe("CSV", function()
  it("has all attributes; those with members are JSON", function()
    local out, err = written({profile("a", {name = "x, y", location = {city = "Rome"}, none = klaviyo.null})}, nil,
      {output = "csv"})
    assert.equal('id,name,none,location\r\na,"x, y",,"{""city"":""Rome""}"\r\n', out)
    assert.equal("", err)
  end)

  it("names attributes that come too late", function()
    local list = {}
    for i = 1, 201 do
      list[i] = profile(tostring(i), {name = "x"})
    end
    list[201].attributes.nickname = "y"
    local _, err = written(list, nil, {output = "csv"})
    assert.truthy(err:find("nickname", 1, true))
    _, err = written(list, nil, {output = "csv", columns = "name"})
    assert.equal("", err)
  end)

  it("has no line without records, unless columns are chosen", function()
    assert.equal("", (written({}, nil, {output = "csv"})))
    assert.equal("id,name\r\n", (written({}, nil, {output = "csv", columns = "id,name"})))
  end)
end)

describe("JSON", function()
  it("is a list, or a document", function()
    assert.same({}, klaviyo.json.decode((written({}, nil, {output = "json"}))))
    assert.same({{a = 1}, {a = 2}}, klaviyo.json.decode((written({{a = 1}, '{"a":2}'}, nil, {output = "json"}))))
    assert.same({data = {}}, klaviyo.json.decode((written({}, {is_document = true}, {output = "json"}))))
    assert.same({data = {{a = 1}}}, klaviyo.json.decode((written({{a = 1}}, {is_document = true},
      {output = "json"}))))
  end)

  it("keeps the order of members and the digits of numbers", function()
    local text = '{"b":[1.50,{"a":"x\\"{}, y"},[],{}],"a":{"z":null,"y":12345678901234567890}}'
    assert.equal(text, (pretty.json(text):gsub("\n *", ""):gsub('": ', '":')))
    assert.equal('{\n  "b": [\n    1.50,\n    {\n      "a": "x\\"{}, y"\n    },\n    [],\n    {}\n  ],\n  "a": {\n    '
      .. '"z": null,\n    "y": 12345678901234567890\n  }\n}', pretty.json(text))
    assert.equal('"a"', pretty.json '"a"')
    assert.equal("", pretty.json "")
    assert.equal('"\\u0080\\u009f\194\160\195\155"', pretty.json '"\194\128\194\159\194\160\195\155"')
    assert.equal(text, (pretty.json(text, {colour = true}):gsub("\27%[%d*m", ""):gsub("\n *", ""):gsub('": ', '":')))
  end)

  it("has the chosen members alone, in their order", function()
    local list = {profile("a", {email = "one@example.com", title = klaviyo.null}),
      '{"id": "b", "attributes": {"email": "two@example.com"}}'}
    assert.equal('{"email":"one@example.com","id":"a","title":null}\n'
      .. '{"email":"two@example.com","id":"b","title":null}\n', (written(list, nil, {columns = "email,id,title"})))
    assert.same({data = {{id = "a"}, {id = "b"}}}, klaviyo.json.decode((written(list, {is_document = true},
      {columns = "id", output = "json"}))))
  end)

  it("has a record in each line with jsonl", function()
    assert.equal('{"a":1}\n{"a": 2,"b": 3}\n', (written({{a = 1}, '{"a": 2,\n  "b": 3}'}, nil, {})))
  end)
end)

describe("a suggestion", function()
  local suggest = require "klaviyo.cli.suggest"

  it("is the end of a message", function()
    local names = {"profiles", "lists", "segments", "profile-merge", "catalog-items"}
    assert.equal(' (did you mean "lists"?)', suggest.text("lsits", names))
    assert.equal(' (did you mean "profile-merge" or "profiles"?)', suggest.text("profi", names))
    assert.equal("", suggest.text("xyzzy", names))
  end)
end)
