--- Metrics of the library for Prometheus: requests, retries, waits, events and what
--- else it does, of one process or of all workers of an nginx.
---
---     local metrics = require "klaviyo.metrics"
---     metrics.start()          -- in nginx in init_by_lua
---     …
---     print(metrics.text())    -- in nginx metrics.content()

require "klaviyo.util.lua_version"
local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local errors = require "klaviyo.response.errors"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local exposition = lazy_require "klaviyo.metrics.exposition"
local families = lazy_require "klaviyo.metrics.families"

local M = {}

local CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

local function in_nginx()
  return type(ngx) == "table" and ngx.get_phase ~= nil
end

-- A worker cannot share with the others what it makes itself.
local function check_phase()
  if in_nginx() and ngx.get_phase() ~= "init" and ngx.worker.count() > 1 then
    usage_error.raise("metrics.start() was called in the phase %s: call it in "
      .. "init_by_lua, so that all workers count together", ngx.get_phase())
  end
end

--- Begins to count, in this process and the children that it forks from now on; in
--- nginx, where it belongs in init_by_lua, in all workers, also after a reload.
--- Before, nothing is counted. To call it again does nothing.
---@return boolean|nil ok
---@return klaviyo.Error|nil err  the system has no memory for it
function M.start()
  if not core.metrics_started() then
    check_phase()
    local ok, why = core.metrics_start()
    if not ok then
      return nil, errors.new {kind = "transport",
        message = "the metrics have no shared memory: " .. why}
    end
  end
  counters.start()
  return true
end

--- Returns whether the metrics are counted.
---@return boolean
function M.is_started()
  return core.metrics_started()
end

local function check_started()
  if not core.metrics_started() then
    usage_error.raise("nothing is counted yet: call metrics.start() first%s",
      in_nginx() and ", in init_by_lua" or "")
  end
end

--- Returns what was counted so far, of all processes that share the metrics, as
--- Prometheus' text format 0.0.4.
---@return string
function M.text()
  check_started()
  return exposition.write(families.collect())
end

--- Answers a scrape: the handler of an nginx location, for content_by_lua. Allow
--- only your Prometheus to use the location.
function M.content()
  check_started()
  local method = ngx.req.get_method()
  if method ~= "GET" and method ~= "HEAD" then
    ngx.header["Allow"] = "GET, HEAD"
    return ngx.exit(ngx.HTTP_NOT_ALLOWED)
  end
  local text = M.text()
  ngx.header["Content-Type"] = CONTENT_TYPE
  ngx.header["Content-Length"] = #text
  ngx.header["Cache-Control"] = "no-store"
  if method == "GET" then
    ngx.print(text)
  end
end

return M
