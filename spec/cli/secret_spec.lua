-- No key is in any output, or in the arguments of any program.

local cli = require "spec.support.cli"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

describe("klaviyo never shows a key", function()
  local server = sandbox.here(setup, teardown, {profiles = 5})

  local function run(words, options)
    options = options or {}
    options.env = cli.environment(server.server, options.env)
    return cli.run(words, options)
  end

  it("in what it writes", function()
    local secret = "pk_secret_" .. server.key
    for _, words in ipairs {
      {"profiles", "list", "--debug"}, {"profiles", "list", "--dry-run"}, {"profiles", "list", "--output", "json"},
      {"profiles", "get", "nobody", "--debug"}, {"api", "/api/lists", "-i", "--debug"},
      {"api", "/api/lists", "--dry-run"}, {"auth", "status"}, {"auth", "list"}, {"auth", "logout"},
      {"lists", "create", "name:={", "--debug"}, {"no-such-command", "--debug"},
      {"profiles", "list", "--revision", "x"},
      {"client", "events", "create", "metric=A", "profile.email=a@example.com", "properties.a=1", "--dry-run"},
    } do
      for _, key in ipairs {server.key, secret} do
        local result = run(words, {env = {KLAVIYO_API_KEY = key}})
        assert.is_nil((result.out .. result.err):find(server.key, 1, true), table.concat(words, " "))
        assert.is_true(result.out ~= "" or result.err ~= "" or words[1] == "auth")
      end
    end
  end)

  it("if the environment has one that cannot be sent", function()
    local result = run({"profiles", "list"}, {env = {KLAVIYO_API_KEY = server.key .. "\n"}})
    assert.equal(2, result.status, result.err)
    assert.is_nil((result.out .. result.err):find(server.key, 1, true))
  end)
end)

describe("klaviyo auth login", function()
  -- other specs may have the specs' key in the arguments of a shell
  local secret = ("pk_of_one_spec_%x"):format(os.time())
  local server = sandbox.here(setup, teardown, {key = secret})

  it("never has a key in the arguments of a program", function()
    local folder = cli.folder()
    local file = assert(io.open(folder .. "/key", "w"))
    file:write(secret, "\n")
    file:close()
    -- looks at the arguments of all processes until the file `stop` is there
    local watch = ([[
      cd %s; (while [ ! -e stop ]; do cat /proc/[0-9]*/cmdline; done 2>/dev/null | tr '\0' '\n' | sort -u >found) &
      for i in 1 2 3 4 5; do %s <key >>out 2>&1; done
      touch stop; wait; grep -c . found; grep -c -F -f key found out]]):format(folder,
      "(cd " .. script.shell("pwd"):match("^[^\n]*") .. "; " .. cli.command({"auth", "login", "--with-key", "-"}, {
        env = {XDG_CONFIG_HOME = folder, KLAVIYO_BASE_URL = server.server.base_url}}) .. ")")
    local output = script.shell(watch)
    local count, in_found, in_out = output:match("^(%d+)\nfound:(%d+)\nout:(%d+)\n$")
    assert.is_true(tonumber(count) > 5, output)
    assert.equal("0 0", in_found .. " " .. in_out)
    script.shell("rm -rf " .. folder)
  end)
end)
