--- Flushes an outbox: sends the file of this process, and those that other
--- processes have left.

local core = require "klaviyo.core"
local folder = require "klaviyo.outbox.folder"
local store_access = require "klaviyo.outbox.store_access"
local usage_error = require "klaviyo.util.usage_error"
local progress = require "klaviyo.outbox.progress"
local scheduler = require "klaviyo.tasks.scheduler"
local sender = require "klaviyo.outbox.sender"

local M = {}

local MAIN = "main"  -- LuaJIT returns nil for the main coroutine

--- Seconds between two looks for files of other processes.
M.LOOK_EVERY = 10

-- The parts of a flush.
local FILES, STREAM = "files", "stream"

--- Returns the settings of the outbox's client.
function M.values(self)
  if not self.values then
    usage_error.raise("the outbox has no client yet: pass one, as in "
      .. "outbox:drain(seconds, client)")
  end
  return self.values()
end

--- Returns the state of a flush, for the sender.
function M.new_flush(self, is_over, ending)
  return sender.new_flush(M.values(self), {counts = self.counts, ending = ending,
    is_over = is_over})
end

--- Closes what a Lua state that belongs to one request must not leave open.
function M.release(self)
  if store_access.is_of_request() then
    if self.relay then
      self.relay:close(M.new_flush(self))
    end
    store_access.release(self)
  end
end

-- Sends a store, or moves its events to the stream. Returns it, too, or the one that
-- replaced it.
local function send_store(self, flush, store)
  local done, err
  if self.relay then
    done, err = self.relay:move(flush, store)
  else
    done, err = sender.send(flush, store)
  end
  if err and err.code == "damaged" then
    local again, what, why = store:renew()
    store_access.warn(self, "outbox: " .. tostring(again and what or why))
    return again and true, again == nil and err or nil, again
  end
  return done, err, store
end

local function send_own(self, flush)
  local own = self.store
  if not own then
    return true
  end
  local done, err, store = send_store(self, flush, own)
  if self.store == own then  -- else it was closed or replaced in the meantime
    self.store = store
  end
  return done, err
end

-- A file that another process left stays open, and so locked, while this process
-- knows something about it that is not in the file.
local function send_adopted(self, flush)
  local list = self.adopted
  local done, err = true, nil
  for i = #list, 1, -1 do
    local store = list[i]
    if done then
      done, err, store = send_store(self, flush, store)
      list[i] = store
    end
    if done and store and not progress.is_pending(store) then
      store:close()
      store = nil
    end
    if not store then
      table.remove(list, i)
    end
  end
  return done, err
end

-- Outside nginx no timer sets `look`: each flush is a chance, but not too often.
local function must_look(self)
  if self.look or not store_access.in_nginx() and core.clock() >= self.next_look then
    self.look, self.next_look = false, core.clock() + M.LOOK_EVERY
    return true
  end
end

local function send_orphans(self, flush)
  if not must_look(self) then
    return true
  end
  for store, damage in folder.orphans(self.path,
      store_access.store_options(self, false), store_access.file_failed(self)) do
    if damage then
      store_access.warn(self, "outbox: " .. damage)
    end
    local orphan, done, err = store, true, nil
    if orphan:waiting() > 0 then
      done, err, orphan = send_store(self, flush, orphan)
    end
    if orphan and progress.is_pending(orphan) and not self.closed then
      table.insert(self.adopted, orphan)
    elseif orphan then
      orphan:close()
    end
    if not done or flush.is_over() then
      self.look = true
      return done, err
    end
  end
  return true
end

-- What a stream cannot delete is reported with the other problems of the relay.
local function report(self, flush, part)
  if flush.rejected > 0 then
    store_access.warn(self, ("outbox: the service rejected %d events; "
      .. "outbox:rejected() returns them; the first: %s"):format(flush.rejected, flush.reason))
  end
  if part == STREAM then
    return
  end
  local why = flush.unwritten and tostring(flush.unwritten)
  if why and why ~= self.unwritten then
    store_access.warn(self, ("%s; events that were sent cannot be deleted yet; "
      .. "this process does not send them again"):format(why))
  end
  self.unwritten = why
end

-- The files behind one with an event that always fails are sent as well.
local function send_files(self, flush)
  local done, err = send_own(self, flush)
  if done then
    done, err = send_adopted(self, flush)
  end
  if done then
    done, err = send_orphans(self, flush)
  end
  return done, err
end

local function send_stream(self, flush)
  return self.relay:send(flush)
end

local PARTS = {[FILES] = send_files, [STREAM] = send_stream}

local function send_all(self, part, is_over, ending)
  local flush = M.new_flush(self, is_over, ending)
  local done, err = PARTS[part](self, flush)
  report(self, flush, part)
  if done and flush.err and not flush.succeeded then
    return nil, flush.err
  end
  return done, err
end

local function is_running(by)
  if type(by) == "table" then
    return not by.done
  end
  return by ~= nil and (by == MAIN or coroutine.status(by) ~= "dead")
end

--- Returns whether a flush is in progress, of the files or of the stream.
function M.is_running(self)
  return is_running(self.senders[FILES]) or is_running(self.senders[STREAM])
end

local function run(self, part, is_over, ending)
  if is_running(self.senders[part]) then
    return true
  end
  self.senders[part] = scheduler.inside() or coroutine.running() or MAIN
  local ok, done, err = pcall(send_all, self, part, is_over, ending)
  self.senders[part] = nil
  if not ok then
    M.release(self)
    error(done, 0)
  elseif not done and store_access.in_nginx()
      and not (self.relay and self.relay.is_reported(err)) then
    store_access.warn(self, "outbox: " .. tostring(err)
      .. "; the waiting events are kept")
  end
  return done, err
end

--- Flushes the outbox, unless a flush is in progress. With a relay, the events of the
--- files go to the stream, and those of the stream are sent, unless `send` is false.
---@param part "files"|"stream"|nil  only this part
function M.run(self, is_over, ending, part)
  local done, err = true, nil
  if part ~= STREAM then
    done, err = run(self, FILES, is_over, ending)
  end
  if self.relay and self.send and part ~= FILES then
    local sent, failure = run(self, STREAM, is_over, ending)
    if done then
      done, err = sent, failure
    end
  end
  M.release(self)
  return done, err
end

return M
