--- Calls functions of the program that only observe: an error in them does not stop
--- the call that they observe.

local scheduler = require "klaviyo.tasks.scheduler"
local warning = require "klaviyo.util.warning"

local warned = setmetatable({}, {__mode = "k"})  -- by the value of the setting

--- Calls a function. If it raises an error, there is one warning, and nothing is
--- returned.
---@param settings klaviyo.Settings
---@param name string  of the setting for which it is called
---@param f function
---@return any ...  at most two values
return function(settings, name, f, ...)
  local ok, first, second = pcall(f, ...)
  if ok then
    return first, second
  elseif scheduler.is_interrupt(first) then
    error(first, 0)
  elseif not warned[settings[name]] then
    warned[settings[name]] = true
    warning.say(settings, ("%s raised an error: %s"):format(name, tostring(first)))
  end
end
