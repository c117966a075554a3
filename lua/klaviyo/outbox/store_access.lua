--- What an outbox has open: the file of this process, opened when it is used.

local core = require "klaviyo.core"
local folder = require "klaviyo.outbox.folder"
local usage_error = require "klaviyo.util.usage_error"
local sender = require "klaviyo.outbox.sender"
local warning = require "klaviyo.util.warning"

local M = {}

function M.in_nginx()
  return type(ngx) == "table" and ngx.get_phase ~= nil
end

local loaded_by = M.in_nginx() and ngx.worker.pid()

--- Returns whether this Lua state is that of one request, as each is where
--- lua_code_cache is off. (That of a worker was made by nginx's master, or is
--- the only one.) It must leave nothing open, and no timer that recurs.
function M.is_of_request()
  return loaded_by and loaded_by == ngx.worker.pid() and core.states() > 1
end

--- Closes what is open. Another Lua state of this process may use it then.
function M.release(self)
  local store, adopted = self.store, self.adopted
  self.store, self.adopted = nil, {}
  if store then
    store:close()
  end
  for _, one in ipairs(adopted) do
    one:close()
  end
end

--- Warns, in the outbox's own way or its client's.
function M.warn(self, message)
  warning.say(self.on_warning and self or self.values and self.values() or self,
    message)
end

--- What a walk through the folder calls for a file that cannot be had.
function M.file_failed(self)
  return function(name, why)
    M.warn(self, ("outbox: %s: %s"):format(name, why))
  end
end

function M.store_options(self, create)
  return {create = create, full = self.sync == "full",
    max_bytes = self.max_bytes, max_rejected = self.max_rejected}
end

--- Opens it, in the process that uses it: what nginx's master opened, no worker
--- could use.
function M.open(self)
  if self.closed then
    return nil, sender.error_of("closed", "it is closed")
  elseif M.in_nginx() and ngx.get_phase() == "init" then
    usage_error.raise("nothing can be put into an outbox while nginx starts: "
      .. "its workers do so")
  end
  local store, number, why = folder.take(self.path, M.store_options(self, true))
  if not store then
    return nil, sender.error_of(number, why)
  end
  self.store = store
  if why then
    M.warn(self, "outbox: " .. why)
  end
  return store
end

--- What a call of the store says; where that can be mended, it is, and the
--- call made once more.
function M.call(self, call, ...)
  local err
  local store = self.store
  if not store then
    store, err = M.open(self)
    if not store then
      return nil, err
    end
  end
  local value, what, why = store[call](store, ...)
  if value then
    return value
  elseif what == "inherited" then
    self.store = nil
    store, err = M.open(self)
  elseif what == "damaged" then
    local damage
    store, what, damage = store:renew()
    self.store = store
    if store then
      M.warn(self, "outbox: " .. tostring(what))
    else
      err = sender.error_of(what, damage)
    end
  else
    return nil, sender.error_of(what, why)
  end
  if not store then
    return nil, err
  end
  value, what, why = store[call](store, ...)
  if value then
    return value
  end
  return nil, sender.error_of(what, why)
end

return M
