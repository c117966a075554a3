--- What can be done in the phases of nginx: in some a call can wait for its
--- answer, in others it can at best be left to be sent.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

-- As ngx.get_phase names them. What ngx_lua lets wait besides is not ours to
-- use: a handshake that waits before its certificate is chosen.
local WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true,
  timer = true, ssl_cert = true,
}

local IN_INIT = "nothing can be sent in the phase init: what starts in "
  .. "nginx's master is lost to its workers. Make the client there, and call "
  .. "in a worker: init_worker_by_lua, in ngx.timer.at(0, …)"

local NO_WAITING = "a call cannot wait for its answer in the phase %s: for "
  .. "events, use client.events:track{…}; or call in ngx.timer.at(0, …)"

--- Whether a call can wait here.
---@return boolean
function M.can_wait()
  return WAIT[ngx.get_phase()] or false
end

--- Raises where a call cannot wait.
function M.must_wait()
  local phase = ngx.get_phase()
  if phase == "init" then
    usage_error.raise(IN_INIT)
  elseif not WAIT[phase] then
    usage_error.raise(NO_WAITING, phase)
  end
end

--- Raises where nothing can be sent at all.
function M.must_send()
  if ngx.get_phase() == "init" then
    usage_error.raise(IN_INIT)
  end
end

return M
