--- Raises in a Lua that the library does not support. Tasks must know whether a
--- coroutine can yield: Lua 5.1 and 5.2 cannot say it, Lua 5.3 and LuaJIT can
--- (inside ngx_lua, which has a table `coroutine` of its own, nothing asks).
--- The first import of every public module.

local jit = rawget(_G, "jit")
local supported
if jit then
  supported = jit.version_num >= 20100
else
  supported = coroutine.isyieldable ~= nil
end

if not supported then
  error(("klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1; this is %s")
    :format(jit and jit.version or _VERSION), 0)
end

return true
