--- A durable outbox: an event for which `enqueue` returned true is in a file, is
--- sent in batches, and counts once, even if the process is killed.
---
---     local outbox = require "klaviyo.outbox".new {path = "/var/lib/shop"}
---     local client = klaviyo.new {outbox = outbox}
---     client.events:track {…}   -- true once the event is in the file
---     outbox:drain(30)          -- in nginx a timer does this
---
--- An outbox belongs to one account. Its folder has a file for each process that
--- uses it; events that a process leaves behind are sent by another one. With a relay
--- they are moved to a stream in Redis, from which any host sends them.

require "klaviyo.util.lua_version"
local checker = require "klaviyo.util.options"
local client_settings = require "klaviyo.client_settings"
local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local folder = require "klaviyo.outbox.folder"
local hidden = require "klaviyo.util.hidden"
local json = require "klaviyo.values.json"
local store_access = require "klaviyo.outbox.store_access"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local payload = require "klaviyo.outbox.payload"
local progress = require "klaviyo.outbox.progress"
local flush = require "klaviyo.outbox.flush"
local sender = require "klaviyo.outbox.sender"
local tasks = require "klaviyo.tasks"

local relay = lazy_require "klaviyo.outbox.relay"
local timer = lazy_require "klaviyo.outbox.timer"
local statuses = lazy_require "klaviyo.outbox.status"
local token_stores = lazy_require "klaviyo.outbox.token_store"

local M = {}

---@class klaviyo.Outbox
local Outbox = {}
Outbox.__index = Outbox
Outbox.__name = "klaviyo.Outbox"

---@class klaviyo.OutboxOptions
---@field path string  folder of the outbox; created if it does not exist
---@field sync? "normal"|"full"  default "normal"; "full": events survive a failure of the machine, too
---@field max_bytes? number  maximum size of each process's file; default 1 GiB
---@field max_rows? number  maximum of the events that wait in each process
---@field max_rejected? number  rejected events that each process keeps; default 10000
---@field interval? number  seconds that the timer in nginx waits for more events; default 1
---@field relay? string  URL of a Redis, to which the events are moved (rock klaviyo-redis), see docs/scale.md
---@field stream? string  name of the stream in Redis, which belongs to one account; default "klaviyo:events"
---@field max_stream? number  maximum of the events in the stream; the others stay in the file; default 1000000
---@field claim_after? number  seconds after which another process sends what one had taken that died; default 60
---@field send? boolean  false: with a relay, this process only moves events to the stream; default true
---@field on_warning? fun(message: string)  default: the client's `on_warning`

---@class klaviyo.OutboxStats
---@field waiting integer  events of this process that wait to be sent
---@field delayed integer  those of them that failed repeatedly and are sent later
---@field bytes integer  size of this process's file
---@field sent integer  events sent since this process began
---@field rejected integer  events that the service rejected since this process began
---@field folder {waiting: integer, files: integer}  of all processes, also of those that have ended
---@field relayed? integer  events that this process moved to the stream of its relay
---@field stream? klaviyo.OutboxStream  of its relay

---@class klaviyo.OutboxStream  as Redis reported it last
---@field length? integer  events in the stream, of all hosts; nil: not known yet
---@field pending? integer  those of them that a host has taken to send them
---@field claimed integer  events that this process took over from processes that died

local function amount(unit, default)
  return {type = "number", unit = unit, above = 0, infinite = true,
    default = default}
end

local FIELDS = {
  path = {type = "path", expected = "a folder's path",
    required = "set the folder of the outbox"},
  sync = {one_of = {"normal", "full"}, default = "normal"},
  max_bytes = amount("bytes", 1024 * 1024 * 1024),
  max_rows = amount("events", math.huge),
  max_rejected = amount("events", 10000),
  interval = amount("seconds", 1),
  relay = {type = "line", expected = "the URL of a Redis", secret = true},
  stream = {type = "line", default = "klaviyo:events"},
  max_stream = amount("events", 1000000),
  claim_after = amount("seconds", 60),
  send = {type = "boolean", default = true},
  on_warning = {type = "function"},
}

