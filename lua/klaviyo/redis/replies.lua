--- The replies of Redis: errors among them, and lists.

local errors = require "klaviyo.response.errors"
local hiredis = require "klaviyo.redis.hiredis"

local M = {}

local Reply = hiredis.error_reply  -- the metatable of an error reply

Reply.__tostring = function(reply)
  return reply.text
end

--- Returns the text of a reply that is an error, or nil.
---@param reply any
---@return string|nil
function M.is_error(reply)
  return getmetatable(reply) == Reply and reply.text or nil
end

--- Returns an error without the passwords, in case a server repeats them.
---@param connection klaviyo.redis.Connection
---@param fields table
---@return klaviyo.Error
function M.new_error(connection, fields)
  if connection.sentinel_secret then
    fields.message = errors.excerpt(fields.message, connection.sentinel_secret, math.huge)
  end
  return errors.new(fields, connection.secret)
end

--- Returns the error of an error reply, with what to do. Its code is the first word of the text, if that
--- is one of Redis' code words.
---@param connection klaviyo.redis.Connection
---@param text string
---@return klaviyo.Error
function M.error_of(connection, text)
  local hint = hiredis.error_hint(text)
  return M.new_error(connection, {
    kind = "redis", code = text:match("^%u[%u%d_]*%f[%s%z]"),
    message = ("Redis at %s: %s%s"):format(connection.name, text,
      hint and " (" .. hint .. ")" or ""),
  })
end

-- Returns the text of the first error in replies, also in those of EXEC.
local function first_error(list)
  for _, reply in ipairs(list) do
    local text = M.is_error(reply)
      or type(reply) == "table" and first_error(reply)
    if text then
      return text
    end
  end
end

--- Sends commands that only read, and returns their replies. An error in one is an error of all,
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
      return nil, M.error_of(connection, text)
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
