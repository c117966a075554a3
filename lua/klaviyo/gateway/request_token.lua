--- Returns the token of a request, or nil. The scheme "Klaviyo-API-Key" is accepted, too,
--- so that a program needs only another base URL and another key.
---@param headers table<string, string|string[]>
---@return string|nil
return function(headers)
  local authorization = headers.authorization
  if type(authorization) ~= "string" then
    return nil
  end
  local scheme, token = authorization:match("^([%w-]+) +(%S+)$")
  scheme = (scheme or ""):lower()
  return (scheme == "bearer" or scheme == "klaviyo-api-key") and token or nil
end
