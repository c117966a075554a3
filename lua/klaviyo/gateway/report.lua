--- Writes errors of the gateway to nginx's log, for its operator.
---
--- nginx adds the request line to each line it logs during a request, and a query
--- may contain e-mail addresses. So a line is written from a timer, which has no
--- request. Its level is alert: the location logs nothing below that (see
--- examples/nginx/gateway.conf), as nginx's own lines would name the query.

local timers = require "klaviyo.nginx.timers"

local MAX_LINES = 100  -- between two turns of nginx's event loop

local lines, dropped = {}, 0

local function write()
  local now, more = lines, dropped
  lines, dropped = {}, 0
  for _, line in ipairs(now) do
    ngx.log(ngx.ALERT, "klaviyo gateway: ", line)
  end
  if more > 0 then
    ngx.log(ngx.ALERT, "klaviyo gateway: ", more, " more lines were left out")
  end
end

local timer = timers.new(write)

--- Writes a line to nginx's log, from a timer. It must not contain a secret, a
--- query or the id of a resource.
---@param format string
return function(format, ...)
  if #lines < MAX_LINES then
    lines[#lines + 1] = format:format(...):gsub("%c", " ")
  else
    dropped = dropped + 1
  end
  timer:start(0)
end
