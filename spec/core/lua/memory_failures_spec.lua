-- Every allocation of the core fails once: a clean error, or none, and nothing
-- is left behind. See spec/support/failing_memory.lua, and failing_memory.c beside it.
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local here = debug.getinfo(1, "S").source:match("^@(.*)core[/\\]") or "spec/"
local failing_memory = assert(package.searchpath("klaviyo.core", package.cpath))
  :gsub("klaviyo/core%.so$", "failing_memory/?.so")

local function refuse(name, whose, url)
  local output, status = script.run(([[assert(loadfile(%q))(...)]]):format(here .. "support/failing_memory.lua"), {
    args = { name, whose, url }, timeout = 300, env = { LUA_CPATH = failing_memory .. ";" .. package.cpath },
  })
  local refused, errors = output:match("^(%d+) refused, (%d+) errors\n$")
  assert.message(output).truthy(refused)
  assert.equal(0, status)
  return tonumber(refused), tonumber(errors)
end

describe("when memory allocation fails", function()
  local file = io.open((failing_memory:gsub("%?", "klaviyo/core")))
  if not file then
    return pending("the core that memory is refused was not built")
  end
  file:close()

  for name, least in pairs {
    text = 4, json = 4, document = 6, decode = 4, decode_only = 8, decode_resources = 4, settings = 10, pages = 5,
    budget = 3,
  } do
    it(name .. " raises an error, or succeeds", function()
      local refused, errors = refuse(name, "own")
      assert.is_true(refused >= least and errors >= least, refused .. ", " .. errors)
      refuse(name, "libcurl")
    end)
  end

  for name, plan in pairs {
    start = { answers = { { status = 200, body = "{}" } } },
    get = { answers = { { status = 200, body = ("x"):rep(300000) } } },
    post = { answers = { { status = 202, body = "{}" } } },
    again = { answers = { { status = 200, body = "{}" } }, requests_per_connection = 1 },
    form = { answers = { { status = 200, body = "{}" } } },
    port = { answers = { { status = 200, body = "{}" } } },
    track = { answers = { { status = 200, body = "{}" } } },
    many = { answers = { { status = 200, body = "{}" } } },
  } do
    it(name .. " ends with an error, or succeeds", function()
      raw.with(plan, function(server)
        local refused, errors = refuse(name, "own", server.url)
        assert.is_true(refused >= 10 and errors >= 5, refused .. ", " .. errors)
      end)
    end)
  end
end)
