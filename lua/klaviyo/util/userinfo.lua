--- Keeps the user and the password that a URL may hold out of messages.

local M = {}

-- Up to the last "@" of the authority: a password may hold one.
local USERINFO = "(%a[%w+.-]*://)[^%s/?#'\"]*@"

--- Returns a text whose URLs have "[redacted]" in place of user and password.
---@param text string
---@return string
function M.redacted(text)
  return (text:gsub(USERINFO, "%1[redacted]@"))
end

return M
