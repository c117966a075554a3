-- A garbage collector that runs as often as possible, for specs of objects that
-- must outlive what created them, or need not: `make collector`. $COLLECTOR is
-- "full" (a full collection every few instructions) or "young" (young
-- collections all the time).

local EVERY = tonumber(os.getenv("EVERY")) or 2000

if os.getenv("COLLECTOR") == "young" then
  collectgarbage("generational", 1, 5)
  return
end

local function hook()
  collectgarbage()
end

-- A hook applies to one coroutine only.
local create = coroutine.create
function coroutine.create(f) -- luacheck: ignore 122
  local thread = create(f)
  debug.sethook(thread, hook, "", EVERY)
  return thread
end

collectgarbage("stop")
debug.sethook(hook, "", EVERY)
