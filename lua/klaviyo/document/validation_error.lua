--- What a document is refused for. Each of these gives nil and a refusal, a
-- table, which is carried up rather than raised where it is found, since a
-- union may have a branch that fits. The keys that lead to it are added on the
-- way (`path`, innermost first): what is right has no need of them.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local function spelled(name)
  return (tostring(name):gsub("-", "_"))
end

--- Adds names to a list as callers write them.
function M.add_names(out, names)
  for name in pairs(names or {}) do
    out[#out + 1] = spelled(name)
  end
end

--- A value that is not what it must be.
function M.wrong(fmt, ...)
  return nil, {path = {}, text = fmt:format(...)}
end

--- A name that does not exist.
function M.unknown(what, name, allowed, hint)
  return nil, {path = {}, unknown = name, what = what, allowed = allowed,
    hint = hint}
end

--- Names that are required and not there.
function M.missing(names)
  table.sort(names)
  return nil, {path = {}, missing = '"' .. table.concat(names, '", "') .. '"'}
end

--- The same refusal, of what stands under a key.
---@param key string|integer a member's name, or the place in a list
function M.under(key, validation_error)
  local path = validation_error.path
  path[#path + 1] = key
  return nil, validation_error
end

-- As a caller writes it: with underscores.
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

--- Raises a refusal at the caller's line.
---@param operation string the operation's name, to blame
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
