--- Redis, for the commands that show what machines share there.

local exit_status = require "klaviyo.cli.exit_status"

local M = {}

local REFUSED = {WRONGPASS = true, NOAUTH = true, NOPERM = true}

-- Returns the code word of a rejected login, which may also end a new connection.
local function auth_code_of(err)
  for word in tostring(err.message):gmatch("%f[%w]%u+%f[%W]") do
    if REFUSED[word] then
      return word
    end
  end
  return REFUSED[err.code] and err.code or nil
end

--- Returns the module klaviyo.redis. Without the rock the command ends.
---@param context klaviyo.cli.Context
function M.load(context)
  return context:module_of("klaviyo-redis", "klaviyo.redis")
end

--- Ends the command, because Redis cannot be used.
---@param context klaviyo.cli.Context
---@param err klaviyo.Error
---@param name string  of the variable or option that has the URL
function M.fail(context, err, name)
  local text = tostring(err):gsub("^klaviyo: ", "")
  local code = auth_code_of(err)
  if code == "NOPERM" then
    context:fail(exit_status.KEY, "%s; the user must be allowed to read the keys klaviyo*", text)
  elseif code then
    context:fail(exit_status.KEY, "%s; check the user and the password in %s", text, name)
  elseif err.kind == "redis" then
    context:fail(exit_status.REFUSED, "%s", text)
  end
  context:fail(exit_status.UNREACHABLE, "%s; does Redis run there, and may this machine reach it?",
    text)
end

return M
