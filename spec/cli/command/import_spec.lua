local cli = require "spec.support.cli"
local kinds = require "klaviyo.cli.import.kinds"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local verbs = require "klaviyo.bulk.verbs"

describe("klaviyo import", function()
  local server = sandbox.here(setup, teardown, {job_polls = 0})
  local folder, env

  before_each(function()
    server.server:reset()
    folder, env = cli.folder(), cli.environment(server.server)
  end)

  after_each(function()
    script.shell("rm -rf " .. folder)
  end)

  -- Writes a file into the folder, and returns its path.
  local function file(text, name)
    local path = folder .. "/" .. (name or "rows.csv")
    local out = assert(io.open(path, "wb"))
    out:write(text)
    out:close()
    return path
  end

  local function import(...)
    return cli.call({"import", ...}, {env = env})
  end

  -- Returns how many requests of an operation the sandbox has processed.
  local function requests(operation)
    local count = 0
    for _, request in ipairs(server.server:requests()) do
      count = count + (request.operation == operation and 1 or 0)
    end
    return count
  end

  describe("profiles", function()
    it("creates profiles, adds them to a list, and leaves no file", function()
      local list = assert(server.client.lists:first())
      local path = file("E-Mail,First Name,City,Plan\nann@example.com,Ann,Bern,"
        .. "gold\nbob@example.com,Bob,Basel,\n")
      local result = import("profiles", path, "--list", list.id)
      assert.equal("klaviyo: 2 imported\n", result.err)
      assert.equal(0, result.status)
      assert.equal("", result.out)
      local profile = assert(server.client.profiles:first {
        filter = klaviyo.filter.equals("email", "ann@example.com")})
      assert.equal("Ann", profile.attributes.first_name)
      assert.equal("Bern", profile.attributes.location.city)
      assert.equal("gold", profile.attributes.properties.Plan)
      local ids = {}
      for id in server.client.lists:at(list.id).profiles:ids() do
        ids[id] = true
      end
      assert.is_true(ids[profile.id])
      assert.equal("rows.csv\n", (script.shell("ls " .. folder)))
    end)

    it("writes the rows that are refused, with lines and reasons", function()
      local path = file('email,Note\nann@example.com,x\nnot an address,"a\nb"\n'
        .. "short\nbob@example.com,y\n")
      local result = import("profiles", path, "--output", "json")
      assert.equal(3, result.status)
      assert.matches("klaviyo: 2 imported, 2 refused\n", result.err, 1, true)
      assert.matches("the 2 refused rows are in " .. folder
        .. "/rows.rejected.csv", result.err, 1, true)
      local summary = klaviyo.json.decode(result.out)[1]
      assert.equal(2, summary.completed)
      assert.equal(2, summary.failed)
      assert.equal(4, summary.total)
      assert.equal('email,Note,import_line,import_error\r\n'
        .. 'not an address,"a\nb",3,Invalid email address\r\n'
        .. 'short,,5,"1 fields, but the header has 2"\r\n',
        cli.contents(folder .. "/rows.rejected.csv"))
      assert.is_nil(cli.contents(path .. ".journal"))
    end)

    it("reports a list that does not exist, and keeps nothing", function()
      local path = file "email\nann@example.com\n"
      local result = import("profiles", path, "--list", "NoList")
      assert.equal(1, result.status)
      assert.matches("NoList", result.err)
      assert.is_nil(cli.contents(path .. ".journal"))
      assert.is_nil(result.err:find("--resume", 1, true))
    end)

    it("stops when the key stops being valid, and resumes", function()
      local rows = {"email\n"}
      for i = 1, 30 do
        rows[i + 1] = ("u%d@example.com\n"):format(i)
      end
      local path = file(table.concat(rows))
      server.server:fault {operation = "bulk_import_profiles", skip = 1,
        times = 1, status = 401}
      local result = import("profiles", path, "--batch-size", "10")
      assert.equal(4, result.status)
      assert.matches("klaviyo auth status", result.err, 1, true)
      assert.matches("--resume", result.err, 1, true)
      assert.is_string(cli.contents(path .. ".journal"))

      local again = import("profiles", path, "--batch-size", "10")
      assert.equal(2, again.status)
      assert.matches("was interrupted: go on with --resume", again.err, 1, true)
      result = import("profiles", path, "--batch-size", "10", "--resume")
      assert.equal(0, result.status)
      assert.matches("30 imported", result.err)
      assert.is_nil(cli.contents(path .. ".journal"))
      local count = 0
      for _ in server.client.profiles:each() do
        count = count + 1
      end
      assert.equal(30, count)
    end)

    it("begins again with --restart", function()
      local path = file "email\nann@example.com\n"
      file("anything", "rows.csv.journal")
      local result = import("profiles", path, "--resume")
      assert.equal(2, result.status)
      assert.matches("is not a journal", result.err)
      assert.equal(0, import("profiles", path, "--restart").status)
      result = import("profiles", path, "--resume")
      assert.equal(2, result.status)
      assert.matches("there is no journal", result.err)
    end)

    it("refuses to resume with a file that was changed", function()
      local path = file "email\na@example.com\nb@example.com\nc@example.com\n"
      server.server:fault {operation = "bulk_import_profiles", skip = 1,
        times = 10, status = 401}
      assert.equal(4, import("profiles", path, "--batch-size", "1").status)
      file "email\nx@example.com\nb@example.com\nc@example.com\n"
      local result = import("profiles", path, "--batch-size", "1", "--resume")
      assert.equal(2, result.status)
      assert.matches("^klaviyo: the journal .- belongs to another source",
        result.err)
    end)

    it("imports what comes before a row that hides the rest", function()
      local path = file('email\nann@example.com\n"bob@example.com\nx@example.com\n')
      local result = import("profiles", path)
      assert.equal(3, result.status)
      assert.matches("rows.csv:3: the quote that opens field 1 is not closed "
        .. "before the end; the rows after it were not read", result.err, 1, true)
      file 'email\nann@example.com\n"bob@example.com"\nx@example.com\n'
      result = import("profiles", path, "--resume")
      assert.equal(0, result.status)
      assert.matches("3 imported", result.err)
    end)
  end)

  it("knows every bulk import of the library", function()
    local known = {}
    for _, kind in ipairs(kinds.list) do
      for _, action in ipairs(kind.actions) do
        known[kind.resource .. ":" .. action.method] = true
      end
    end
    for resource, methods in pairs(verbs) do
      for method in pairs(methods) do
        assert.is_true(known[resource .. ":" .. method], resource .. ":" .. method)
      end
    end
  end)

  describe("the other kinds", function()
    -- Operations of jobs: what a record of the kind needs.
    local ROWS = {
      ["events import"] = {"metric,email,value,SKU\n"
        .. "Bought,ann@example.com,7.5,X1\n"},
      ["subscriptions subscribe"] = {"email,phone\nann@example.com,\n"},
      ["subscriptions unsubscribe"] = {"email\nann@example.com\n"},
      ["suppressions suppress"] = {"email\nann@example.com\n"},
      ["suppressions unsuppress"] = {"email\nann@example.com\n"},
      ["coupon_codes create"] = {"Code,coupon\nA1,10OFF\n", function(client)
        assert(client.coupons:create {external_id = "10OFF"})
      end},
      ["catalog_items create"] = {"External ID,title,description,url\n"
        .. "X1,Shirt,Blue,https://example.com/x1\n"},
      ["catalog_items update"] = {"id,price\n$custom:::$default:::X1,7.5\n"},
      ["catalog_items delete"] = {"id\n$custom:::$default:::X1\n"},
      ["catalog_variants create"] = {"external_id,title,description,sku,"
        .. "inventory_quantity,price,url,item\nV1,S,D,S1,3,7,https://example.com/v"
        .. ",$custom:::$default:::X1\n"},
      ["catalog_variants update"] = {"id,price\n$custom:::$default:::V1,8\n"},
      ["catalog_variants delete"] = {"id\n$custom:::$default:::V1\n"},
      ["catalog_categories create"] = {"external_id,name\nC1,Shirts\n"},
      ["catalog_categories update"] = {"id,name\n$custom:::$default:::C1,Tops\n"},
      ["catalog_categories delete"] = {"id\n$custom:::$default:::C1\n"},
    }

    for _, kind in ipairs(kinds.list) do
      for _, action in ipairs(kind.actions) do
        local row = ROWS[kind.name .. " " .. action.name]
        if kind.name ~= "profiles" then
          it(("are sent: %s %s"):format(action.name, kind.name), function()
            if row[2] then
              row[2](server.client)
            end
            local arguments = {kind.name, file(row[1]), "--yes"}
            if #kind.actions > 1 then
              arguments[4], arguments[5] = "--action", action.name
            end
            local result = import((table.unpack or unpack)(arguments))
            local operation = action.record and "bulk_create_events"
              or action.operation
            assert.equal(1, requests(operation), result.err)
            -- an update of what does not exist is refused, not malformed
            if action.name == "import" or action.name == "subscribe"
                or action.name == "create" and kind.name ~= "catalog_variants" then
              assert.equal("klaviyo: 1 imported\n", result.err)
              assert.equal(0, result.status)
            end
            local document = klaviyo.json.decode((function()
              for _, request in ipairs(server.server:requests()) do
                if request.operation == operation then
                  return request.body
                end
              end
            end)())
            assert.is_table(document.data.attributes)
          end)
        end
      end
    end

    it("give rows the consent of the channels", function()
      local path = file "email,phone\nann@example.com,+15551234567\n"
      assert.equal(0, import("subscriptions", path, "--channel", "sms",
        "--channel", "email", "--source", "shop").status)
      local request = server:latest()
      local attributes = klaviyo.json.decode(request.body).data.attributes
      assert.equal("shop", attributes.custom_source)
      assert.same({email = {marketing = {consent = "SUBSCRIBED"}},
        sms = {marketing = {consent = "SUBSCRIBED"}}},
        attributes.profiles.data[1].attributes.subscriptions)
    end)

    it("ask before they suppress, unsubscribe or delete", function()
      local path = file "email\nann@example.com\n"
      for _, words in ipairs {{"suppressions", path}, {"subscriptions", path,
        "--action", "unsubscribe"}, {"catalog_items", path, "--action",
        "delete"}} do
        local result = import((table.unpack or unpack)(words))
        assert.equal(2, result.status)
        assert.matches("--yes", result.err, 1, true)
      end
      assert.equal(0, #server.server:requests())
    end)

    it("may be written with a hyphen", function()
      assert.equal(0, import("catalog-items", file("external_id,title,description"
        .. ",url\nX1,T,D,https://example.com/\n"), "--dry-run").status)
    end)
  end)

  describe("--dry-run", function()
    it("shows the mapping, the counts and the first bad rows", function()
      env.KLAVIYO_API_KEY = nil
      local rows = {"E-Mail,City,Plan,Note,age\n"}
      for i = 1, 20 do
        rows[#rows + 1] = ("u%d@example.com,Bern,gold,x,%s\n"):format(i,
          i <= 12 and "old" or i)
      end
      local path = file(table.concat(rows) .. "short\n")
      local result = import("profiles", path, "--dry-run", "--map", "Note=",
        "--type", "age=integer")
      assert.equal(3, result.status)
      assert.equal(([[
COLUMN  PROFILES         TYPE
E-Mail  email            string
City    location.city    string
Plan    properties.Plan  string
Note    (skipped)
age     properties.age   integer

21 rows: 8 can be imported, 13 cannot
]]), result.out:match("^.-cannot\n"))
      assert.matches('line 2: column "age" must be a whole number\n', result.out,
        1, true)
      assert.matches("\nand 3 more\n$", result.out)
      assert.equal("klaviyo: nothing was sent\n", result.err)
      assert.equal(0, #server.server:requests())
      assert.equal("rows.csv\n", (script.shell("ls " .. folder)))
    end)

    it("checks the records as they are sent", function()
      local path = file('{"email":"a@b.c"}\n{"e_mail":"a@b.c"}\nx\n', "a.jsonl")
      local result = import("profiles", path, "--dry-run")
      assert.equal(3, result.status)
      assert.matches("3 rows: 1 can be imported, 2 cannot", result.out)
      assert.matches('line 2: unknown attribute of bulk_import_profiles: '
        .. '"e_mail"', result.out, 1, true)
      assert.is_nil(result.out:find("profiles[1]", 1, true))
      path = file("email\nann@example.com\n", "b.csv")
      assert.equal(0, import("subscriptions", path, "--dry-run").status)
    end)
  end)

  it("reads an empty file and one without rows", function()
    local result = import("profiles", file "")
    assert.equal(2, result.status)
    assert.matches("the file is empty", result.err)
    result = import("profiles", file "email\n")
    assert.equal(0, result.status)
    assert.matches("0 imported", result.err)
    result = import("profiles", file("", "a.jsonl"))
    assert.equal(0, result.status)
  end)

  it("refuses what it cannot use, in one line", function()
    local path = file "email\na@b.c\n"
    for _, case in ipairs {
      {{"profiles", folder .. "/none.csv"}, "No such file"},
      {{"profiles", folder}, "directory"},
      {{"profiles", folder .. "/x.csv.gz"}, "gunzip -c"},
      {{"profiles", path, "--map", "x"}, '"x" is not HEADER=ATTRIBUTE'},
      {{"profiles", path, "--type", "email=text"}, '"text" is not a type'},
      {{"profiles", path, "--separator", "ab"}, "is not one sign"},
      {{"profiles", path, "--batch-size", "0"}, "is not a number of rows"},
      {{"profiles", path, "--batch-size", "10001"}, "batch_size"},
      {{"profiles", path, "--journal", "/dev/null"}, "is not a file"},
      {{"orders", path}, "orders"},
      {{"profiles", "-", "--resume"}, "cannot be read again"},
    } do
      local result = import((table.unpack or unpack)(case[1]))
      assert.equal(2, result.status)
      assert.matches(case[2], result.err, 1, true)
      assert.equal(1, select(2, result.err:gsub("\n", "")))
    end
    env.KLAVIYO_API_KEY = nil
    assert.equal(4, import("profiles", path).status)
  end)

  it("takes no rows from a pipe, which it could read only once", function()
    local pipe = folder .. "/pipe"
    assert(os.execute("mkfifo " .. pipe))
    for _, path in ipairs {pipe, "/dev/null", "/dev/stdin"} do
      local result = cli.run({"import", "profiles", path}, {env = env,
        prefix = "sh -c 'exec cat | \"$@\"' sh"})
      assert.equal(2, result.status)
      assert.equal(("klaviyo: %s is not a file; pass - and redirect it: "
        .. "klaviyo import profiles … - <%s\n"):format(path, path), result.err)
    end
    os.remove(pipe)
  end)

  it("reads the standard input, and writes its refused rows", function()
    local result = cli.run({"import", "subscriptions", "-", "--rejected",
      folder .. "/bad.csv"}, {env = env,
      input = "email\nann@example.com\n\nx,y\nbob@example.com\n"})
    assert.equal(3, result.status)
    assert.matches("cannot be resumed", result.err)
    assert.matches("2 imported, 1 refused", result.err)
    assert.equal("email,import_line,import_error\r\n\"x,y\",4,\"2 fields, but the "
      .. 'header has 1"\r\n', cli.contents(folder .. "/bad.csv"))
  end)
end)
