--- Where Redis is: reads a URL. Messages never show it, because it may contain a
--- password.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local FORMS = "redis://[user:password@]host:port/database, rediss:// with TLS, "
  .. "redis+unix:///path, or redis+sentinel://host:port,host:port/name/database"

local subject  -- of messages, while a URL is read

local KINDS = {
  redis = {}, rediss = {tls = true},
  ["redis+unix"] = {unix = true},
  ["redis+sentinel"] = {sentinel = true}, ["rediss+sentinel"] = {sentinel = true, tls = true},
}

local function refuse(why)
  usage_error.raise("%s: %s; expected %s", subject, why, FORMS)
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function read_userinfo(text, address)
  local user, password = text:match("^([^:]*):(.*)$")
  if not user then
    refuse("the password is missing")
  end
  address.user = user ~= "" and decoded(user) or nil
  address.password = decoded(password)
end

-- Returns host:port.
local function read_server(text, default_port)
  local host, port = text:match("^(%[[%x:.]+%])(.*)$")
  if not host then
    host, port = text:match("^([%w._-]+)(.*)$")
  end
  local number = port == "" and default_port or tonumber(port and port:match("^:(%d+)$"))
  if not host or not number or number < 1 or number > 65535 then
    refuse("the host or its port is not valid")
  end
  return ("%s:%d"):format(host, number)
end

local function read_database(text, address)
  if text ~= "" then
    address.database = tonumber(text:match("^%d+$"))
    if not address.database or address.database > 2147483647 then
      refuse("the database is not a number")
    end
  end
end

-- The parameters for sentinels have these names in programs for Python and Go, too.
local function read_query(text, address, is_sentinel)
  for name, value in text:gmatch("([^&=]+)=?([^&]*)") do
    if name == "ca_file" then
      address.ca_file = decoded(value)
    elseif name == "db" then
      read_database(value, address)
    elseif name == "sentinel_username" and is_sentinel then
      address.sentinel_user = decoded(value)
    elseif name == "sentinel_password" and is_sentinel then
      address.sentinel_password = decoded(value)
    else
      refuse(("the parameter %q is not known (%s are)"):format(name, is_sentinel
        and "ca_file, db, sentinel_username and sentinel_password" or "ca_file and db"))
    end
  end
  if address.sentinel_user and not address.sentinel_password then
    refuse("sentinel_username is set without sentinel_password")
  end
end

--- Reads a URL.
---@param url string
---@param what string|nil  names the URL in messages (default: the setting)
---@return table address  as klaviyo.redis.hiredis.source takes it; its field `name` names
---  it in messages
function M.parse(url, what)
  subject = what or "rate_limit_file"
  if type(url) ~= "string" then
    refuse("the URL is not a string")
  end
  local scheme, rest = url:match("^([^:/]+)://(.*)$")
  local kind = KINDS[tostring(scheme):lower()]
  if not kind then
    refuse(("the scheme %q is not known"):format(tostring(scheme)))
  end
  local address = {tls = kind.tls, database = 0}
  local body, query = rest:match("^([^?]*)%??(.*)$")
  read_query(query, address, kind.sentinel)
  local userinfo, after = body:match("^(.*)@(.*)$")
  if userinfo then
    read_userinfo(userinfo, address)
    body = after
  end
  if kind.unix then
    address.path = decoded(body)
    address.name = address.path
    if address.path:sub(1, 1) ~= "/" then
      refuse("the path of the socket is not absolute")
    end
    return address
  end
  local servers, path = body:match("^([^/]*)/?(.*)$")
  address.servers = {}
  for server in servers:gmatch("[^,]+") do
    address.servers[#address.servers + 1] = read_server(server,
      kind.sentinel and 26379 or 6379)
  end
  if #address.servers == 0 or #address.servers > 8
      or not kind.sentinel and #address.servers > 1 then
    refuse(kind.sentinel and "it does not name one to eight sentinels"
      or "it does not name one host")
  end
  address.name = table.concat(address.servers, ",")
  if kind.sentinel then
    local name, database = path:match("^([^/]+)/?(.*)$")
    if not name then
      refuse("the name of the primary is missing")
    end
    address.sentinel, path = decoded(name), database
  end
  read_database(path, address)
  return address
end

return M
