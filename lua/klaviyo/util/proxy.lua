--- Checks proxies when they are set. What libcurl says of one that it cannot
--- use, it says with each request, and with the password.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local SCHEMES = {
  http = true, https = true, socks4 = true, socks4a = true, socks5 = true,
  socks5h = true,
}

local FORM = "host:port, with a scheme, a user and a password before it if "
  .. "needed, as in a URL (percent-encode what is special in them)"

local function is_host(text)
  local host, port = text:match("^(.-):?(%d*)$")
  if host:sub(1, 1) == "[" then
    host, port = text:match("^%[([%w:.%%_-]+)%]:?(%d*)$")
    return host ~= nil and (port == "" or tonumber(port) <= 65535)
  end
  return host:find("^[^%s%c/?#@:%[%]]+$") ~= nil
    and (port == "" or tonumber(port) <= 65535)
end

-- Why libcurl cannot use it; nil if it can. Nothing of it but a scheme is told.
local function fault(url)
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  if scheme and not SCHEMES[scheme:lower()] then
    return ('libcurl has no proxies of the scheme "%s"; use http, https, '
      .. "socks4, socks4a, socks5 or socks5h"):format(scheme)
  elseif url:find("[%c%s]") then
    return "it holds a blank or a control character; it must be " .. FORM
  end
  local authority = (rest or url):match("^[^/]*")
  if not is_host(authority:match("^.*@(.*)$") or authority) then
    return "it must be " .. FORM
  end
end

local function judge(name, url)
  local why = url ~= "" and fault(url)
  if why then
    usage_error.raise("%s cannot be used: %s", name, why)
  end
end

-- Whether no_proxy has libcurl ask a host without a proxy.
local function is_direct(host)
  local list = os.getenv("no_proxy") or os.getenv("NO_PROXY") or ""
  for item in list:lower():gmatch("[^%s,]+") do
    local suffix = item:gsub("^%.", "")
    if item == "*" or host == suffix or host:sub(-#suffix - 1) == "." .. suffix
    then
      return true
    end
  end
  return false
end

-- In the order that libcurl asks in. It takes no HTTP_PROXY, which a CGI
-- program gets from whoever asks it.
local NAMES = {
  http = {"http_proxy", "all_proxy", "ALL_PROXY"},
  https = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
}

--- Raises if the proxy of a client cannot be used: that of its settings or, if
--- there is none, of the environment.
---@param proxy string|nil  the setting
---@param base_url string
function M.check(proxy, base_url)
  if proxy then
    return judge("proxy", proxy)
  end
  local scheme, host = base_url:lower():match("^(https?)://([^/:]+)")
  for _, name in ipairs(NAMES[scheme] or {}) do
    local url = os.getenv(name)
    if url and url ~= "" then
      if not is_direct(host) then
        judge(name .. " in the environment", url)
      end
      return
    end
  end
end

return M
