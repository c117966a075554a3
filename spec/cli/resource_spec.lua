-- The commands of the resources: every operation can be called as its help says.

local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local manual = require "klaviyo.cli.manual"

local REVISIONS = {"2024-10-15", "2026-07-15"}

-- Returns the lines of a text.
local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

describe("klaviyo RESOURCE", function()
  it("has a command for each operation", function()
    for _, revision in ipairs(REVISIONS) do
      local known = {}
      for _, op in ipairs(klaviyo.operations.list {revision = revision}) do
        local name = table.concat(manual.words(op), " ")
        assert.is_nil(known[name], name)
        known[name] = op.id
      end
    end
  end)

  it("takes the sample of each operation", function()
    for _, revision in ipairs(REVISIONS) do
      for _, op in ipairs(klaviyo.operations.list {revision = revision}) do
        local facts = klaviyo.operations.get(op.id, {revision = revision})
        local words = manual.sample(facts)
        for i, word in ipairs(words) do
          words[i] = word == "file=logo.png" and "file=README.md" or word
        end
        for _, word in ipairs {"--dry-run", "--revision", revision} do
          words[#words + 1] = word
        end
        local result = cli.call(words, {env = {KLAVIYO_API_KEY = "pk_a"}})
        assert.equal(0, result.status, op.id .. ": " .. result.err)
        local path = op.path:gsub("[-.]", "%%%0"):gsub("{[^}]+}", "[^/]+")
        assert.truthy(result.out:find("^" .. op.method .. " https://a%.klaviyo%.com" .. path .. "[?\n]"), result.out)
        assert.is_true(result.err == "" or revision == "2024-10-15", result.err)
      end
    end
  end)

  it("has a help for each operation, with its example", function()
    for _, op in ipairs(klaviyo.operations.list {revision = "2026-07-15", resource = "profiles"}) do
      local words = manual.words(op)
      words[#words + 1] = "--help"
      local result = cli.call(words)
      assert.equal(0, result.status, result.err)
      local example = "\nExample:\n   klaviyo " .. table.concat(manual.words(op), " ")
      assert.truthy(result.out:find(example, 1, true), result.out)
      assert.truthy(result.out:find(op.id, 1, true))
    end
    local help = cli.call({"profiles", "create", "--help"}).out
    for _, text in ipairs {"location.latitude", "profiles:write", "POST /api/profiles", "email=customer@example.com",
      "a second"} do
      assert.truthy(help:find(text, 1, true), text)
    end
    help = cli.call({"bulk", "--help"})
    assert.equal(2, help.status)
    help = cli.call({"profiles", "subscribe", "--help"}).out
    assert.truthy(help:find("profiles[].subscriptions.email.marketing.consent *", 1, true))
  end)

  it("suggests the nearest command, relation and attribute", function()
    for _, try in ipairs {
      {{"profles", "list"}, 'did you mean "profiles"?'},
      {{"profiles", "lst"}, "list"},
      {{"profiles", "create", "emial=a@example.com"}, 'did you mean "email"?'},
      {{"profiles", "list", "--where", "emial=a@example.com"}, 'did you mean "email"?'},
      {{"profiles", "list", "--sort", "creatde"}, 'did you mean "created"?'},
      {{"profiles", "list", "--sotr", "created"}, "--sort"},
    } do
      local result = cli.call(try[1], {env = {KLAVIYO_API_KEY = "pk_a"}})
      assert.equal(2, result.status, result.err)
      assert.truthy(result.err:find(try[2], 1, true), result.err)
      assert.equal(1, #lines(result.err))
    end
  end)
end)

describe("klaviyo RESOURCE with the sandbox", function()
  local server = sandbox.here(setup, teardown, {profiles = 250})

  local function run(words, options)
    options = options or {}
    options.env = cli.environment(server.server, options.env)
    return cli.call(words, options)
  end

  it("lists one page, some records, or all", function()
    local result = run {"profiles", "list"}
    assert.equal(20, #lines(result.out))
    assert.truthy(result.err:find("--all", 1, true))
    assert.equal("profile", klaviyo.json.decode(lines(result.out)[1]).type)
    result = run {"profiles", "list", "--limit", "130"}
    assert.equal(130, #lines(result.out))
    assert.equal("", result.err)
    result = run {"profiles", "list", "--all", "--quiet"}
    assert.equal(250, #lines(result.out))
    result = run {"profiles", "list", "--limit", "0"}
    assert.equal("", result.out)
    result = run {"profiles", "list", "--page-size", "3"}
    assert.equal(3, #lines(result.out))
  end)

  it("selects by fields", function()
    local result = run {"profiles", "list", "--where", "email=profile-0000007@example.com"}
    assert.equal(1, #lines(result.out))
    result = run {"profiles", "list", "--filter", 'equals(email,"profile-0000007@example.com")'}
    assert.equal(1, #lines(result.out))
    result = run {"profiles", "list", "--where", "email:any=profile-0000007@example.com, profile-0000008@example.com",
      "--fields", "email"}
    assert.equal(2, #lines(result.out))
    local first = klaviyo.json.decode(lines(result.out)[1])
    assert.same({email = "profile-0000007@example.com"}, first.attributes)
    result = run {"profiles", "list", "--where", "created>2030-01-01"}
    assert.equal("", result.out)
    assert.equal(0, result.status)
    result = run {"profiles", "list", "--where", "created>yesterday"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("is not a time", 1, true))
    result = run {"campaigns", "list"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--where messages.channel=email", 1, true), result.err)
    result = run {"lists", "list", "--where", "name=Newsletter"}
    assert.equal(1, #lines(result.out), result.err)
  end)

  it("creates, shows, changes and deletes", function()
    local result = run {"lists", "create", "name=-VIP, \"best\"", "--output", "csv", "--columns", "id,name"}
    assert.equal(0, result.status, result.err)
    local id = result.out:match("\n([^,]+),")
    assert.equal('id,name\r\n' .. id .. ',"-VIP, ""best"""\r\n', result.out)
    result = run {"lists", "update", id, "name=Other"}
    assert.equal(0, result.status, result.err)
    assert.equal("Other", klaviyo.json.decode(run({"lists", "get", id}).out).attributes.name)
    result = run {"lists", "profiles", "add", id, "01JAZ8SANDB0XPR0F100000001", "01JAZ8SANDB0XPR0F100000002"}
    assert.equal(0, result.status, result.err)
    assert.equal("", result.out)
    result = run {"lists", "profiles", "ids", id}
    assert.equal(2, #lines(result.out))
    -- JSON Lines are ids, too
    result = run({"lists", "profiles", "remove", id, "-"}, {input = result.out})
    assert.equal(0, result.status, result.err)
    assert.equal("", run({"lists", "profiles", "list", id}).out)
    result = run({"lists", "profiles", "add", id, "-"}, {input = "\n"})
    assert.equal(0, result.status)
    assert.truthy(result.err:find("nothing was sent", 1, true))
    assert.equal(2, run({"lists", "profiles", "add", id}).status)

    result = run {"lists", "delete", id}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--yes", 1, true))
    assert.equal(0, run({"lists", "get", id}).status)
    result = run({"lists", "delete", id}, {terminal = {stdin = true, stderr = true, stdout = false}, input = "n\n"})
    assert.equal(2, result.status)
    assert.equal(0, run({"lists", "get", id}).status)
    result = run {"lists", "delete", id, "--yes"}
    assert.equal(0, result.status, result.err)
    result = run {"lists", "get", id}
    assert.equal(1, result.status)
    assert.truthy(result.err:find("404", 1, true))
    assert.equal(1, #lines(result.err))
  end)

  it("reads documents and tables from files and from standard input", function()
    local result = run({"profiles", "create", "-", "first_name=Jane"}, {input = '{"email": "file-1@example.com"}'})
    assert.equal(0, result.status, result.err)
    local record = klaviyo.json.decode(result.out)
    assert.equal("Jane", record.attributes.first_name)
    result = run({"profiles", "create", "-"},
      {input = '{"data": {"type": "profile", "attributes": {"email": "file-2@example.com"}}}'})
    assert.equal(0, result.status, result.err)
    for input, message in pairs {["{"] = "not JSON", ["5"] = "an object", [""] = "not JSON"} do
      result = run({"profiles", "create", "-"}, {input = input})
      assert.equal(2, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
    end
    result = run {"profiles", "create", "@/nonexistent/file.json"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("/nonexistent/file.json", 1, true))
  end)

  it("types values by the schema", function()
    local function body(words)
      words[#words + 1] = "--dry-run"
      local result = run(words)
      assert.equal(0, result.status, result.err)
      return klaviyo.json.decode(result.out:match("%-%-data%-raw '(.*)'\n$")).data
    end
    local data = body {"events", "create", "metric=Placed Order", "profile.email=a@example.com", "value=9.99",
      "properties.size=10", "properties.count:=10", "properties.items:=[1,2]", "unique_id=0010"}
    assert.equal(9.99, data.attributes.value)
    assert.same({size = "10", count = 10, items = {1, 2}}, data.attributes.properties)
    assert.equal("0010", data.attributes.unique_id)
    data = body {"profiles", "upsert", "location.latitude=42.5", "location.zip=02108", "title:=null"}
    assert.equal(42.5, data.attributes.location.latitude)
    assert.equal("02108", data.attributes.location.zip)
    assert.equal(klaviyo.null, data.attributes.title)
    data = body {"profiles", "subscribe", "profiles[].email=a@example.com",
      "profiles[].subscriptions.email.marketing.consent=SUBSCRIBED", "profiles[].email=b@example.com",
      "profiles[].subscriptions.sms.marketing.consent=SUBSCRIBED"}
    assert.equal(2, #data.attributes.profiles.data)
    assert.equal("b@example.com", data.attributes.profiles.data[2].attributes.email)
    data = body {"catalog-items", "create", "external_id=1", "title=Shirt", "description=d", "url=https://example.com",
      "categories=A,B", "categories=C", "price=5", "published=true"}
    assert.equal(3, #data.relationships.categories.data)
    assert.equal(true, data.attributes.published)
    for word, message in pairs {
      ["value=dear"] = "must be a number", ["value:={"] = "not JSON", ["=x"] = "NAME=VALUE", ["x"] = "NAME=VALUE",
    } do
      local result = run {"events", "create", "metric=A", "profile.email=a@example.com", word}
      assert.equal(2, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
    end
    local result = run {"events", "create", "metric=A", "metric=B", "profile.email=a@example.com"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("set twice", 1, true))
  end)

  it("writes JSON with the included resources, CSV with nested values, and tables that fit", function()
    local result = run {"catalog-items", "list", "--include", "variants", "--limit", "2", "--output", "json"}
    assert.equal(0, result.status, result.err)
    local document = klaviyo.json.decode(result.out)
    assert.equal("table", type(document.data))
    result = run {"profiles", "list", "--limit", "2", "--output", "csv"}
    local rows = {}
    for row in klaviyo.csv.rows(result.out) do
      rows[#rows + 1] = row
    end
    assert.equal(2, #rows)
    assert.equal("London", klaviyo.json.decode(rows[1].location).city)
    for _, width in ipairs {80, 200} do
      result = run({"profiles", "list", "--limit", "5"}, {terminal = {stdin = true, stdout = true, stderr = false,
        columns = width}, env = {NO_COLOR = "1"}})
      assert.equal(6, #lines(result.out))
      for _, line in ipairs(lines(result.out)) do
        assert.is_true(require("klaviyo.cli.cell").width(line) <= width, line)
      end
    end
    assert.truthy(result.out:find("Chloé", 1, true))
    result = run {"profiles", "list", "--limit", "1", "--output", "table", "--columns", "id,location.city"}
    assert.same({"id                          location.city", "01JAZ8SANDB0XPR0F100000001  London"},
      {lines(result.out)[1], lines(result.out)[2]})
  end)

  it("shows the request, and not the key, with --dry-run", function()
    local before = #server.server:requests()
    local result = run {"profiles", "create", "email=a'b@example.com", "--dry-run"}
    assert.equal(0, result.status)
    assert.equal(before, #server.server:requests())
    assert.is_nil(result.out:find(server.key, 1, true))
    assert.truthy(result.out:find([[-H "Authorization: Klaviyo-API-Key $KLAVIYO_API_KEY"]], 1, true))
    assert.truthy(result.out:find([['\'']], 1, true))
    result = run({"profiles", "list", "--dry-run"}, {env = {KLAVIYO_API_KEY = ""}})
    assert.equal(0, result.status, result.err)
  end)

  it("has exit statuses", function()
    assert.equal(4, run({"profiles", "list"}, {env = {KLAVIYO_API_KEY = ""}}).status)
    assert.equal(4, run({"profiles", "list"}, {env = {KLAVIYO_API_KEY = "pk_wrong"}}).status)
    assert.equal(1, run({"profiles", "get", "nobody"}).status)
    assert.equal(5, run({"profiles", "list"}, {env = {KLAVIYO_BASE_URL = "http://127.0.0.1:1"}}).status)
    assert.equal(2, run({"profiles", "list"}, {env = {KLAVIYO_BASE_URL = "ftp://x"}}).status)
    assert.equal(2, run({"profiles", "list", "--revision", "soon"}).status)
    for status, expected in pairs {[403] = 4, [429] = 5, [500] = 5, [503] = 5, [400] = 1, [410] = 1} do
      server.server:fault {operation = "get_lists", status = status, times = 1,
        error = status == 403 and "permission_denied" or nil}
      local result = run {"lists", "list"}
      assert.equal(expected, result.status, result.err)
      assert.equal(1, #lines(result.err))
      assert.equal(status == 403 and 1 or 0, select(2, result.err:gsub("the key needs", "")), result.err)
    end
  end)

  it("takes ids and values that begin with a dash", function()
    local result = run {"profiles", "get", "--dry-run", "--", "-abc"}
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find("/api/profiles/-abc", 1, true))
    result = run {"profiles", "list", "--dry-run", "--sort=-created"}
    assert.truthy(result.out:find("sort=-created", 1, true), result.err)
  end)

  it("ends quietly if nobody reads its output", function()
    local list = cli.command({"profiles", "list", "--all"}, {timeout = false, env = cli.environment(server.server)})
    -- where SIGPIPE is ignored, writing fails
    for _, before in ipairs {"", "trap '' PIPE; "} do
      local output = script.shell(("%s{ { %s; echo status $? >&3; } | head -n 1 | wc -l; } 3>&1"):format(before, list))
      assert.truthy(output == "1\nstatus 141\n" or output == "status 141\n1\n", output)
    end
  end)
end)
