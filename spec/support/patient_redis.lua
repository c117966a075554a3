--- Limits on Redis whose hosts wait 20 s for a connection or a reply before they go on
--- without Redis, in place of 300 and 50 ms: for specs that are about a Redis that
--- replies, on a machine where any process may have to wait for its turn. To be
--- required before `klaviyo.redis`. For a script: its environment.

local env = os.getenv "LUA_CPATH" or ""
local own = (env:match "^([^;]*)/%?" or "") .. "/patient/?.so;"

package.cpath = own .. package.cpath

return {LUA_CPATH = own .. env}
