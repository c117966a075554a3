--- Calls inside another event loop, here that of cqueues: `wait` lets the loop
--- go on until the answer is there, and the code stays in direct style.
---
---     KLAVIYO_API_KEY=pk_… lua5.4 examples/cqueues.lua
---     KLAVIYO_BASE_URL=http://127.0.0.1:PORT …     (a sandbox)
---
--- Use the loop's own coroutines, one a call; `klaviyo.run` would stop the
--- loop for as long as it takes.

local cqueues = require "cqueues"
local klaviyo = require "klaviyo"

-- Where the core has no descriptor to watch, fd is nil: just wait then.
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
local left = 0

local function go(fn, ...)
  left = left + 1
  loop:wrap(function(...)
    fn(...)
    left = left - 1
  end, ...)
end

local function tell_number_of(name)
  local count = 0
  for _ in client[name]:each() do
    count = count + 1
  end
  print(("%s: %d"):format(name, count))
end

for _, name in ipairs {"lists", "metrics", "profiles", "segments"} do
  go(tell_number_of, name)
end

-- Something else that the loop has to do meanwhile.
loop:wrap(function()
  local ticks = 0
  while left > 0 do
    ticks = ticks + 1
    cqueues.sleep(0.005)
  end
  print(("and %s meanwhile"):format(ticks > 1 and "ticking" or "nothing"))
end)

assert(loop:loop())
