-- A collector that misses no chance, for specs of what must outlive what made
-- it, and need not: `make collector`. By $COLLECTOR either a full collection
-- every so many instructions, and none between; or young ones, all the time.

local EVERY = tonumber(os.getenv("EVERY")) or 2000

if os.getenv("COLLECTOR") == "young" then
  collectgarbage("generational", 1, 5)
  return
end

local function hook()
  collectgarbage()
end

-- A hook is of one coroutine alone.
local create = coroutine.create
function coroutine.create(f) -- luacheck: ignore 122
  local thread = create(f)
  debug.sethook(thread, hook, "", EVERY)
  return thread
end

collectgarbage("stop")
debug.sethook(hook, "", EVERY)
