local cli = require "spec.support.cli"
local kinds = require "klaviyo.cli.import.kinds"
local input = require "klaviyo.cli.import.input"
local script = require "spec.support.script"
local source = require "klaviyo.cli.import.source"

describe("klaviyo.cli.import.input", function()
  local folder

  setup(function()
    folder = cli.folder()
  end)

  teardown(function()
    script.shell("rm -rf " .. folder)
  end)

  local function open(text, options, name)
    local path = folder .. "/" .. (name or "rows.csv")
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    local all = {kind = kinds.get "profiles", map = {}, types = {}}
    for key, value in pairs(options or {}) do
      all[key] = value
    end
    all.action = kinds.action(all.kind, all.verb)
    return input.open(assert(source.open(path)), all)
  end

  -- Returns the records, their lines, and the errors as {line, message}.
  local function read(from)
    local records, lines, errors = {}, {}, {}
    while true do
      local record, second = from:next()
      if record then
        records[#records + 1], lines[#lines + 1] = record, second
      elseif second then
        errors[#errors + 1] = {second.line, second.message}
      else
        return records, lines, errors
      end
    end
  end

  local function mapped(from)
    local list = {}
    for _, column in ipairs(from.mapped) do
      list[#list + 1] = column.kind ~= "ignored"
        and table.concat(column.path, ".") or false
    end
    return list
  end

  it("ends where the text cannot be read, and does not take that for the end", function()
    local pieces, failing = {}, {}
    function failing.read(_, size)
      if size == 0 then
        return ""
      end
      local piece = table.remove(pieces, 1)
      return piece, not piece and "Input/output error" or nil
    end
    function failing.seek() return 0 end
    local io_type = io.type
    io.type = function(value) return value == failing and "file" or io_type(value) end -- luacheck: ignore 122
    finally(function() io.type = io_type end) -- luacheck: ignore 122
    local all = {kind = kinds.get "profiles", map = {}, types = {}}
    all.action = kinds.action(all.kind)
    io.open(folder .. "/rows.csv", "w"):close()
    local from = assert(source.open(folder .. "/rows.csv"))
    from.file = failing
    pieces = {"email\n", "email\n", "a@example.com\nb@exam"}
    from = assert(input.open(from, all))
    assert.equal("a@example.com", from:next().email)
    local record, problem = from:next()
    assert.is_nil(record)
    assert.is_true(problem.fatal)
    assert.equal("the text cannot be read: Input/output error", problem.message)
    assert.is_nil(from:next())
    pieces = {"email\na@example.com\n"}
    from = assert(input.open(source.open("-", failing), all))
    local _, why = pcall(read, from)
    assert.equal("the standard input cannot be read: Input/output error", why.message)
    assert.equal(1, why.status)
  end)

  describe("of CSV", function()
    it("skips a byte order mark, and reads CRLF and quotes over lines", function()
      local from = open('\239\187\191E-Mail;"First\r\nName"\r\n'
        .. 'ann@example.com;"Ann\r\nB."\r\n\r\nbob@example.com;Bob')
      local records, lines, errors = read(from)
      assert.same({{email = "ann@example.com", first_name = "Ann\r\nB."},
        {email = "bob@example.com", first_name = "Bob"}}, records)
      assert.same({3, 6}, lines)
      assert.same({}, errors)
    end)

    it("has a header, of which a file without rows may consist", function()
      local none, why = open ""
      assert.is_nil(none)
      assert.equal("the file is empty: it has no header", why)
      assert.same({}, (read(open "email\n")))
      assert.same({}, (read(open "email")))
    end)

    it("maps known names, and makes properties of the others", function()
      assert.same({"email", "phone_number", "last_name", "location.city",
        "location.zip", "organization", "properties.Plan"},
        mapped(open "E-Mail Address,Mobile,Surname,City,ZIP code,Company,Plan\n"))
      -- the attribute itself has priority over another name for it
      assert.same({"properties.mail", "email"}, mapped(open "mail,email\n"))
      assert.same({"email", false, false},
        mapped(open "email,import_line,import_error\n"))
      assert.same({"email", false}, mapped(open("email,Plan\n",
        {skip_unknown = true})))
    end)

    it("maps the columns of an exported file", function()
      assert.same({false, "id", "email", "location.city", "properties.plan",
        false, false, false},
        mapped(open("type,id,attributes.email,attributes.location.city,"
          .. "attributes.properties.plan,attributes.created,links.self,"
          .. "relationships.lists.data\n")))
    end)

    it("maps what --map says, by name or by number", function()
      assert.same({"email", false, "properties.Tag", "properties.other"},
        mapped(open("Adresse,Notiz,Tag,tag\n", {map = {ADRESSE = "email",
          Notiz = "", ["#4"] = "properties.other"}})))
      local records = read(open("email,\na@b.c,3\n", {map = {["#2"] = "age"},
        types = {["#2"] = "integer"}}))
      assert.same({{email = "a@b.c", properties = {age = 3}}}, records)
    end)

    it("says what to do about a header that does not fit", function()
      for _, case in ipairs {
        {"email,Tag,tag\n", {}, 'columns 2 and 3 are both named "tag"; say what '
          .. "one of them becomes with --map '#3=ATTRIBUTE', or skip it with "
          .. "--map '#3='"},
        {"email,E-Mail 2\n", {map = {["E-Mail 2"] = "email"}},
          'columns 1 ("email") and 2 ("E-Mail 2") both become email; skip one '
          .. "with --map 'E-Mail 2='"},
        {"Name,City\n", {}, "no column identifies a profile (id or email or "
          .. "phone_number or external_id); the columns are: Name, City; map one "
          .. "of them with --map 'HEADER=id'"},
        {"email\n", {map = {Mail = "email"}},
          '--map: there is no column "Mail"; the columns are: email'},
        {"email\n", {types = {["#2"] = "number"}},
          '--type: there is no column "#2"; the columns are: email'},
        {"unique_code,coupon,Note\n", {kind = kinds.get "coupon_codes"},
          'column "Note" is not an attribute of bulk_create_coupon_codes; map it '
          .. "with --map 'Note=ATTRIBUTE', or skip it with --map 'Note='"},
      } do
        local none, why = open(case[1], case[2])
        assert.is_nil(none)
        assert.equal(case[3], why)
      end
    end)

    it("does not take a header that is too long for the end of the rows", function()
      local none, why = open("email," .. ("c"):rep(1100000) .. "\na@b.c,1\n")
      assert.is_nil(none)
      assert.matches("^the header cannot be read: .* longer than 1000000 bytes", why)
      -- its text is not a number, and that is not an error
      assert.equal(1, #read(open("email,age\na@b.c,1\n", {types = {age = "integer"}})))
    end)

    it("returns bad rows as errors with their lines", function()
      local records, lines, errors = read(open("email,age\na@b.c,1\nonly\n"
        .. "b@b.c,x\nc@b.c,3\n", {types = {age = "integer"}}))
      assert.equal(2, #records)
      assert.same({2, 5}, lines)
      assert.same({{3, "1 fields, but the header has 2"},
        {4, 'column "age" must be a whole number'}}, errors)
    end)

    it("tells when the rest cannot be read", function()
      local from = open 'email\na@b.c\n"b@b.c\nc@b.c\n'
      assert.is_table(from:next())
      local _, err = from:next()
      assert.equal(3, err.line)
      assert.is_true(err.fatal)
      assert.is_nil(from:next())
    end)

    it("reads again, and returns the fields as they are in the file", function()
      local from = open('sep=;\r\nE-Mail; Name\r\n"a@b.c"; " x "\r\nb;b;b\r\n')
      assert.equal("a@b.c", (from:next()).email)
      assert.is_true(from:again())
      local _, line = from:next()
      assert.equal(3, line)
      assert.same({"a@b.c", ' " x "'}, from:fields(line))
      local _, err = from:next()
      assert.equal(4, err.line)
      assert.same({"b;b;b", ""}, from:fields(err.line, err.last_line))
    end)
  end)

  describe("of JSON Lines", function()
    it("returns records, and lines that are none as errors", function()
      local records, lines, errors = read(open('\239\187\191{"email":"a@b.c"}\n'
        .. '\n{"email":\n[1]\n"x"\n{"email":"b@b.c","properties":{"a":[]}}', nil,
        "rows.jsonl"))
      assert.equal("a@b.c", records[1].email)
      assert.equal("b@b.c", records[2].email)
      assert.same({1, 6}, lines)
      assert.equal(3, errors[1][1])
      assert.matches("^not JSON: ", errors[1][2])
      assert.same({{4, "not a JSON object"}, {5, "not a JSON object"}},
        {errors[2], errors[3]})
    end)

    it("leaves out what only an export has", function()
      local records = read(open('{"type":"profile","id":"X","attributes":'
        .. '{"email":"a@b.c","created":"2026-01-01T00:00:00Z"},'
        .. '"links":{"self":"x"},"relationships":{}}\n'
        .. '{"type":"profile","attributes":{"email":"a@b.c"}}\n', nil,
        "rows.jsonl"))
      assert.same({{id = "X", email = "a@b.c"},
        {type = "profile", attributes = {email = "a@b.c"}}}, records)
    end)

    it("renames members by --map", function()
      local records = read(open('{"mail":"a@b.c","plan":1,"x":2}\n',
        {map = {mail = "email", plan = "properties.plan", x = ""}},
        "rows.jsonl"))
      assert.same({{email = "a@b.c", properties = {plan = 1}}}, records)
    end)

    it("is found by the first character, if the name does not tell", function()
      assert.equal("jsonl", open(' {"email":"a@b.c"}\n', nil, "rows").format)
      assert.equal("csv", open("email\n", nil, "rows").format)
      assert.equal("jsonl", open('{"email":"a@b.c"}\n', {format = "jsonl"}).format)
      assert.equal("csv", open("email\n", nil, "rows.TXT").format)
    end)
  end)

  it("names what cannot be opened", function()
    local none, why = source.open(folder)
    assert.is_nil(none)
    assert.matches("directory", why)
    none, why = source.open(folder .. "/none.csv")
    assert.is_nil(none)
    assert.matches("No such file", why)
  end)
end)
