--- Warnings: what a program should be told once, and goes on without.

local userinfo = require "klaviyo.util.userinfo"

local M = {}

--- Warns, by the client's own way or by the host's.
function M.say(settings, message)
  message = "klaviyo: " .. userinfo.redacted(message)
  if settings.on_warning then
    settings.on_warning(message)
  elseif type(ngx) == "table" and ngx.log then
    ngx.log(ngx.WARN, message)
  else
    io.stderr:write(message, "\n")
  end
end

--- Has nginx's log tell of an error that nobody will hear of.
function M.log_error(err)
  if type(ngx) == "table" and ngx.log then
    ngx.log(ngx.ERR, tostring(err))
  end
end

--- The same of one that is about to be raised, where nginx would say no more
--- of it than that there was one: it is no text.
function M.log_raised(err)
  if type(err) ~= "string" then
    M.log_error(err)
  end
end

local warned_hosts = {}

--- Forgets which warnings were given, for tests.
function M.forget()
  warned_hosts = {}
end

local function is_loopback(host)
  return host == "localhost" or host:find("%.localhost$") ~= nil
    or host:find("^127%.%d+%.%d+%.%d+$") ~= nil or host == "[::1]"
end

--- Warns once for each host that a key or a token is sent to unencrypted.
---@param settings klaviyo.Settings
function M.of_plain_http(settings)
  local url = settings.base_url:lower()
  local host = url:match("^http://(%[[^%]]*%])") or url:match("^http://([^/:]+)")
  if not host or is_loopback(host) or warned_hosts[host] then
    return
  end
  warned_hosts[host] = true
  M.say(settings, ("base_url %s is not encrypted: anybody on the way can read "
    .. "the key and the data; use https"):format(settings.base_url))
end

return M
