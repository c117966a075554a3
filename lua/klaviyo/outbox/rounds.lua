--- A round of an outbox's sending: the file of this process, and those that
--- others have left.

local folder = require "klaviyo.outbox.folder"
local keeper = require "klaviyo.outbox.keeper"
local misuse = require "klaviyo.misuse"
local scheduler = require "klaviyo.scheduler"
local sender = require "klaviyo.outbox.sender"

local M = {}

local MAIN = "main"  -- the coroutine that LuaJIT has no name for

--- The settings of whom it is for.
function M.values(self)
  if not self.values then
    misuse.raise("say for whom the outbox is: a client")
  end
  return self.values
end

local function send_store(self, store, ending, is_over)
  local done, err, refused, reason = sender.send(store, M.values(self),
    {counts = self.counts, ending = ending, is_over = is_over})
  if refused > 0 then
    keeper.warn(self, ("outbox: %d events were refused for good and are kept aside; "
      .. "the first: %s"):format(refused, reason))
  end
  if err and err.code == "damaged" then
    local again, what, why = store:renew()
    keeper.warn(self, "outbox: " .. tostring(again and what or why))
    return again and true, again == nil and err or nil, again
  end
  return done, err, store
end

local function send_all(self, ending, is_over)
  local own, done, err = self.store, true, nil
  if own then
    local store
    done, err, store = send_store(self, own, ending, is_over)
    if self.store == own then  -- else it was closed, or replaced, meanwhile
      self.store = store
    end
  end
  if not done then
    return nil, err
  end
  if self.look then
    self.look = false
    for orphan, damage in folder.orphans(self.path, keeper.store_options(self, false),
        keeper.file_failed(self)) do
      if damage then
        keeper.warn(self, "outbox: " .. damage)
      end
      if orphan:waiting() > 0 then
        done, err, orphan = send_store(self, orphan, ending, is_over)
      end
      if orphan then
        orphan:close()
      end
      if not done or is_over and is_over() then
        self.look = true
        break
      end
    end
  end
  return done, err
end

--- Whether one is under way.
function M.is_under_way(self)
  local by = self.sender.by
  if type(by) == "table" then
    return not by.done
  end
  return by ~= nil and (by == MAIN or coroutine.status(by) ~= "dead")
end

--- Sends, and leaves alone one that is under way.
function M.run(self, is_over, ending)
  if M.is_under_way(self) then
    return true
  end
  self.sender.by = scheduler.inside() or coroutine.running() or MAIN
  local ok, done, err = pcall(send_all, self, ending, is_over)
  self.sender.by = nil
  if not ok then
    error(done, 0)
  elseif not done and keeper.in_nginx() then
    keeper.warn(self, "outbox: " .. tostring(err) .. "; what waits is kept")
  end
  return done, err
end

return M
