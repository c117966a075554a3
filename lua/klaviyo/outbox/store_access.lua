--- Access to the file of this process, which is opened when it is used.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local folder = require "klaviyo.outbox.folder"
local usage_error = require "klaviyo.util.usage_error"
local sender = require "klaviyo.outbox.sender"
local warning = require "klaviyo.util.warning"

local M = {}

function M.in_nginx()
  return type(ngx) == "table" and ngx.get_phase ~= nil
end

local loaded_by = M.in_nginx() and ngx.worker.pid()

--- Returns whether this Lua state belongs to one request, as with lua_code_cache
--- off. (The state of a worker was created by nginx's master, or is the only
--- one.) Such a state must leave no file open and no recurring timer.
function M.is_of_request()
  return loaded_by and loaded_by == ngx.worker.pid() and core.states() > 1
end

--- Closes the open files. Another Lua state of this process may then use them.
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

--- Warns by the `on_warning` of the outbox, or that of its client.
function M.warn(self, message)
  warning.say(self.on_warning and self or self.values and self.values() or self,
    message)
end

--- Returns the function to call for a file that cannot be opened.
function M.file_failed(self)
  return function(name, why)
    M.warn(self, ("outbox: %s: %s"):format(name, why))
  end
end

function M.store_options(self, create)
  return {create = create, full = self.sync == "full",
    max_bytes = self.max_bytes, max_rejected = self.max_rejected}
end

--- Opens the file, in the process that uses it: a worker could not use a file
--- that nginx's master opened.
function M.open(self)
  if self.closed then
    return nil, sender.error_of("closed", "it is closed")
  elseif M.in_nginx() and ngx.get_phase() == "init" then
    usage_error.raise("an outbox takes no events while nginx starts: enqueue "
      .. "them in a worker (init_worker_by_lua or later)")
  end
  local store, number, why = folder.take(self.path, M.store_options(self, true))
  if not store then
    return nil, sender.error_of(number, why)
  end
  self.store = store
  counters.source("klaviyo.outbox.metrics", self.path)
  if why then
    M.warn(self, "outbox: " .. why)
  end
  return store
end

--- Calls a function of the store, and returns its result. If the file is damaged
--- or inherited, it opens another one and calls the function again.
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
