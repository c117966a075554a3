-- Counts the Lua functions of the library that a call runs, and their files:
-- `profiles:get`, a loop over two pages of two profiles, `events:track`. Each
-- call runs twice before it is counted.
--
--   make paths       or, with a list of all calls: lua5.4 tools/paths.lua -v

local klaviyo = require "klaviyo"
local sandbox = require "klaviyo.sandbox"

local verbose = arg[1] == "-v"

-- Counts the calls that `fn` makes to functions of lua/klaviyo.
local function count(title, fn)
  local calls, files, list, number = 0, {}, {}, 0
  debug.sethook(function(event)
    local info = debug.getinfo(2, "Sn")
    local file = info.what ~= "C" and info.source:match("lua/klaviyo/(.*)$")
    if file and event ~= "return" then
      calls = calls + 1
      list[#list + 1] = ("%s:%d %s"):format(file, info.linedefined, info.name or "?")
      if not files[file] then
        files[file], number = true, number + 1
      end
    end
  end, "c")
  fn()
  debug.sethook()
  print(("%-24s %4d calls in %2d files"):format(title, calls, number))
  if verbose then
    print("  " .. table.concat(list, "\n  "))
  end
end

local server = assert(sandbox.start {profiles = 4})
local client = klaviyo.new {
  api_key = server.key, base_url = server.base_url, on_warning = function() end,
}
local id = client.profiles:first().id

local function get()
  assert(client.profiles:get(id))
end

-- Reads two pages of two profiles each.
local function each()
  local sum = 0
  for _ in client.profiles:each {page = {size = 2}} do
    sum = sum + 1
  end
  assert(sum == 4)
end

local function track()
  assert(client.events:track {
    metric = "Viewed Product", profile = {email = "a@example.com"},
    properties = {sku = "A"},
  })
end

for _, path in ipairs {
  {"client.profiles:get(id)", get}, {"client.profiles:each{…}", each},
  {"client.events:track{…}", track},
} do
  path[2]()
  path[2]()
  count(path[1], path[2])
end
client:drain(5)
server:stop()
