--- make once: two callers of one account at its limit, in nginx with four workers.
--- A greedy one has 200 requests in progress; a polite one sends a request each
--- second, and gets 99 % of its responses in two seconds. Then two callers with the
--- weights 3 and 1 get shares of 3 to 1.
---
---   lua5.4 spec/soak/fair.lua [SECONDS]

local fair = require "spec.support.fair"
local load = require "spec.support.load"
local nginx = require "spec.support.nginx"

local seconds = tonumber((...)) or 60

local missing = nginx.missing()
if missing then
  print("fair: skipped, " .. missing)
  return
end

local failed = false

local function check(ok, what)
  print((ok and "ok" or "FAILED") .. ": " .. what)
  failed = failed or not ok
end

local function run_all()
  local runs = {
    fair.start { { name = "greedy", parallel = 200 }, { name = "polite", every = 1 } },
    fair.start { { name = "three", parallel = 40, weight = 3 }, { name = "one", parallel = 40 } },
  }
  local results = load.run(seconds, runs)
  for i, run in ipairs(runs) do
    print(fair.described(results[i]))
    check(next(run.server:stats().throttled) == nil, "the service throttled no request")
    fair.stop(run)
  end
  check(fair.is_served(results[1].polite), "the polite caller's p99 is at most 2 s")
  check(results[1].greedy.status[200] >= 7 * seconds, "the greedy caller gets the rest of the limit")
  local ratio = results[2].three.status[200] / results[2].one.status[200]
  check(ratio > 2.5 and ratio < 3.5, ("weights 3 and 1 give %.2f to 1"):format(ratio))
end

run_all()
os.exit(not failed)
