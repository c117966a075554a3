--- Replies of Redis to commands that only read.

local connections = require "klaviyo.redis.connection"
local errors = require "klaviyo.response.errors"

local M = {}

-- Returns the text of the first error in replies, also in those of EXEC.
local function first_error(list)
  for _, reply in ipairs(list) do
    local text = connections.is_error(reply)
      or type(reply) == "table" and first_error(reply)
    if text then
      return text
    end
  end
end

--- Sends commands, and returns their replies. An error in one is an error of all,
--- unless `may_fail` is set.
---@param connection klaviyo.redis.Connection
---@param commands (string|number)[][]
---@param may_fail? fun(text: string): boolean  whether an error is a reply, too
---@return any[]|nil
---@return klaviyo.Error|nil
function M.pipeline(connection, commands, may_fail)
  local list, err = connection:pipeline(commands)
  if not list then
    return nil, err
  end
  for i, reply in ipairs(list) do
    local text = first_error {reply}
    if text and may_fail and may_fail(text) then
      list[i] = false
    elseif text then
      return nil, errors.new {
        kind = "redis", code = text:match("^%u[%u%d_]*%f[%s%z]"),
        message = ("Redis at %s: %s"):format(connection.name, text),
      }
    end
  end
  return list
end

--- Returns a list of names and values as a table.
---@param list string[]
---@return table<string, any>
function M.map(list)
  local map = {}
  for i = 1, #list, 2 do
    map[list[i]] = list[i + 1]
  end
  return map
end

return M
