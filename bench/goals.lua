--- The goals, as data. A goal compares a figure of a subject with the same figure of
--- another one in the same rounds, so it does not depend on the machine:
---
---   workload, subject   what is measured
---   figure              default cpu_us
---   reference           the subject to compare with, of `reference_workload` or of
---                       the same workload
---   difference          true: the goal is for the difference, in `unit`; otherwise
---                       for the ratio
---   at_most, at_least   one number, or one for Lua 5.4 and one for LuaJIT
---
--- `LUA` in the name of a subject stands for "Lua 5.4" and "LuaJIT"; a goal with
--- `only` is for one of them.

local OURS, CJSON = "klaviyo, LUA", "libcurl + cjson, LUA"
local JIT = "LuaJIT"

local M = {
  {title = "decode a page of 100 profiles, of lua-cjson", workload = "decode", subject = OURS,
    reference = "lua-cjson, LUA", at_most = {0.50, 0.55}},
  {title = "GET of that page, of libcurl + lua-cjson", workload = "page", subject = OURS,
    reference = CJSON, at_most = {0.60, 0.65}},
  {title = "GET of that page, of lua-curl + lua-cjson", workload = "page", subject = OURS, only = JIT,
    reference = "lua-curl", at_most = 1},
  {title = "GET of that page, of lua-http + lua-cjson", workload = "page", subject = OURS, only = JIT,
    reference = "lua-http", at_most = 1},
  {title = "GET of that page, of LuaSocket + lua-cjson", workload = "page", subject = OURS, only = JIT,
    reference = "LuaSocket", at_most = 1},
  {title = "iterate over 1,000 pages, of libcurl + lua-cjson", workload = "iterate", subject = OURS,
    reference = CJSON, at_most = {0.65, 0.70}},
  {title = "the same with raw = true", workload = "raw", subject = OURS, reference = CJSON,
    reference_workload = "iterate", at_most = {0.20, 0.25}},
  {title = "the same with three members of each profile", workload = "only", subject = OURS, reference = CJSON,
    reference_workload = "iterate", at_most = {0.35, 0.40}},
  {title = "GET of 1 KB, of libcurl + lua-cjson", workload = "get", subject = OURS, reference = CJSON,
    at_most = {1.20, 1.10}},
  {title = "POST of an event, of libcurl", workload = "post", subject = OURS, reference = CJSON,
    at_most = {2.0, 1.6}},
  {title = "5,000 POSTs, 100 at a time, of libcurl", workload = "posts", subject = OURS, reference = CJSON,
    at_most = {1.6, 1.5}},
  {title = "node SDK, GET of 1 KB, of klaviyo", workload = "get", subject = "klaviyo-api (node)",
    reference = OURS, at_least = 15},
  {title = "node SDK, GET of a page, of klaviyo", workload = "page", subject = "klaviyo-api (node)",
    reference = OURS, at_least = 5},
  {title = "start to first response, wall time, of Lua + libcurl", workload = "first", subject = OURS,
    figure = "wall_us", reference = CJSON, at_most = 1.35},
  {title = "require, new and first build, of linking libcurl", workload = "start", subject = OURS,
    reference = "libcurl, linked, LUA", at_most = 0.75},
  {title = "Lua memory of these three, kB", workload = "start", subject = OURS, only = "Lua 5.4",
    figure = "lua_kb", reference = "libcurl, linked, LUA", difference = true, at_most = 400},
  {title = "peak memory over 100,000 profiles above Lua + libcurl, MB", workload = "iterate", subject = OURS,
    figure = "peak_kb", reference = CJSON, reference_workload = "first", difference = true, unit = 1024, at_most = 3},
  {title = "ping p99, 256 callers at random times, of idle", workload = "ping", subject = "klaviyo", only = JIT,
    figure = "ping_p99_ms", reference = "no calls", at_most = 2},
  {title = "ping p99, 256 calls end at once, of idle", workload = "ping", subject = "klaviyo, all at once", only = JIT,
    figure = "ping_p99_ms", reference = "no calls", at_most = 2},
  {title = "track in log_by_lua, of the build before", workload = "track", subject = "track", only = JIT,
    figure = "p50_us", reference = "track, before", at_most = 0.60},
  {title = "track into an outbox, of the build before", workload = "track", subject = "outbox", only = JIT,
    figure = "p50_us", reference = "outbox, before", at_most = 0.75},
}

return M
