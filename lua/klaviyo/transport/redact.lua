--- Removes secrets from texts that are logged.

local errors = require "klaviyo.response.errors"
local userinfo = require "klaviyo.util.userinfo"

local M = {}

local MASK = "[redacted]"

-- Members whose values are secrets, in JSON and in queries.
local SECRETS = {
  "secret_key", "client_secret", "access_token", "refresh_token", "api_key",
  "password",
}

--- Returns the text without secrets.
---@param text string
---@param secret string|nil  the key or the token of the request
---@return string
function M.text(text, secret)
  text = userinfo.redacted(errors.excerpt(text, secret, math.huge))
  for _, name in ipairs(SECRETS) do
    text = text:gsub('("' .. name .. '"%s*:%s*")[^"]*', "%1" .. MASK)
      :gsub("([?&]" .. name .. "=)[^&%s]*", "%1" .. MASK)
  end
  return (text:gsub("pk_[%w_-]+", MASK))
end

--- Returns the URL without secrets, and without the values of its query.
---@param url string
---@param secret string|nil
---@return string
function M.url(url, secret)
  local path, query = url:match("^([^?#]*)%??([^#]*)")
  path = M.text(path, secret)
  if query == "" then
    return path
  end
  local parts = {}
  for part in query:gmatch("[^&]+") do
    local name = part:match("^([^=]*)=")
    parts[#parts + 1] = (name and M.text(name, secret) .. "=" or "") .. "REDACTED"
  end
  return path .. "?" .. table.concat(parts, "&")
end

return M
