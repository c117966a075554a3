--- Makes calls inside another event loop, here that of cqueues. `wait` lets the
--- loop run until the response is there, so that the code stays in direct style.
---
---     KLAVIYO_API_KEY=pk_… lua5.4 examples/cqueues.lua
---     KLAVIYO_BASE_URL=http://127.0.0.1:PORT …     (a sandbox)
---
--- Make each call in a coroutine of the loop. `klaviyo.run` would block the loop
--- until all of its tasks have ended.

local cqueues = require "cqueues"
local klaviyo = require "klaviyo"

-- If the core has no descriptor to watch, fd is nil: then this only waits.
local function wait(fd, seconds)
  if fd then
    cqueues.poll({pollfd = fd, events = "r"}, seconds)
  else
    cqueues.sleep(seconds)
  end
end

local client = klaviyo.new {
  base_url = os.getenv "KLAVIYO_BASE_URL", wait = wait,
}

local loop = cqueues.new()
local running = 0

local function start(fn, ...)
  running = running + 1
  loop:wrap(function(...)
    fn(...)
    running = running - 1
  end, ...)
end

local function print_count(name)
  local count = 0
  for _ in client[name]:each() do
    count = count + 1
  end
  print(("%s: %d"):format(name, count))
end

for _, name in ipairs {"lists", "metrics", "profiles", "segments"} do
  start(print_count, name)
end

-- Other work of the loop, which continues meanwhile.
loop:wrap(function()
  local ticks = 0
  while running > 0 do
    ticks = ticks + 1
    cqueues.sleep(0.005)
  end
  print(("and %s meanwhile"):format(ticks > 1 and "ticking" or "nothing"))
end)

assert(loop:loop())
