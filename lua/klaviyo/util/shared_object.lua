--- Loads one of the library's shared objects and checks that it was built for
--- this Lua, from the same version as the Lua files.

require "klaviyo.util.lua_version"
local version = require "klaviyo.version"

-- "luaopen_klaviyo_core" for "klaviyo.core"
local function entry(name)
  return "luaopen_" .. name:gsub("%.", "_")
end

-- package.searchpath, which Lua 5.1 does not have
local function search(name)
  local tried, relative = {}, name:gsub("%.", package.config:sub(1, 1))
  for template in package.cpath:gmatch("[^;]+") do
    local path = template:gsub("%?", (relative:gsub("%%", "%%%%")))
    local file = io.open(path, "rb")
    if file then
      file:close()
      return path
    end
    tried[#tried + 1] = "\n\tno file '" .. path .. "'"
  end
  return nil, table.concat(tried)
end

local function this_lua()
  local jit = rawget(_G, "jit")
  return jit and ("LuaJIT (%s)"):format(_VERSION) or _VERSION
end

local function built_for(text)
  return text:match("klaviyo: built for (Lua %d+%.%d+)")
end

-- A file that cannot be loaded still contains the text of build.h.
local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

---@param name string  of the module, e.g. "klaviyo.core"
---@return table module  what its luaopen function returns
return function(name)
  local path, tried = search(name)
  if not path then
    error(("%s is not installed: no shared object in package.cpath%s")
      :format(name, tried), 0)
  end
  local open, message = package.loadlib(path, entry(name))
  local module = open and open(name) or {}
  local target = built_for(module.built_for or read(path))
  if target and target ~= _VERSION then
    error(("%s is built for %s, this is %s: build and install klaviyo for this "
      .. "Lua"):format(path, target, this_lua()), 0)
  elseif not open then
    error(("cannot load %s: %s"):format(name, message), 0)
  elseif module.version ~= version then
    error(("the version of %s is %s, that of the Lua files is %s: %s")
      :format(name, module.version or "unknown", version, rawget(_G, "ngx")
        and "a reload keeps the old object in memory; restart nginx, or upgrade "
          .. "its binary"
        or "install both from the same version"), 0)
  end
  return module
end
