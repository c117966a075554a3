-- For wrk: independent callers, which do not call at the same time: each starts
-- at a random moment of the upstream's 200 ms.
local begun = 0

function delay()  -- luacheck: ignore 111
  begun = begun + 1
  return begun <= 256 and math.random(0, 200) or 0
end
