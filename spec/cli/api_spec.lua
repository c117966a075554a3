-- klaviyo api, operations and operation.

local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"

local function lines(text)
  return select(2, text:gsub("\n", ""))
end

describe("klaviyo api", function()
  local server = sandbox.here(setup, teardown, {profiles = 250})

  local function run(words, options)
    options = options or {}
    options.env = cli.environment(server.server, options.env)
    return cli.call(words, options)
  end

  it("makes a request by a path, and writes what the API answers", function()
    local result = run {"api", "/api/profiles", "-q", "page[size]=2", "-q", "sort=-created"}
    assert.equal(0, result.status, result.err)
    assert.equal(2, #klaviyo.json.decode(result.out).data)
    assert.equal(1, lines(result.out))
    local short = run {"api", "GET", "/profiles", "-q", "page[size]=2", "-q", "sort=-created"}
    assert.equal(result.out, short.out)
    result = run {"api", "/api/profiles", "-q", "page[size]=1", "--output", "json"}
    assert.is_true(lines(result.out) > 5)
  end)

  it("makes a request by an operation", function()
    local result = run {"api", "get_profile", "id=01JAZ8SANDB0XPR0F100000001"}
    assert.equal(0, result.status, result.err)
    assert.equal("01JAZ8SANDB0XPR0F100000001", klaviyo.json.decode(result.out).data.id)
    result = run {"api", "get_profle", "id=1"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find('did you mean "get_profile"', 1, true))
    result = run {"api", "POST", "get_profile", "id=1"}
    assert.equal(2, result.status)
    result = run {"api", "get_profile"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("needs id", 1, true), result.err)
  end)

  it("sends a body", function()
    local body = '{"data": {"type": "list", "attributes": {"name": "By api"}}}'
    local result = run {"api", "/api/lists", "-d", body}
    assert.equal(0, result.status, result.err)
    local id = klaviyo.json.decode(result.out).data.id
    result = run({"api", "create_list", "-d", "-"}, {input = body:gsub("By api", "By stdin")})
    assert.equal(0, result.status, result.err)
    result = run {"api", "/api/lists", "-d", "{"}
    assert.equal(2, result.status)
    result = run {"api", "DELETE", "/api/lists/" .. id}
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--yes", 1, true))
    result = run {"api", "DELETE", "/api/lists/" .. id, "--yes"}
    assert.equal(0, result.status, result.err)
    assert.equal("", result.out)
  end)

  it("follows the links to all pages", function()
    for _, target in ipairs {"/api/profiles", "get_profiles"} do
      local result = run {"api", target, "-q", "page[size]=100", "--paginate"}
      assert.equal(0, result.status, result.err)
      assert.equal(250, lines(result.out))
    end
  end)

  it("shows the status and the header fields", function()
    local result = run {"api", "/api/lists", "-i"}
    assert.truthy(result.out:find("^HTTP 200\n"))
    assert.truthy(result.out:find("\ncontent-type: ", 1, true))
    result = run {"api", "/api/lists/nothing", "-i"}
    assert.equal(1, result.status)
    assert.truthy(result.out:find("^HTTP 404\n"))
    assert.truthy(result.out:find('"errors"', 1, true))
    assert.truthy(result.err:find("404", 1, true))
  end)

  it("shows a request with --dry-run", function()
    local result = run {"api", "/api/lists", "-d", '{"data":{}}', "-H", "X-A=b", "--dry-run"}
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find("^POST http://127"))
    assert.truthy(result.out:find("X%-A: b"))
    assert.is_nil(result.out:find(server.key, 1, true))
  end)

  it("names a body that cannot be read", function()
    local result = run {"api", "POST", "/api/lists", "-d", "@/tmp"}
    assert.equal(2, result.status)
    assert.equal("klaviyo: cannot read /tmp: Is a directory\n", result.err)
  end)

  it("refuses what is not a request", function()
    for _, words in ipairs {{"api"}, {"api", "GET"}, {"api", "/api/profiles", "more"}, {"api", "/api/profiles?a=b"},
      {"api", "/api/profiles", "-q", "a"}, {"api", "/api/profiles", "-q", "a=1", "-q", "a=2"},
      {"api", "https://example.com/api/profiles"}} do
      local result = run(words)
      assert.equal(2, result.status, table.concat(words, " ") .. result.err)
    end
  end)
end)

describe("klaviyo operations", function()
  it("finds operations by words", function()
    local result = cli.call {"operations", "profile", "import", "--output", "csv", "--columns", "command,id"}
    assert.equal(0, result.status)
    assert.truthy(result.out:find("klaviyo profiles upsert,create_or_update_profile", 1, true), result.out)
    result = cli.call {"operations"}
    assert.equal(345, lines(result.out))
    result = cli.call {"operations", "--revision", "2024-10-15"}
    assert.equal(261, lines(result.out))
    result = cli.call {"operations", "no such thing"}
    assert.equal("", result.out)
    assert.truthy(result.err:find("no operation", 1, true))
  end)
end)

describe("klaviyo operation", function()
  it("describes an operation by its id, alias, command or route", function()
    local first = cli.call {"operation", "create_profile"}
    assert.equal(0, first.status)
    assert.truthy(first.out:find("^klaviyo profiles create\n"))
    assert.truthy(first.out:find("location.latitude", 1, true))
    assert.truthy(first.out:find("predictive_analytics.churn_probability", 1, true))
    -- its help is shorter
    local help = cli.call({"profiles", "create", "--help"}).out
    assert.truthy(help:find("predictive_analytics.*", 1, true))
    assert.is_nil(help:find("churn_probability", 1, true))
    for _, words in ipairs {{"profiles", "create"}, {"POST", "/api/profiles"}, {"POST /api/profiles"}} do
      table.insert(words, 1, "operation")
      assert.equal(first.out, cli.call(words).out)
    end
    local result = cli.call {"operation", "profiles", "creat"}
    assert.equal(2, result.status)
    assert.truthy(result.err:find('did you mean "profiles create"', 1, true), result.err)
  end)

  it("writes JSON", function()
    local result = cli.call {"operation", "create_profile", "--output", "json"}
    assert.equal("/api/profiles", klaviyo.json.decode(result.out).path)
  end)
end)
