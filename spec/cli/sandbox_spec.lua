-- klaviyo sandbox
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"

local shell, quote = script.shell, script.quote

describe("klaviyo sandbox", function()
  local dir

  before_each(function()
    dir = cli.folder()
  end)

  after_each(function()
    shell("rm -rf " .. dir)
  end)

  local function accounts()
    local file = io.open(dir .. "/klaviyo/accounts.json", "rb")
    local text = file and file:read("*a")
    if file then
      file:close()
    end
    return text and klaviyo.json.decode(text).accounts or {}
  end

  local function wait_for(condition)
    local deadline = klaviyo.clock() + 15
    while not condition() do
      if klaviyo.clock() > deadline then
        return false
      end
      klaviyo.sleep(0.05)
    end
    return true
  end

  local function contents(path)
    local file = io.open(path, "rb")
    local text = file and file:read("*a") or ""
    if file then
      file:close()
    end
    return text
  end

  -- Starts it; returns its process id, when it runs. A shell has its background
  -- processes ignore Ctrl-C.
  local function start(arguments)
    local command = cli.command({"sandbox", (table.unpack or unpack)(arguments or {})},
      {env = {XDG_CONFIG_HOME = dir}, prefix = "env --default-signal=INT sh -c "
        .. quote("echo $$ >" .. dir .. "/pid; exec \"$@\"") .. " sh"})
    shell(("{ %s >%s/out 2>%s/err & }"):format(command, dir, dir))
    assert.is_true(wait_for(function()
      return contents(dir .. "/err"):find("Ctrl-C", 1, true) ~= nil
    end), contents(dir .. "/err"))
    local pid = contents(dir .. "/pid")
    finally(function() shell("kill -9 " .. pid) end)
    return pid
  end

  local function is_running(url)
    return klaviyo.new {api_key = "pk_a", base_url = url, retries = 0, rate_limit_file = false,
      pacing = false}:request({path = "/api/accounts"}, {timeout = 5}) ~= nil
  end

  for _, signal in ipairs {"INT", "TERM", "KILL"} do
    it("is an account until SIG" .. signal .. ", and leaves nothing", function()
      local pid = start {"--profiles", "7"}
      local own = accounts().sandbox
      assert.equal(("export KLAVIYO_API_KEY=%s KLAVIYO_BASE_URL=%s\n"):format(own.api_key, own.base_url),
        contents(dir .. "/out"))
      local client = klaviyo.new {api_key = own.api_key, base_url = own.base_url, rate_limit_file = false}
      assert.equal(7, #client.profiles:all())
      local result = cli.run({"--account", "sandbox", "auth", "status"}, {env = {XDG_CONFIG_HOME = dir}})
      assert.same({0, ""}, {result.status, result.err})
      shell(("kill -%s %s"):format(signal, pid))
      assert.is_true(wait_for(function()
        return accounts().sandbox == nil and not is_running(own.base_url)
      end))
      assert.matches('"accounts":{}', contents(dir .. "/klaviyo/accounts.json"), 1, true)
    end)
  end

  it("takes no account's name, and none with --no-account", function()
    shell(("mkdir -p %s/klaviyo && echo '%s' >%s/klaviyo/accounts.json"):format(dir,
      '{"accounts":{"sandbox":{"api_key":"pk_real"}},"current":"sandbox"}', dir))
    local result = cli.run({"sandbox"}, {env = {XDG_CONFIG_HOME = dir}})
    assert.equal(2, result.status)
    assert.matches('"sandbox" is not a sandbox', result.err)
    assert.equal("pk_real", accounts().sandbox.api_key)
    local pid = start {"--no-account"}
    assert.equal("pk_real", accounts().sandbox.api_key)
    shell("kill " .. pid)
  end)

  it("refuses wrong options", function()
    local result = cli.run({"sandbox", "--profiles", "many"}, {env = {XDG_CONFIG_HOME = dir}})
    assert.equal(2, result.status)
    assert.matches("whole number", result.err)
  end)
end)