local MIN_WAIT, MAX_WAIT = 0.5, 30  -- after a failure, outside nginx
local POLL_INTERVAL = 0.05  -- while another flush is in progress
local CLOSE_TIMEOUT = 5

--- Returns an outbox. Inside nginx its files are opened by its first use.
---@param options klaviyo.OutboxOptions
---@return klaviyo.Outbox|nil, klaviyo.Error|nil
function M.new(options)
  local self = checker.check(FIELDS, options, "outbox.new")
  self.counts, self.failures, self.look = {sent = 0, rejected = 0}, {}, true
  self.next_look = 0  -- for files of processes that have ended, in core.clock time
  self.adopted = {}  -- open files of processes that have ended
  -- the tasks or coroutines that send; nginx may kill any, so it is weak
  self.senders = setmetatable({}, {__mode = "v"})
  setmetatable(self, Outbox)
  if self.relay then
    self.relay = relay.new {url = self.relay, name = self.stream, max = self.max_stream,
      max_rejected = self.max_rejected, claim_after = self.claim_after,
      warn = function(message) store_access.warn(self, message) end}
  end
  if not store_access.in_nginx() then
    local _, err = store_access.open(self)
    if err then
      return nil, err
    end
  end
  return self
end

--- Returns a store for klaviyo.oauth.new, which keeps the tokens of all accounts in a
--- file of SQLite, besides a folder of that name with ".locks" behind it. Both are
--- created when they are first used.
---@param path string  of the file, such as "/var/lib/app/tokens.db"
---@return klaviyo.oauth.Store
function M.token_store(path)
  path = checker.value({type = "path", expected = "a file's path"}, "path", path,
    "outbox.token_store")
  return token_stores.new(path)
end

--- The files of an outbox, of all processes.
---@class klaviyo.outbox.Status
---@field path string
---@field waiting integer  events that wait
---@field oldest_age? number  seconds since the oldest of them was tracked; nil: none waits
---@field bytes integer
---@field rejected integer  events that Klaviyo rejected, and that are kept
---@field files klaviyo.outbox.FileStatus[]

--- The file of one process.
---@class klaviyo.outbox.FileStatus
---@field name string
---@field waiting integer
---@field oldest_age? number
---@field bytes integer
---@field rejected integer
---@field running boolean  whether a process uses the file; if not, another process sends its events
---@field pid? integer  the id of that process, if it is known

--- Describes the files of an outbox, for a program that does not use the outbox. It
--- changes nothing.
---@param path string  its folder
---@return klaviyo.outbox.Status|nil
---@return klaviyo.Error|nil err  of kind "outbox": there is no such folder, or a file cannot be read
function M.status(path)
  path = checker.value({type = "path", expected = "a folder's path"}, "path", path,
    "outbox.status")
  return statuses.of((path:gsub("(.)/+$", "%1")))
end

-- The account -----------------------------------------------------------------

local SECRETS = {"api_key", "access_token"}

local function refuse_account()
  usage_error.raise("an outbox belongs to one account: use one folder for each "
    .. "account")
end

-- Events of one account must never be sent to another, so settings that differ
-- raise. A token may differ if rate_limit_key names the account.
local function bind(self, client)
  local values, own = client_settings.of(client), self.values and self.values()
  if not own then
    if self.relay then
      self.relay:check(values)
    end
    self.values = hidden(values)
    return values
  elseif values.base_url ~= own.base_url or values.rate_limit_key ~= own.rate_limit_key then
    refuse_account()
  end
  for _, name in ipairs(SECRETS) do
    local secret, known = values[name], own[name]
    if secret ~= known and type(secret) ~= "function" then
      if not values.rate_limit_key then
        refuse_account()
      end
      self.values = hidden(values)
    end
  end
  return values
end

-- Enqueuing -------------------------------------------------------------------

