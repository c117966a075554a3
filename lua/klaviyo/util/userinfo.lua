--- Removes the user and the password of URLs from messages.

local M = {}

-- The user and the password of sentinels: see klaviyo.redis.address.
local PARAMETER = "([?&]sentinel_%l+=)[^%s&'\"]+"

-- Up to the last "@" of the authority: a password may contain one.
local USERINFO = "(%a[%w+.-]*://)([^%s/?#'\"]*)@"

-- The form of a URL in messages: redis://[user:password@]host.
local FORM = "[user:password"

--- Returns the text with "[redacted]" for the user and the password of URLs.
---@param text string
---@return string
function M.redacted(text)
  text = text:gsub(PARAMETER, "%1[redacted]")
  return (text:gsub(USERINFO, function(scheme, userinfo)
    return userinfo ~= FORM and scheme .. "[redacted]@" or nil
  end))
end

return M
