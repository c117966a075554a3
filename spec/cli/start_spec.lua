-- How long the command takes to start.

local cli = require "spec.support.cli"
local measured = require "spec.support.measured"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local RUNS = 10

-- Returns the processor time of a run, in milliseconds: on a busy machine it differs
-- least from the time that a run takes on a quiet one.
local function processor_time(command)
  local output, status = script.shell(("i=0; while [ $i -lt %d ]; do %s >/dev/null || exit 1; i=$((i+1)); done; times")
    :format(RUNS, command))
  assert(status == 0, output)
  -- the second line is of the children: 0m0.250000s 0m0.060000s
  local user, system = output:match("\n%d+m([%d.]+)s %d+m([%d.]+)s")
  return (tonumber(user) + tonumber(system)) / RUNS * 1000
end

describe("klaviyo starts #time #alone", function()
  local server = sandbox.here(setup, teardown, {profiles = 30})

  for _, case in ipairs {
    {"--version", 15}, {"--help", 60}, {"profiles list", 60}, {"profiles create --help", 60},
  } do
    local words, limit = {}, case[2]
    for word in case[1]:gmatch("%S+") do
      words[#words + 1] = word
    end
    it(("%s in %d ms"):format(case[1], limit), measured(function()
      local command = cli.command(words, {env = cli.environment(server.server), timeout = false})
      local time = processor_time(command)
      assert.is_true(time <= limit, ("%.1f ms"):format(time))
    end))
  end
end)
