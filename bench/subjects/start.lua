--- Measures the start of a program once: require "klaviyo", new, the first build.
---
--- Prints processor time in microseconds and Lua memory in kilobytes. The shared
--- object of the core is loaded first and is separate: that is the linker's time for
--- libcurl and its libraries, unless the process has loaded them already.

local clock, count = os.clock, collectgarbage
local path = assert(package.searchpath("klaviyo.core", package.cpath))
local began = clock()
package.loadlib(path, "*")
local linked = clock()
count() count()
local before = count("count")

local at = clock()
local klaviyo = require "klaviyo"
local required = clock()
local client = klaviyo.new {api_key = "pk_of_nobody"}
local made = clock()
local request = client:build("get_profiles")
local built = clock()

local used = count("count") - before
count() count()
local kept = count("count") - before
assert(request.method == "GET")
print(("%.0f %.0f %.0f %.0f %.1f %.1f"):format((linked - began) * 1e6, (required - at) * 1e6,
  (made - required) * 1e6, (built - made) * 1e6, used, kept))
