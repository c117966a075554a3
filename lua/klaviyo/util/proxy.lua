--- Checks the URL of a proxy when a client is made. libcurl itself would
--- report a bad one with each request, and include the password.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local SCHEMES = {
  http = true, https = true, socks4 = true, socks4a = true, socks5 = true,
  socks5h = true,
}

local FORM = "host:port, with a scheme, a user and a password before it if "
  .. "needed, as in a URL (percent-encode special characters in them)"

local function is_host(text)
  local host, port = text:match("^(.-):?(%d*)$")
  if host:sub(1, 1) == "[" then
    host, port = text:match("^%[([%w:.%%_-]+)%]:?(%d*)$")
    return host ~= nil and (port == "" or tonumber(port) <= 65535)
  end
  return host:find("^[^%s%c/?#@:%[%]]+$") ~= nil
    and (port == "" or tonumber(port) <= 65535)
end

-- Returns the reason why libcurl cannot use the URL, or nil. The reason shows
-- nothing of the URL but its scheme.
local function fault(url)
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  if scheme and not SCHEMES[scheme:lower()] then
    return ('libcurl does not support the proxy scheme "%s"; use http, https, '
      .. "socks4, socks4a, socks5 or socks5h"):format(scheme)
  elseif url:find("[%c%s]") then
    return "it contains a blank or a control character; it must be " .. FORM
  end
  local authority = (rest or url):match("^[^/]*")
  if not is_host(authority:match("^.*@(.*)$") or authority) then
    return "it must be " .. FORM
  end
end

local function validate(name, url)
  local why = url ~= "" and fault(url)
  if why then
    usage_error.raise("%s cannot be used: %s", name, why)
  end
end

-- Returns whether no_proxy makes libcurl connect to a host without a proxy.
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

-- The variables in the order in which libcurl reads them. libcurl ignores
-- HTTP_PROXY, because a client can set it in a CGI program.
local NAMES = {
  http = {"http_proxy", "all_proxy", "ALL_PROXY"},
  https = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
}

--- Raises an error if libcurl cannot use the proxy of a client: the one in its
--- settings or, if there is none, in the environment.
---@param proxy string|nil  the setting
---@param base_url string
function M.check(proxy, base_url)
  if proxy then
    return validate("proxy", proxy)
  end
  local scheme, host = base_url:lower():match("^(https?)://([^/:]+)")
  for _, name in ipairs(NAMES[scheme] or {}) do
    local url = os.getenv(name)
    if url and url ~= "" then
      if not is_direct(host) then
        validate(name .. " in the environment", url)
      end
      return
    end
  end
end

return M
