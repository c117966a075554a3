--- The workloads, as data:
---
---   name, title, unit   for the table and the chart; `figure` (default cpu_us) is
---                       drawn, divided by `factor`
---   count               responses in a round; `rounds` is the maximum of rounds,
---                       `times` the number of processes in a round
---   base                returns the base URL of the server, or what replaces it
---   task                what the client does, if it is not the workload's name
---   with                a workload that is measured in the same rounds; the clients
---                       that cannot do this one are compared by that one
---   names               the names of subjects for this workload

local CALL = "µs of processor time for a call"
local PAGE = "µs of processor time for a page of 100 profiles"

local function plain(server) return server.base_url end
local function tls(server) return server.tls_url end
local function slow(server) return server.tls_url .. "/slow" end
local function iterate(server) return server.base_url .. "/iterate" end
local function folder(server) return server.dir end

local M = {
  {name = "decode", title = "Decode a page of 100 profiles, 98 KB", unit = "µs of processor time", count = 400,
    base = folder, names = {
      ["libcurl + cjson, Lua 5.4"] = "lua-cjson, Lua 5.4",
      ["libcurl + cjson, LuaJIT"] = "lua-cjson, LuaJIT",
      ["klaviyo-api (node)"] = "JSON.parse in node",
    }},
  {name = "get", title = "GET of 1 KB", unit = CALL, count = 5000, base = plain},
  {name = "page", title = "GET of a page of 100 profiles, 98 KB", unit = CALL, count = 400, base = plain},
  {name = "post", title = "POST of an event", unit = CALL, count = 4000, base = plain},
  {name = "tls", task = "get", title = "GET of 1 KB over TLS, HTTP/2 if supported", unit = CALL, count = 4000,
    base = tls},
  {name = "iterate", title = "Iterate over 1,000 pages, 100,000 profiles", unit = PAGE, count = 1000, rounds = 3,
    base = iterate},
  {name = "raw", with = "iterate", title = "Iterate with raw = true: each profile as its JSON text",
    unit = PAGE .. "; other clients decode the whole page", count = 1000, base = iterate},
  {name = "only", with = "iterate", title = "Iterate with three members of each profile",
    unit = PAGE .. "; other clients decode the whole page", count = 1000, base = iterate},
  {name = "posts", title = "5,000 POSTs, 100 at a time, responses after 50 ms", unit = CALL, count = 5000, rounds = 3,
    base = slow},
  {name = "first", title = "Start to first response", unit = "ms by the clock, the whole process", figure = "wall_us",
    factor = 1000, count = 1, times = 4, base = plain},
}

return M