local function enqueue(self, event, client)
  local values = bind(self, client)
  local time = store_access.in_nginx() and ngx.now() or os.time()
  local text, id = payload.of(event, client, time)
  if not text then
    return nil, sender.error_of("too_large", id)
  elseif self.store and self.store:waiting() >= self.max_rows then
    return nil, sender.error_of("full", ("%d events wait already (max_rows)")
      :format(self.store:waiting()))
  end
  return store_access.call(self, "add", id, values.revision, math.floor(time * 1000),
    text)
end

--- Keeps an event in the file. Once it returns true, the event outlives the
--- process.
---@param event table|string  as client.events:create takes it; or a document of create_event, or its JSON
---@param client klaviyo.Client  the client that sends the event
---@return boolean|nil, klaviyo.Error|nil
function Outbox:enqueue(event, client)
  local ok, err = enqueue(self, event, client)
  counters.add("klaviyo_events_total", ok and "tracked" or "refused")
  if store_access.is_of_request() then
    store_access.release(self)
  end
  if ok and store_access.in_nginx() then
    timer.wake(self)
  end
  return ok, err
end

--- Opens the outbox in this worker of nginx, and begins to send events that
--- other processes left; without it the first event does. An error is also
--- written to nginx's log. For init_worker_by_lua.
---@param client klaviyo.Client
---@return boolean|nil ok
---@return klaviyo.Error|nil err
function Outbox:start(client)
  bind(self, client)
  if not store_access.in_nginx() then
    return true
  end
  local store, err = self.store, nil
  if not store then
    store, err = store_access.open(self)
  end
  timer.wake(self)
  if store then
    return true
  end
  ngx.log(ngx.ERR, tostring(err), " (no event can be added to the outbox)")
  return nil, err
end

-- Sending ---------------------------------------------------------------------

--- Sends the waiting events once, and every 10 seconds also those that processes that
--- have ended left; does nothing while another flush is in progress. With a relay it moves
--- them to the stream, and sends what is in the stream if no other process does that.
---@param is_over (fun(): boolean)|nil  called between batches; true ends the flush
---@param ending number|nil  when to end, in seconds of core.clock
---@return boolean|nil done
---@return klaviyo.Error|nil err
function Outbox:flush(is_over, ending)
  return flush.run(self, is_over, ending)
end

