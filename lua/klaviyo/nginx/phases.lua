--- What is possible in each phase of nginx: in some a call can wait for its
--- response, in others events can only be queued.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

-- The phases in which a call can wait, by the names of ngx.get_phase. ngx_lua can
-- wait in more of them (during a TLS handshake, before the certificate is
-- chosen), but this library does not use those.
local WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true,
  timer = true, ssl_cert = true,
}

local IN_INIT = "nothing can be sent in the phase init, which runs in nginx's "
  .. "master process: make only the client there, and call in a worker, for "
  .. "example from init_worker_by_lua in ngx.timer.at(0, …)"

local NO_WAITING = "a call cannot wait for its response in the phase %s: for "
  .. "events, use client.events:track{…}; or call in ngx.timer.at(0, …)"

--- Returns whether a call can wait in the current phase.
---@return boolean
function M.can_wait()
  return WAIT[ngx.get_phase()] or false
end

--- Raises an error if a call cannot wait in the current phase.
function M.must_wait()
  local phase = ngx.get_phase()
  if phase == "init" then
    usage_error.raise(IN_INIT)
  elseif not WAIT[phase] then
    usage_error.raise(NO_WAITING, phase)
  end
end

--- Raises an error if nothing can be sent in the current phase.
function M.must_send()
  if ngx.get_phase() == "init" then
    usage_error.raise(IN_INIT)
  end
end

return M
