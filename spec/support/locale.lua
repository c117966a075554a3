--- A locale with a decimal comma, for code that must not depend on the locale.

local script = require "spec.support.script"

local M = {}

local NAME = "de_DE.UTF-8"

local SHOWS = ("local name = os.setlocale %q\n"):format(NAME)
  .. 'io.write(name and ("%.1f"):format(0.5) or "none")'

-- LuaJIT formats numbers independently of the locale: there it matters only
-- whether the locale exists.
local function works(env)
  local output = script.run(SHOWS, {env = env})
  return output == "0,5" or output == "0.5" and rawget(_G, "jit") ~= nil
end

--- Returns the environment of a process that can set the locale: an installed
--- locale, or else one that is compiled in a folder.
---@param folder fun(): string makes a folder that is removed afterwards
---@return table<string, string>|nil env
---@return string name of the locale; or the reason why there is none
function M.comma(folder)
  if works {} then
    return {}, NAME
  end
  local path = folder()
  local output, status = script.shell(
    ("localedef -i de_DE -f UTF-8 %s/%s"):format(path, NAME))
  local env = {LOCPATH = path}
  if works(env) then
    return env, NAME
  end
  return nil, ("no locale with a decimal comma; localedef ended with %d: %s")
    :format(status, output)
end

return M
