--- klaviyo.metrics.status: a page that shows the last hour of all workers of an nginx.
---
---     lua_shared_dict klaviyo_status 2m;
---     init_by_lua_block { require("klaviyo.metrics").start() }
---     init_worker_by_lua_block { require("klaviyo.metrics.status").start() }
---     location = /status {
---       allow 127.0.0.1; deny all;
---       content_by_lua_block { require("klaviyo.metrics.status").content() }
---     }
---
--- Each worker has a timer; the first one in a period of ten seconds takes the
--- sample. The page is written once for each sample, by the worker that serves it.

local base64 = require "klaviyo.util.base64"
local checker = require "klaviyo.util.options"
local digest = require "klaviyo.digest"
local history = require "klaviyo.metrics.status.history"
local metrics = require "klaviyo.metrics"
local page = require "klaviyo.metrics.status.page"
local sample = require "klaviyo.metrics.status.sample"
local style = require "klaviyo.metrics.status.style"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.metrics.StatusOptions
---@field dict? string  the lua_shared_dict that keeps the samples; default "klaviyo_status", of 2m

local FIELDS = {
  dict = {type = "text", default = "klaviyo_status"},
}

local dict             -- the shared dictionary, after start
local policy           -- the Content-Security-Policy
local pages = {}       -- by refresh: the page, and for which sample and time it was written

local function dict_of(options, call)
  if type(ngx) ~= "table" or not ngx.shared then
    usage_error.raise("%s is for nginx's Lua module", call)
  end
  local found = ngx.shared[options.dict]
  if not found then
    usage_error.raise('%s: there is no lua_shared_dict "%s" in nginx.conf', call, options.dict)
  end
  return found
end

-- Takes the sample of the current period, if no worker has.
local function take()
  local now = ngx.now()
  if not history.claim(dict, now) then
    return
  end
  local ok, why = history.add(dict, sample.new(metrics.text(), now))
  if not ok then
    ngx.log(ngx.WARN, "klaviyo.metrics.status: no sample could be stored (", why, "); make its lua_shared_dict larger")
  end
end

local function on_timer(premature)
  if not premature then
    take()
  end
end

--- Takes samples of the metrics every ten seconds, for the status page: call it in init_worker_by_lua.
---@param options klaviyo.metrics.StatusOptions|nil
function M.start(options)
  options = checker.check(FIELDS, options or {}, "status.start")
  if not metrics.is_started() then
    usage_error.raise("status.start: nothing is counted yet: call metrics.start() in init_by_lua")
  end
  dict = dict_of(options, "status.start")
  take()
  -- twice in a period, so that a late timer misses none
  local ok, why = ngx.timer.every(history.INTERVAL / 2, on_timer)
  if not ok then
    ngx.log(ngx.ERR, "klaviyo.metrics.status: no timer: ", why)
  end
end

local function rendered(refresh)
  local now = ngx.now()
  local period, newest = history.period(now), history.newest(dict)
  local cached = pages[refresh]
  if cached and cached.period == period and cached.newest == newest then
    return cached.text
  end
  local samples, details = history.read(dict)
  local text = page.render(samples, details, {now = now, host = ngx.var.hostname, refresh = refresh})
  pages[refresh] = {period = period, newest = newest, text = text}
  return text
end

-- Returns the bytes of hexadecimal digits.
local function raw(hex)
  return (hex:gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

local function security_policy()
  policy = policy or ("default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; "
    .. "form-action 'none'; frame-ancestors 'none'"):format(base64.encode(raw(digest.sha256(style))))
  return policy
end

--- Sends the status page: the handler of a location.
function M.content()
  if not dict then
    usage_error.raise("status.content: call status.start in init_worker_by_lua first")
  end
  local method = ngx.req.get_method()
  if method ~= "GET" and method ~= "HEAD" then
    ngx.header["Allow"] = "GET, HEAD"
    return ngx.exit(405)
  end
  local text = rendered(ngx.var.arg_refresh ~= "off")
  local headers = ngx.header
  headers["Content-Type"] = "text/html; charset=utf-8"
  headers["Content-Length"] = #text
  headers["Cache-Control"] = "no-store"
  headers["Content-Security-Policy"] = security_policy()
  headers["Referrer-Policy"] = "no-referrer"
  headers["X-Content-Type-Options"] = "nosniff"
  ngx.print(text)
end

return M
