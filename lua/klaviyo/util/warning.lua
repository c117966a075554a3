--- Warnings: messages that do not stop the program.

local lazy_require = require "klaviyo.util.lazy_require"
local userinfo = require "klaviyo.util.userinfo"

local json_line = lazy_require "klaviyo.util.json_line"

local M = {}

--- Writes a line to nginx's log as a warning, or to stderr outside nginx.
---@param line string
function M.write(line)
  if type(ngx) == "table" and ngx.log then
    ngx.log(ngx.WARN, line)
  else
    io.stderr:write(line, "\n")
  end
end

--- Gives a warning: to on_warning if it is set, else to the setting `log`, else to
--- nginx's log or stderr.
function M.say(settings, message)
  message = userinfo.redacted(message)
  if settings.on_warning then
    settings.on_warning("klaviyo: " .. message)
  elseif settings.log then
    local ok = pcall(json_line.log, settings.log, {level = "warn", msg = message})
    if not ok then
      M.write("klaviyo: " .. message)
    end
  else
    M.write("klaviyo: " .. message)
  end
end

--- Writes an error to nginx's log, if no caller receives it.
function M.log_error(err)
  if type(ngx) == "table" and ngx.log then
    ngx.log(ngx.ERR, tostring(err))
  end
end

--- Writes an error to nginx's log before it is raised, unless it is text: nginx
--- itself logs only the type of an error that is a table.
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

--- Warns once for each host to which a key or a token is sent without TLS.
---@param settings klaviyo.Settings
function M.of_plain_http(settings)
  local url = settings.base_url:lower()
  local host = url:match("^http://(%[[^%]]*%])") or url:match("^http://([^/:]+)")
  if not host or is_loopback(host) or warned_hosts[host] then
    return
  end
  warned_hosts[host] = true
  M.say(settings, ("base_url %s is not encrypted: others on the network can "
    .. "read the key and the data; use https"):format(settings.base_url))
end

return M
