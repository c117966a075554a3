-- Nothing of the client or the sandbox depends on the program's locale: here
-- one in which a number is written with a decimal comma.

local folder = require "spec.support.folder"
local key = require "spec.support.key"
local locale = require "spec.support.locale"
local script = require "spec.support.script"

local HEAD = ([[
assert(os.setlocale "de_DE.UTF-8")
local klaviyo = require "klaviyo"
local function client(base_url, more)
  local all = {api_key = %q, base_url = base_url, revision = "2025-10-15",
    proxy = "", timeout = 10.5, connect_timeout = 5.5, deadline = 20.25,
    rate_limit_file = false, on_warning = function() end}
  for name, value in pairs(more or {}) do all[name] = value end
  return klaviyo.new(all)
end
]]):format(key)

describe("in a locale with a decimal comma", function()
  local folders = folder.here(teardown)
  local env, why

  setup(function()
    env, why = locale.comma(folders.new)
  end)

  local function run(text)
    local output, status = script.run(HEAD .. text, {env = env, timeout = 60})
    assert.equal(0, status, output)
    return output
  end

  local function with_locale(name, check)
    it(name, function()
      if not env then
        pending(why)
        return
      end
      check()
    end)
  end

  with_locale("a sandbox starts with fractional options, and stops", function()
    local output = run(([[
      local server = assert(require("klaviyo.sandbox").start {key = %q,
        time_scale = 0.5, job_seconds = 0.25, now = 1760000000.5})
      local at = server.process
      local api = client(server.base_url)
      server:fault {operation = "get_lists", delay = 0.01}
      assert(api:call("get_lists"))
      local made = assert(api:call("create_profile", {body = {data = {
        type = "profile", attributes = {email = "a@b.example",
          properties = {size = 9.75, tiny = 1e-300}}}}}))
      local properties = made.data.attributes.properties
      io.write(properties.size == 9.75 and "size " or "-",
        properties.tiny == 1e-300 and "tiny " or "-",
        made.data.attributes.created, " ")
      local counts = server:stats()
      io.write(counts.requests == 2 and "counted " or "-")
      server:stop()
      local shell = require "klaviyo.sandbox.shell"
      io.write(shell.alive(at) and "alive" or "gone")
    ]]):format(key))
    assert.equal("size tiny 2025-10-09T08:53:20.500000+00:00 counted gone",
      output)
  end)

  with_locale("waiting with the shell works", function()
    assert.equal("waited", run([[
      local shell = require "klaviyo.sandbox.shell"
      local times = 0
      shell.wait_for(function() times = times + 1 end, 0.05)
      shell.sleep(0.015)
      io.write(times == 6 and "waited" or times) ]]))
  end)

  with_locale("requests and documents have decimal points", function()
    local output = run([[
      local api = client("http://127.0.0.1:1")
      local filter = klaviyo.filter
      local built = api:build("get_events", {
        filter = filter.greater_than("timestamp", 1.5)})
      print(built.url:match("timestamp%%2C([^%%]*)"))
      built = api:build("get_events", {
        filter = filter.greater_than("datetime", klaviyo.datetime(1.5))})
      print(built.url:match("datetime%%2C([^%%]*)"))
      built = api:build("create_event", {body = {data = {type = "event",
        attributes = {value = 9.75}}}})
      print(built.body:match('"value":([^,}]*)'))
    ]])
    assert.equal("1.5\n1970-01-01T00\n9.75\n", output)
  end)
end)
