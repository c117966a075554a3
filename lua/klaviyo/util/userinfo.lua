--- Removes the user and the password of URLs from messages.

local M = {}

-- Up to the last "@" of the authority: a password may contain one.
local USERINFO = "(%a[%w+.-]*://)[^%s/?#'\"]*@"

--- Returns the text with "[redacted]" for the user and the password of URLs.
---@param text string
---@return string
function M.redacted(text)
  return (text:gsub(USERINFO, "%1[redacted]@"))
end

return M
