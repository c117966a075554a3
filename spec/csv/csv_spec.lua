local csv = require "klaviyo.csv"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local script = require "spec.support.script"

-- Returns all rows of a text as lists of fields, and the errors as text.
local function fields_of(text, options)
  local own = {header = false}
  for name, value in pairs(options or {}) do
    own[name] = value
  end
  local list, wrong, lines = {}, {}, {}
  local rows = csv.rows(text, own)
  while true do
    local row, second = rows:next()
    if row then
      list[#list + 1], lines[#lines + 1] = row, second
    elseif second then
      assert.is_true(errors.is(second))
      assert.equal("csv", second.kind)
      wrong[#wrong + 1] = second.message
    else
      return list, wrong, lines
    end
  end
end

local function profiles_of(text, options)
  local own, list = {operation = "create_profile"}, {}
  for name, value in pairs(options or {}) do
    own[name] = value
  end
  for row in csv.rows(text, own) do
    list[#list + 1] = row
  end
  return list
end

describe("klaviyo.csv", function()
  describe("rows", function()
    it("are read by RFC 4180", function()
      for _, case in ipairs {
        {"a,b\nc,d\n", {{"a", "b"}, {"c", "d"}}},
        {"a,b\r\nc,d", {{"a", "b"}, {"c", "d"}}},
        {"a,b\r", {{"a", "b"}}},
        {'"a","b, c"\n', {{"a", "b, c"}}},
        {'"a ""b"" c",d\r\n', {{'a "b" c', "d"}}},
        {'"a\r\nb",c\r\n"d",""\r\n', {{"a\r\nb", "c"}, {"d", ""}}},
        {'"a"\r', {{"a"}}},
        {",\n", {{"", ""}}},
        {'"",\n', {{"", ""}}},
        {'a,"b"', {{"a", "b"}}},
        {"\n\r\na,b\n\n", {{"a", "b"}}},
        {"", {}},
      } do
        local rows, wrong = fields_of(case[1])
        assert.same({}, wrong, case[1])
        assert.same(case[2], rows, case[1])
      end
    end)

    -- Fault 13
    it("contain a quote within a field as a character", function()
      local rows, wrong, lines = fields_of('name,size\npipe,6" pipe\n'
        .. 'hose,5\nrod,7"\nx"y"z,1\n ""q,2\n')
      assert.same({}, wrong)
      assert.same({{"name", "size"}, {"pipe", '6" pipe'}, {"hose", "5"},
        {"rod", '7"'}, {'x"y"z', "1"}, {' ""q', "2"}}, rows)
      assert.same({1, 2, 3, 4, 5, 6}, lines)
    end)

    it("with more or fewer fields than the header are errors", function()
      local rows, wrong, lines = fields_of("a,b\n1\n2,3\n4,5,6\n\n7,8\n")
      assert.same({{"a", "b"}, {"2", "3"}, {"7", "8"}}, rows)
      assert.same({"line 2: 1 fields, but the first row has 2",
        "line 4: 3 fields, but the first row has 2"}, wrong)
      assert.same({1, 3, 6}, lines)
      rows = csv.rows("a,b\n1,2,3\n4,5\n")
      local row, err = rows:next()
      assert.is_nil(row)
      assert.equal("line 2: 3 fields, but the header has 2", err.message)
      assert.equal(2, err.line)
      assert.same({a = "4", b = "5"}, (rows:next()))
      assert.is_nil((rows:next()))
    end)

    it("with invalid quotes are errors that name all of their lines", function()
      local rows, wrong = fields_of('a,b\n"x"y,1\n"p\nq\nr" s,2\nc,d\n')
      assert.same({{"a", "b"}, {"c", "d"}}, rows)
      assert.equal(2, #wrong)
      assert.matches("^line 2: field 1 continues after its closing quote",
        wrong[1])
      assert.matches("^lines 3 to 5: field 1 continues", wrong[2])
      rows, wrong = fields_of('a,b\nc,"d\ne,f\ng,h\n')
      assert.same({{"a", "b"}}, rows)
      assert.same({"line 2: the quote that opens field 2 is not closed before "
        .. "the end"}, wrong)
    end)

    it("have a maximum size, which an unclosed quote cannot exceed", function()
      local text = 'a,b\n"c,d\n' .. ("e,f\n"):rep(1000)
      local rows, wrong = fields_of(text, {max_record_bytes = 100,
        separator = ","})
      assert.same({{"a", "b"}}, rows)
      -- a text is read as a whole, a file piece by piece
      assert.equal(1, #wrong)
      local read, at = 0, 0
      local function next_line()
        at = at + 1
        read = read + 1
        return at == 1 and "a,b" or at == 2 and '"c,d' or "e,f"
      end
      local endless = csv.rows(next_line, {header = false,
        max_record_bytes = 100})
      endless:next()
      local row, err = endless:next()
      assert.is_nil(row)
      assert.matches("line 2: the record that begins here is longer than 100 "
        .. "bytes", err.message)
      assert.is_true(read < 40)
      assert.is_nil((endless:next()))
    end)

    it("do not depend on the pieces of the text", function()
      local text = '\239\187\191name;"no;te"\r\n"Zoë; ""Z""";"line\r\nbreak"\r\n'
        .. 'plain;6" pipe\r\n\r\n"";x'
      local whole = fields_of(text)
      assert.same({{"name", "no;te"}, {'Zoë; "Z"', "line\r\nbreak"},
        {"plain", '6" pipe'}, {"", "x"}}, whole)
      local PIECE = require("klaviyo.csv.parser").PIECE
      for size = 1, #text do
        require("klaviyo.csv.parser").PIECE = size
        assert.same(whole, (fields_of(text)), "pieces of " .. size)
      end
      require("klaviyo.csv.parser").PIECE = PIECE
      -- a function returns lines, with their line ends or without
      for _, pattern in ipairs {"([^\n]*\n?)", "([^\n]*)\n?"} do
        local next_line = text:gmatch(pattern)
        local lines = fields_of(function()
          return next_line()
        end)
        assert.same(whole, lines)
      end
      local file = assert(io.tmpfile())
      file:write(text)
      file:seek("set")
      assert.same(whole, (fields_of(file)))
      file:close()
    end)

    it("have the separator that is detected or passed", function()
      for _, separator in ipairs {",", ";", "\t", "|"} do
        local text = ("a,x"):gsub(",", separator) .. "\n1" .. separator .. "2\n"
        assert.same({{"a", "x"}, {"1", "2"}}, (fields_of(text)))
      end
      assert.same({{"a,b", "c"}}, (fields_of('"a,b";c\n')))
      assert.same({{"a,b,c;d"}}, (fields_of("a,b,c;d\n", {separator = "|"})))
      assert.same({{"a,b,c", "d"}}, (fields_of("sep=;\r\na,b,c;d\n")))
      assert.same({{"one"}, {"two"}}, (fields_of("one\ntwo\n")))
    end)

    it("are errors in another encoding", function()
      local rows, wrong = fields_of("a,b\nM\252ller,1\nM\195\188ller,2\n")
      assert.same({{"a", "b"}, {"Müller", "2"}}, rows)
      assert.same({"line 2: the text is not UTF-8; save the file as UTF-8"}, wrong)
      rows, wrong = fields_of("\255\254a\0,\0b\0\n\0")
      assert.same({}, rows)
      assert.same({"the text is UTF-16; save the file as UTF-8"}, wrong)
      rows, wrong = fields_of("a,b\rc,d\r")
      assert.same({}, rows)
      assert.matches("line 1: lines end with CR only", wrong[1])
    end)

    it("raise an error, or pass it to on_error", function()
      local text = "a,b\n1,2\n3\n4,5\n"
      local count = 0
      local ok, err = pcall(function()
        for _ in csv.rows(text) do
          count = count + 1
        end
      end)
      assert.is_false(ok)
      assert.equal(1, count)
      assert.equal("klaviyo: line 3: 1 fields, but the header has 2",
        tostring(err))
      local wrong = {}
      for _ in csv.rows(text, {on_error = function(one)
        wrong[#wrong + 1] = one.line
      end}) do
        count = count + 1
      end
      assert.equal(3, count)
      assert.same({3}, wrong)
      -- an error that ends the reading is always raised
      ok, err = pcall(csv.rows('a,b\n1,"2\n', {on_error = function() end}))
      assert.is_false(ok)
      assert.matches("the quote that opens field 2 is not closed", err.message)
    end)

    it("may have no header, or a header from the options", function()
      local rows = csv.rows("1,2\n", {header = {"a", "b"}})
      assert.same({a = "1", b = "2"}, (rows:next()))
      local row, err = csv.rows(""):next()
      assert.is_nil(row)
      assert.matches("the text is empty: it has no header", err.message)
    end)

    it("are errors if a column with a field has no name", function()
      local rows = csv.rows("a,b,\n1,2,\n3,4,5\n")
      assert.same({a = "1", b = "2"}, (rows:next()))
      local row, err = rows:next()
      assert.is_nil(row)
      assert.matches("line 3: a field is in a column without a name",
        err.message)
    end)

    it("have typed values if `types` is set", function()
      local rows = csv.rows("n,i,b,l\n1.5,12,Yes,[1]\n,,,\n-2e3,007,0,[]\n"
        .. "x,1,1,[]\n0x10,1,1,[]\n1,1.5,1,[]\n1,1,maybe,[]\n1,1,1,{}\n"
        .. '"1,5",1,1,[]\n1,123456789012345678901,1,[]\n',
        {types = {N = "number", i = "integer", b = "boolean", l = "list"}})
      assert.same({n = 1.5, i = 12, b = true, l = {1}}, (rows:next()))
      assert.same({}, (rows:next()))
      local row = rows:next()
      assert.equal(-2000, row.n)
      assert.equal(7, row.i)
      assert.is_false(row.b)
      assert.equal("[]", json.encode(row.l))
      for _, message in ipairs {
        'line 5: column "n" must be a number', 'line 6: column "n" must be',
        'line 7: column "i" must be a whole number',
        'line 8: column "b" must be true or false',
        'line 9: column "l" must be a list of JSON',
        'line 10: column "n" must be a number (with a decimal comma',
        'line 11: column "i" must be a whole number',
      } do
        local none, err = rows:next()
        assert.is_nil(none)
        assert.matches(message, err.message, 1, true)
      end
      assert.equal(1.5, csv.rows("n;m\n1,5;2\n", {decimal = ",",
        types = {n = "number"}}):next().n)
    end)

    it("keep all digits of integers", function()
      local rows = csv.rows("n\n+9007199254740993\n-0012345678901234567\n"
        .. "98765432109876543210\n", {types = {n = "integer"}})
      assert.equal('{"n":9007199254740993}', json.encode((rows:next())))
      assert.equal('{"n":-12345678901234567}', json.encode((rows:next())))
      local row, err = rows:next()
      assert.is_nil(row)
      assert.matches('line 4: column "n" must be a whole number', err.message)
    end)
  end)

  describe("rows for an operation", function()
    -- Fault 13
    it("have its attributes, in any spelling of the header", function()
      assert.same({{email = "ann@example.com", first_name = "Ann",
        phone_number = "+15551234567", location = {city = "Paris", zip = "07"},
        properties = {Plan = "gold", ["Shoe Size"] = "7"}},
        {email = "bob@example.com"}},
        profiles_of("E-Mail; First Name;PHONE_number;location.city;Location "
          .. "Zip;Plan;Shoe Size\nann@example.com; Ann ;+15551234567;Paris;07;"
          .. "gold;7\nbob@example.com;;;;;;\n"))
    end)

    it("have values of the attribute's type", function()
      local rows = csv.rows("External-ID,title,description,url,price,published,"
        .. "custom_metadata\n7,T,D,https://example.com/,9.90,true,"
        .. '"{""a"":[1]}"\n', {operation = "create_catalog_item"})
      assert.same({external_id = "7", title = "T", description = "D",
        url = "https://example.com/", price = 9.9, published = true,
        custom_metadata = {a = {1}}}, (rows:next()))
    end)

    it("fill nested resources", function()
      local text = "Profile Email,Metric Name,value,time,SKU\n"
        .. "a@example.com,Bought,7,2026-11-01T00:00:00Z,X1\n"
      local row = csv.rows(text, {operation = "create_event"}):next()
      assert.same({profile = {email = "a@example.com"}, metric = {
        name = "Bought"}, value = 7, time = "2026-11-01T00:00:00Z",
        properties = {SKU = "X1"}}, row)
      assert.is_table(klaviyo.document("create_event", row))
      row = csv.rows("Profile Email,Metric Name\na@example.com,Bought\n",
        {operation = "create_event"}):next()
      assert.is_table(klaviyo.document("create_event", row))
    end)

    it("use the names in `columns`, and skip columns", function()
      assert.same({{email = "a@b.c", properties = {plan = "gold"}}},
        profiles_of("Adresse,Tarif,Notiz\na@b.c,gold,x\n", {columns = {
          adresse = "email", Tarif = "plan", NOTIZ = false}}))
      assert.same({{email = "a@b.c"}}, profiles_of("email,plan\na@b.c,gold\n",
        {unknown = "ignore"}))
      assert.same({{email = "a@b.c", properties = {a = 1, b = "2"}}},
        profiles_of('email,b,properties\na@b.c,2,"{""a"":1}"\n'))
      assert.same({{email = "a@b.c", properties = {email = "x", title = "y"}}},
        profiles_of("email,old,properties.title\na@b.c,x,y\n", {columns = {
          old = "properties.email"}}))
    end)

    it("are the records of a bulk operation, with their relationships", function()
      for _, case in ipairs {
        {"bulk_create_coupon_codes", "coupon_codes", "Unique Code,coupon\nA1,C\n",
          {unique_code = "A1", coupon = "C"}},
        {"bulk_update_catalog_items", "items",
          'id,price,categories\nI,4,"[""c"",""d""]"\n',
          {id = "I", price = 4, categories = {"c", "d"}}},
        {"bulk_delete_catalog_items", "items", "id\nI\n", {id = "I"}},
        {"bulk_suppress_profiles", "profiles", "E-Mail\na@b.c\n",
          {email = "a@b.c"}},
        {"bulk_import_profiles", "profiles", "email,Plan\na@b.c,gold\n",
          {email = "a@b.c", properties = {Plan = "gold"}}},
        {"bulk_subscribe_profiles", "profiles",
          "email,subscriptions.email.marketing.consent\na@b.c,SUBSCRIBED\n",
          {email = "a@b.c", subscriptions = {email = {marketing = {
            consent = "SUBSCRIBED"}}}}},
      } do
        local row = csv.rows(case[3], {operation = case[1]}):next()
        assert.same(case[4], row)
        assert.is_table(klaviyo.document(case[1], {[case[2]] = {row}}))
      end
    end)

    it("tell what the columns become", function()
      local rows = csv.rows("E-Mail,Notes,Plan\n", {operation = "create_profile",
        columns = {notes = false}})
      assert.is_nil(rows:next())
      local list = {}
      for i, column in ipairs(rows.columns) do
        list[i] = {column.name, column.kind,
          column.path and table.concat(column.path, ".")}
      end
      assert.same({{"E-Mail", "string", "email"}, {"Notes", "ignored"},
        {"Plan", "string", "properties.Plan"}}, list)
    end)

    it("report an invalid header before the first row", function()
      for text, message in pairs {
        ["Mail,Name\nx,y\nz,w\n"] = "line 1: no column identifies a profile "
          .. "(email or phone_number or external_id)",
        ["email,E-Mail\nx,y\n"] = 'line 1: columns 1 ("email") and 2 '
          .. '("E-Mail") both become email; skip one with columns = {HEADER = false}',
        ["plan,email,plan\nx,y,z\n"] = 'columns 1 ("plan") and 3 ("plan") '
          .. "both become properties.plan",
      } do
        local rows = csv.rows(text, {operation = "create_profile"})
        local row, err = rows:next()
        assert.is_nil(row)
        assert.matches(message, err.message, 1, true)
        row, err = rows:next()
        assert.is_nil(row)
        assert.is_nil(err)
      end
      local _, err = csv.rows("email,plan\nx,y\n", {unknown = "refuse",
        operation = "create_profile"}):next()
      assert.matches('column "plan" is not an attribute of create_profile',
        err.message, 1, true)
    end)
  end)

  describe("open", function()
    it("names the file in errors, and closes it", function()
      local path = os.tmpname()
      local file = assert(io.open(path, "wb"))
      file:write("a,b\n1\n")
      file:close()
      local rows = assert(csv.open(path))
      local _, err = rows:next()
      assert.equal(path .. ": line 2: 1 fields, but the header has 2",
        err.message)
      assert.is_nil((rows:next()))
      assert.is_nil(rows.file)
      rows:close()
      os.remove(path)
      rows, err = csv.open(path)
      assert.is_nil(rows)
      assert.equal("csv", err.kind)
      assert.matches("No such file", err.message)
      _, err = csv.open("/tmp"):next()
      assert.matches("/tmp: line 1: the text cannot be read: Is a directory",
        err.message)
    end)

    it("reads a file of any size in constant memory #memory", function()
      local path = os.tmpname()
      local output, status = script.run([[
        local csv = require "klaviyo.csv"
        local path = ...
        local file = assert(io.open(path, "wb"))
        file:write("email,note,n\n")
        for i = 1, 300000 do
          file:write("customer", i, '@example.com,"a ""b"",\nc",', i, "\n")
        end
        file:close()
        collectgarbage()
        collectgarbage()
        local before, most, rows, sum = collectgarbage("count"), 0, 0, 0
        for row in assert(csv.open(path, {operation = "create_profile",
            types = {n = "integer"}})) do
          rows, sum = rows + 1, sum + row.properties.n
          if rows % 1000 == 0 then
            most = math.max(most, collectgarbage("count") - before)
          end
        end
        print(rows, sum == 300000 * 300001 / 2, math.floor(most))
      ]], {args = {path}, timeout = 120})
      os.remove(path)
      assert.equal(0, status, output)
      local rows, right, most = output:match("(%d+)%s+(%a+)%s+(%d+)")
      assert.same({"300000", "true"}, {rows, right})
      assert.is_true(tonumber(most) < 6000, output)  -- the size of the file is 13 MB
    end)
  end)

  describe("encode", function()
    it("quotes fields that could be misread", function()
      assert.equal('a,"b,c","d ""e""","f\ng"," h ",,1,true,"{""a"":[]}"\r\n',
        csv.encode {"a", "b,c", 'd "e"', "f\ng", " h ", klaviyo.null, 1, true,
          {a = klaviyo.array {}}})
      assert.equal(',,x\r\n', csv.encode {n = 3, [3] = "x"})
      assert.equal('a,b;"c;d"\r\n', csv.encode({"a,b", "c;d"}, ";"))
      assert.equal('""\r\n', csv.encode {""})
      assert.equal("2024-10-15T09:00:00Z\r\n",
        csv.encode {klaviyo.datetime "2024-10-15T09:00:00Z"})
    end)

    it("writes rows that are read back unchanged", function()
      local seed = 42
      local function random(n)
        seed = (seed * 1103515245 + 12345) % 2147483648
        return math.floor(seed / 65536) % n + 1
      end
      local alphabet = {'"', ",", ";", "\r", "\n", "\t", "a", "é", " ", ""}
      for _, separator in ipairs {",", ";", "\t", "|"} do
        local rows, parts = {}, {}
        for i = 1, 300 do
          rows[i] = {}
          for j = 1, 3 do
            local text = {}
            for k = 1, random(6) do
              text[k] = alphabet[random(#alphabet)]
            end
            rows[i][j] = table.concat(text)
          end
          parts[i] = csv.encode(rows[i], separator)
        end
        local decoded, wrong = fields_of(table.concat(parts),
          {separator = separator})
        assert.same({}, wrong)
        assert.same(rows, decoded)
      end
    end)
  end)

  describe("writer", function()
    it("writes members of records, with a header", function()
      local out = {}
      local to = csv.writer(function(text)
        out[#out + 1] = text
      end, {columns = {"id", "attributes.email", "attributes.location.city"}})
      to:write {id = "1", attributes = {email = "a@b.c",
        location = {city = "New York, NY"}}}
      to:write {id = "2", attributes = {email = klaviyo.null}}
      assert.equal('id,attributes.email,attributes.location.city\r\n'
        .. '1,a@b.c,"New York, NY"\r\n2,,\r\n', table.concat(out))
      local file = assert(io.tmpfile())
      to = csv.writer(file, {columns = {"a"}, separator = ";", header = false})
      to:write {a = "x;y"}
      file:seek("set")
      assert.equal('"x;y"\r\n', file:read("*a"))
      file:close()
    end)

    it("raises when it cannot write", function()
      local full = io.open("/dev/full", "ab")
      if not full then
        return pending("no /dev/full here")
      end
      full:setvbuf("no")
      local to = csv.writer(full, {columns = {"a"}})
      local ok, err = pcall(to.write, to, {a = 1})
      assert.is_false(ok)
      assert.equal("csv", err.kind)
      assert.matches("the CSV cannot be written: No space", err.message)
    end)
  end)

  it("raises usage errors at the caller's line", function()
    raises({'unknown option of csv.rows "seperator"', '"separator"'},
      function()
        csv.rows("", {seperator = ";"})
      end)
    raises("separator must be one character", function()
      csv.rows("", {separator = "ab"})
    end)
    raises("the source of CSV must be a string, an open file or a function", function()
      csv.rows(7)
    end)
    raises('unknown operation "create_profil"', function()
      csv.rows("", {operation = "create_profil"})
    end)
    raises("operation needs the names of the columns", function()
      csv.rows("", {operation = "create_profile", header = false})
    end)
    raises("get_profiles does not take records", function()
      csv.rows("", {operation = "get_profiles"})
    end)
    raises('unknown type of a column "int"', function()
      csv.rows("", {types = {a = "int"}})
    end)
    raises("columns is missing: it must be a list of names", function()
      csv.writer(print, {})
    end)
    raises("path must be a string", function()
      csv.open()
    end)
  end)
end)
