local cli = require "spec.support.cli"
local key = require "spec.support.key"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

describe("klaviyo auth", function()
  local server = sandbox.here(setup, teardown)
  local folder, env

  before_each(function()
    folder = cli.folder()
    env = {XDG_CONFIG_HOME = folder, KLAVIYO_BASE_URL = server.server.base_url}
  end)

  after_each(function()
    script.shell("rm -rf " .. folder)
  end)

  local function login(arguments, input)
    local all = {"auth", "login", "--with-key", "-"}
    for _, argument in ipairs(arguments or {}) do
      all[#all + 1] = argument
    end
    return cli.call(all, {env = env, input = input or key .. "\n"})
  end

  it("stores a key that the API accepts, and shows it nowhere", function()
    local result = login {"--account", "shop"}
    assert.equal("", result.out)
    assert.truthy(result.err:find('logged in to "shop"', 1, true))
    assert.equal(0, result.status)
    local path = folder .. "/klaviyo/accounts.json"
    assert.truthy(contents(path):find(key, 1, true))
    assert.equal("-rw------- drwx------", (script.shell(("stat -c %%A %s %s/klaviyo | xargs"):format(path, folder))
      :gsub("%s+$", "")))
    assert.equal("accounts.json\n", (script.shell("ls -A " .. folder .. "/klaviyo")))

    env.KLAVIYO_BASE_URL = nil
    result = cli.call({"auth", "status", "--output", "json"}, {env = env})
    assert.equal(0, result.status)
    assert.truthy(result.out:find('"shop"', 1, true))
    assert.truthy(result.out:find(server.server.base_url, 1, true))
    assert.is_nil((result.out .. result.err):find(key, 1, true))
  end)

  it("stores no key that the API refuses", function()
    local result = login({"--account", "shop"}, "pk_wrong_key\n")
    assert.equal(4, result.status)
    assert.is_nil(result.err:find("pk_wrong_key", 1, true))
    assert.is_nil(io.open(folder .. "/klaviyo/accounts.json"))
  end)

  it("switches between accounts, and forgets one", function()
    assert.equal(0, login({"--account", "one"}).status)
    assert.equal(0, login({"--account", "two"}).status)
    local result = cli.call({"auth", "list", "--output", "csv", "--columns", "name,current"}, {env = env})
    assert.equal("name,current\r\none,false\r\ntwo,true\r\n", result.out)
    assert.equal(0, cli.call({"auth", "switch", "one"}, {env = env}).status)
    result = cli.call({"auth", "switch", "tow"}, {env = env})
    assert.equal(2, result.status)
    assert.truthy(result.err:find('did you mean "two"?', 1, true))
    assert.equal(0, cli.call({"auth", "logout"}, {env = env}).status)
    result = cli.call({"auth", "list", "--output", "csv", "--columns", "name,current"}, {env = env})
    assert.equal("name,current\r\ntwo,false\r\n", result.out)
    result = cli.call({"auth", "logout"}, {env = env})
    assert.equal(4, result.status)
    assert.truthy(result.err:find("klaviyo auth switch", 1, true))
  end)

  it("chooses --account, $KLAVIYO_ACCOUNT, $KLAVIYO_API_KEY, then the current one", function()
    assert.equal(0, login({"--account", "one"}).status)
    assert.equal(0, login({"--account", "two"}).status)
    local function source(arguments, more)
      local all = {"auth", "status", "--output", "csv", "--columns", "source,name"}
      for _, argument in ipairs(arguments) do
        all[#all + 1] = argument
      end
      for _, name in ipairs {"KLAVIYO_ACCOUNT", "KLAVIYO_API_KEY"} do
        env[name] = more[name]
      end
      local result = cli.call(all, {env = env})
      return result.out:match("\n(.-)\r\n") or result.err
    end
    assert.equal("klaviyo auth switch,two", source({}, {}))
    assert.equal("$KLAVIYO_API_KEY,", source({}, {KLAVIYO_API_KEY = key}))
    assert.equal("$KLAVIYO_ACCOUNT,one", source({}, {KLAVIYO_API_KEY = key, KLAVIYO_ACCOUNT = "one"}))
    assert.equal("--account,two", source({"--account", "two"}, {KLAVIYO_API_KEY = key, KLAVIYO_ACCOUNT = "one"}))
  end)

  it("takes an access token from the environment", function()
    local result = cli.call({"lists", "list", "--dry-run"}, {env = {KLAVIYO_ACCESS_TOKEN = "token"}})
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find("Authorization: Bearer ***", 1, true), result.out)
    assert.truthy(result.out:find('"Authorization: Bearer $KLAVIYO_ACCESS_TOKEN"', 1, true))
  end)

  it("forgets the last account", function()
    assert.equal(0, login({"--account", "one"}).status)
    assert.equal(0, cli.call({"auth", "logout"}, {env = env}).status)
    local result = cli.call({"auth", "list"}, {env = env})
    assert.same({status = 0, out = ""}, {status = result.status, out = result.out})
    assert.equal(4, cli.call({"lists", "list"}, {env = env}).status)
    assert.equal(0, login({"--account", "one"}).status)
  end)

  it("says what is wrong with the file", function()
    script.shell(("mkdir -p %s/klaviyo"):format(folder))
    local path = folder .. "/klaviyo/accounts.json"
    for text, message in pairs {
      ["{" .. key] = "is not JSON", ["[]"] = 'no "accounts"', ['{"accounts": {"a": {}}}'] = 'no "api_key"',
      ['{"accounts": 5}'] = 'no "accounts"', [""] = "is not JSON",
    } do
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
      local result = cli.call({"auth", "list"}, {env = env})
      assert.equal(4, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
      assert.is_nil(result.err:find(key, 1, true))
    end
    os.remove(path)
    script.shell("mkdir " .. path)
    local result = cli.call({"auth", "list"}, {env = env})
    assert.equal(4, result.status)
    assert.truthy(result.err:find("cannot read the accounts", 1, true), result.err)
  end)

  it("keeps the old accounts if the new ones cannot be written", function()
    assert.equal(0, login({"--account", "one"}).status)
    local before = contents(folder .. "/klaviyo/accounts.json")
    -- files may not become longer than 0 bytes; pipes may
    local command = cli.command({"auth", "login", "--with-key", "-", "--account", "two"}, {
      env = {XDG_CONFIG_HOME = folder, KLAVIYO_BASE_URL = server.server.base_url},
      prefix = [[sh -c 'ulimit -f 0; trap "" XFSZ; exec "$@"' -]]})
    local text = script.shell(("echo %s | %s 2>&1 | cat"):format(key, command))
    assert.truthy(text:find("is the disk full", 1, true), text)
    assert.equal(before, contents(folder .. "/klaviyo/accounts.json"))
    assert.equal("accounts.json\n", (script.shell("ls -A " .. folder .. "/klaviyo")))
  end)

  it("takes no key as an argument, and asks only on a terminal", function()
    local result = cli.call({"auth", "login", "--with-key", key}, {env = env})
    assert.equal(2, result.status)
    assert.is_nil(result.err:find(key, 1, true))
    result = cli.call({"auth", "login"}, {env = env})
    assert.equal(2, result.status)
    assert.truthy(result.err:find("--with-key -", 1, true))
    result = login({}, "\n")
    assert.equal(4, result.status)
    result = login({}, "pk_a b\n")
    assert.equal(4, result.status)
    assert.truthy(result.err:find("blank", 1, true))
  end)
end)