-- The files that this process has open.
local function stores(self)
  local list = {self.store}
  for _, store in ipairs(self.adopted) do
    list[#list + 1] = store
  end
  return list
end

--- Returns how many events of this process wait. With a relay, events in the stream
--- do not wait any more.
---@return integer
function Outbox:waiting()
  local count = 0
  for _, store in ipairs(stores(self)) do
    count = count + store:waiting()
  end
  return count
end

-- Returns how many events are postponed, the seconds until the first is due, and
-- the error that it failed with.
local function postponed(self)
  local count, seconds, err = 0, nil, nil
  for _, store in ipairs(stores(self)) do
    local some, due, why = progress.postponed(store)
    count = count + some
    if due and (not seconds or due < seconds) then
      seconds, err = due, why
    end
  end
  return count, seconds, err
end

local PASSING = {rate_limited = true, timeout = true, transport = true,
  http = true, decode = true}

-- Returns whether a retry may help. A proxy may answer in place of the service
-- for a while.
local function may_pass(err)
  return PASSING[err.kind] or err.status and err.status >= 500
end

-- Returns whether the stream is empty, if this process sends what is in it.
local function is_sent(self)
  return not self.relay or not self.send or self.relay:is_empty()
end

--- Sends the waiting events, also those that processes that have ended left, for
--- at most `seconds`. With a relay it moves them to the stream, and then, unless
--- `send` is false, it waits until the stream is empty; another process may send it.
---@param seconds number|nil  default 30
---@param client klaviyo.Client|nil  needed if no event has been enqueued yet
---@return boolean|nil done  whether every event was sent or rejected
---@return klaviyo.Error|nil err  why not
function Outbox:drain(seconds, client)
  if client then
    bind(self, client)
  end
  local values = flush.values(self)
  local ending = core.clock() + (seconds or 30)
  local wait, err = MIN_WAIT, nil
  self.look = true
  repeat
    local done
    local pause = POLL_INTERVAL
    if not flush.is_running(self) then
      done, err = self:flush(function()
        return core.clock() >= ending
      end, ending)
      local waiting = self:waiting()
      local count, due, why = postponed(self)
      if done and waiting == 0 and not self.look and is_sent(self) then
        return true
      elseif not done and not may_pass(err) then
        return nil, err
      elseif not done then
        pause, wait = wait, math.min(wait * 2, MAX_WAIT)
      else
        pause, err = is_sent(self) and 0 or POLL_INTERVAL, why
        if due and count == waiting then
          pause = due
        end
      end
      if ending - core.clock() < pause then
        break
      end
    end
    if pause > 0 then
      tasks.sleep(pause, values.wait)
    end
  until core.clock() >= ending
  return nil, err or sender.error_of("time", ("%d events still wait")
    :format(self:waiting() + (is_sent(self) and 0 or self.relay:stats().length or 0)))
end

-- Inspection ------------------------------------------------------------------

--- Returns the figures of this process, and of the whole folder.
---@return klaviyo.OutboxStats
function Outbox:stats()
  return {
    waiting = self:waiting(), delayed = (postponed(self)),
    sent = self.counts.sent, rejected = self.counts.rejected,
    bytes = self.store and self.store:bytes() or 0,
    folder = folder.stats(self.path),
    relayed = self.relay and self.relay.relayed,
    stream = self.relay and self.relay:stats(),
  }
end

-- Returns a rejected event as users see it.
local function rejection(row)
  local reason = json.decode(row.reason) or {}
  return {
    unique_id = row.unique_id, time = row.time, revision = row.revision,
    document = payload.document(row.payload), message = reason.message,
    status = reason.status, errors = reason.errors,
  }
end

--- Iterates over the events that the service rejected, of all processes, with the
--- oldest of each process first: {unique_id, time, revision, document, message,
--- status, errors}. `document` is that of create_event. Only the last
--- `max_rejected` of each process are kept. With a relay, those of the stream follow,
--- of all hosts.
---@return fun(): table|nil
function Outbox:rejected()
  local slots = folder.all(self.path, store_access.file_failed(self))
  local of_stream = self.relay and self.relay:rejected()
  local store, last = nil, nil
  return function()
    while true do
      if not store then
        store, last = slots(), 0
        if not store then
          local row = of_stream and of_stream()
          return row and rejection(row)
        end
      end
      local row = store:next(last)
      if row then
        last = row.id
        return rejection(row)
      end
      store:close()
      store = nil
    end
  end
end

-- With a relay, one flush: the stream may never be empty.
local function send_before_close(self, ending)
  if self.relay then
    self:flush(function() return core.clock() >= ending end, ending)
  end
  if self:waiting() > 0 and core.clock() < ending then
    self:drain(ending - core.clock())
  end
end

--- Sends what it can in `seconds` and closes the file; events that still wait
--- stay in it. A closed outbox takes no events. With a relay, what this process has
--- taken from the stream goes back to it, and events in the stream do not wait.
---@param seconds number|nil  default 5; inside nginx 0
---@return boolean|nil all  nil: events still wait, which is also a warning unless `seconds` is 0
---@return klaviyo.Error|nil err
function Outbox:close(seconds)
  if self.closed then
    return true
  end
  seconds = seconds or store_access.in_nginx() and 0 or CLOSE_TIMEOUT
  if self.values and seconds > 0 then
    send_before_close(self, core.clock() + seconds)
  end
  self.closed = true
  if self.relay and self.values then
    self.relay:close(flush.new_flush(self))
  end
  local waiting = self:waiting()
  store_access.release(self)
  if waiting == 0 then
    return true
  end
  local err = sender.error_of("waiting", ("%d events still wait in %s")
    :format(waiting, self.path))
  if seconds > 0 then
    store_access.warn(self, err.message)
  end
  return nil, err
end

function Outbox:__close()
  self:close()
end

return M
