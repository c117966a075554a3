--- Validation errors of documents. Each function returns nil and a table that
--- describes the error. Callers return it instead of raising it, because another
--- branch of a union may fit, and add the keys that lead to it on the way (`path`,
--- innermost first), so that a valid document costs nothing.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local function spelled(name)
  return (tostring(name):gsub("-", "_"))
end

--- Adds names to a list, spelled as programs write them.
function M.add_names(out, names)
  for name in pairs(names or {}) do
    out[#out + 1] = spelled(name)
  end
end

--- Returns the error for an invalid value.
function M.wrong(fmt, ...)
  return nil, {path = {}, text = fmt:format(...)}
end

--- Returns the error for an unknown name.
function M.unknown(what, name, allowed, hint)
  return nil, {path = {}, unknown = name, what = what, allowed = allowed,
    hint = hint}
end

--- Returns the error for missing names.
function M.missing(names)
  table.sort(names)
  return nil, {path = {}, missing = '"' .. table.concat(names, '", "') .. '"'}
end

--- Returns the error with one more key in its path.
---@param key string|integer a member's name, or the index in a list
function M.under(key, validation_error)
  local path = validation_error.path
  path[#path + 1] = key
  return nil, validation_error
end

-- The path as programs write it, with underscores.
local function written(path)
  local text = ""
  for i = #path, 1, -1 do
    local key = path[i]
    if type(key) == "number" then
      text = ("%s[%d]"):format(text, key)
    else
      text = text == "" and spelled(key) or text .. "." .. spelled(key)
    end
  end
  return text
end

--- Raises the error at the caller's line.
---@param operation string the operation's id, for the message
function M.raise(operation, validation_error)
  local path = written(validation_error.path)
  if validation_error.unknown ~= nil then
    usage_error.unknown(validation_error.what .. " of " .. operation
      .. (path == "" and "" or ", in " .. path .. ":"), validation_error.unknown,
      validation_error.allowed, validation_error.hint)
  elseif validation_error.missing then
    usage_error.raise("%s needs %s%s", operation, validation_error.missing,
      path == "" and "" or " in " .. path)
  end
  usage_error.raise("%s: %s %s", operation, path == "" and "its table" or path,
    validation_error.text)
end

return M
