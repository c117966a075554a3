--- klaviyo.webhook.handler: an nginx location that receives system webhooks.
---
---     init_by_lua_block {
---       receive = require("klaviyo").webhook.handler {
---         secret = …, dict = "klaviyo_webhooks", on_event = function(event) … end,
---       }
---     }
---     location = /webhooks/klaviyo { content_by_lua_block { receive() } }
---
--- Klaviyo waits 5 s for a response, repeats a delivery that gets no 2xx response,
--- and may repeat others. So a delivery is verified, added to the worker's queue
--- and answered at once. Timers take the events from the queue, each event once. If
--- the queue is full the response is 503, and Klaviyo repeats the delivery.

local checker = require "klaviyo.util.options"
local counters = require "klaviyo.util.counters"
local usage_error = require "klaviyo.util.usage_error"
local rules = require "klaviyo.webhook.options"
local signature = require "klaviyo.webhook.signature"
local timers = require "klaviyo.nginx.timers"

local CALL = "webhook.handler"

local M = {}

---@class klaviyo.receiver.Options
---@field secret? string  the webhook's secret_key, of 16 characters or more
---@field secrets? string[]  instead of `secret`, while you replace one secret by another: each of them is accepted
---@field on_event fun(event: table, document: table)  called with every event in a timer, where it may make calls;
---  an error that it raises is logged, and the event is not repeated
---@field max_running? integer  the maximum number of events that a worker handles at once; default 32. Each uses one
---  of nginx's lua_max_running_timers (default 256)
---@field max_queued? integer  the maximum number of events that wait in a worker; default 1000. Beyond it, or beyond
---  64 MiB of bodies, the response is 503. Waiting events are in memory: they survive a reload, but not a worker that
---  is killed
---@field dict? string  the lua_shared_dict that keeps the ids of events; without it repeated events are not detected
---@field remember? number  seconds for which an id is kept; default 259,200 (three days), longer than Klaviyo
---  repeats a delivery
---@field tolerance? number  the maximum age of a delivery in seconds; default 300
---@field max_body_bytes? integer  the maximum size of a body; default 5 MiB

local function positive(default)
  return {type = "integer", min = 1, default = default}
end

local FIELDS = {
  secret = rules.SECRET,
  secrets = rules.SECRETS,
  on_event = {type = "function",
    required = "set a function that is called with each event"},
  max_running = positive(32),
  max_queued = positive(1000),
  dict = {type = "text"},
  -- Klaviyo disables an endpoint after 48 hours of failure.
  remember = {type = "number", unit = "seconds", above = 0, default = 3 * 86400},
  tolerance = rules.TOLERANCE,
  max_body_bytes = positive(5 * 1024 * 1024),
}

local MAX_QUEUED_BYTES = 64 * 1024 * 1024

local RETRY = 1           -- seconds until the next search for a free timer
local LOG_GAP = 10        -- seconds between lines in the log

-- A stale delivery is signed: 401 would mean that its signature is wrong.
local STATUS = {stale = 400}

local function check(options)
  local self = checker.check(FIELDS, options, CALL)
  if type(ngx) ~= "table" or not ngx.shared then
    usage_error.raise("webhook.handler is for nginx's Lua module; elsewhere use "
      .. "webhook.verify")
  elseif self.dict and not ngx.shared[self.dict] then
    usage_error.raise('%s: there is no lua_shared_dict "%s" in nginx.conf', CALL,
      self.dict)
  end
  self.secrets = rules.secrets(CALL, self)
  return self
end

local function respond(status, text, headers)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain"
  for name, value in pairs(headers or {}) do
    ngx.header[name] = value
  end
  ngx.say(text)
  return ngx.exit(ngx.HTTP_OK)
end

local function too_large(self)
  ngx.req.discard_body()
  return respond(413, ("the maximum is %d bytes"):format(self.max_body_bytes))
end

-- Returns the bytes of the body, which nginx keeps in a file if it is long; or nil
-- and true if it is too long.
local function read_body(self)
  local size = tonumber(ngx.var.http_content_length)
  if size and size > self.max_body_bytes then
    return nil, true
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if path then
    local file = assert(io.open(path, "rb"))
    body = file:read(self.max_body_bytes + 1)
    file:close()
  end
  body = body or ""
  if #body > self.max_body_bytes then
    return nil, true
  end
  return body
end

-- The events that wait ---------------------------------------------------------

local function key_of(self, event)
  local id = type(event) == "table" and event.external_id
  return self.dict and type(id) == "string" and "klaviyo:" .. id or nil
end

-- Returns the events of a document that have not begun yet.
local function new_events(self, document)
  local list = {}
  for _, event in ipairs(document.data) do
    local key = key_of(self, event)
    if not (key and self.dict:get(key)) then
      list[#list + 1] = event
    end
  end
  return list
end

-- Notes that an event begins. Returns false if it began before: an event that
-- Klaviyo repeats may be queued twice.
local function begins(self, event)
  local key = key_of(self, event)
  if not key then
    return true
  end
  local added, why = self.dict:add(key, true, self.remember)
  return added or why ~= "exists"  -- if the dict is full, it may run twice
end

local function push(self, delivery)
  local queue = self.queue
  queue.last = queue.last + 1
  queue[queue.last] = delivery
  queue.events = queue.events + #delivery.events
  queue.bytes = queue.bytes + delivery.bytes
end

local function remove(self, at)
  local queue = self.queue
  local delivery = queue[at]
  queue[at] = nil
  queue.events = queue.events - #delivery.events
  queue.bytes = queue.bytes - delivery.bytes
  return delivery
end

local function pop(self)
  local queue = self.queue
  if queue.first > queue.last then
    return nil
  end
  queue.first = queue.first + 1
  return remove(self, queue.first - 1)
end

local function has_room(self, delivery)
  local queue = self.queue
  return queue.events == 0
    or queue.events + #delivery.events <= self.max_queued
      and queue.bytes + delivery.bytes <= MAX_QUEUED_BYTES
end

local function run_events(self, delivery)
  for _, event in ipairs(delivery.events) do
    local ok, why = true, nil
    if begins(self, event) then
      ok, why = xpcall(self.on_event, function(message)
        return debug.traceback(tostring(message), 2)
      end, event, delivery.document)
    end
    if not ok then
      ngx.log(ngx.ERR, "klaviyo: on_event failed for the event ",
        type(event) == "table" and tostring(event.external_id) or "?", ": ",
        why)
    end
  end
end

local function size_of(set)
  local n = 0
  for _ in pairs(set) do
    n = n + 1
  end
  return n
end

-- Runs in a timer: takes deliveries until none waits, also while the worker
-- exits, since Klaviyo does not repeat a delivery that was answered. While more
-- wait it starts another timer, up to max_running.
local function work(_, self)
  if size_of(self.running) >= self.max_running then
    -- a timer that on_event ended by ngx.exit counts until it is collected
    collectgarbage("step", collectgarbage("count") / 10)
    self.timer:start(RETRY)
    return
  end
  local me = {}
  self.running[me] = true
  local delivery = pop(self)
  while delivery do
    if self.queue.events > 0 then
      self.timer:start(0)
    end
    run_events(self, delivery)
    delivery = pop(self)
  end
  self.running[me] = nil
end

local function log_503(self, ...)
  if ngx.now() - self.logged >= LOG_GAP then
    self.logged = ngx.now()
    ngx.log(ngx.WARN, "klaviyo: webhook deliveries are answered with 503: ", ...)
  end
end

-- Returns what became of a delivery, as klaviyo.metrics names it.
local function hand_over(self, document, bytes)
  local delivery = {
    events = new_events(self, document), document = document, bytes = bytes,
  }
  if #delivery.events == 0 then
    return #document.data > 0 and "duplicate" or "accepted"
  elseif not has_room(self, delivery) then
    log_503(self, self.queue.events, " events of ", self.queue.bytes,
      " bytes wait")
    return "failed"
  end
  push(self, delivery)
  local ok, why = self.timer:start(0)
  if not ok and next(self.running) == nil then
    remove(self, self.queue.last)
    self.queue.last = self.queue.last - 1
    log_503(self, "nginx cannot start a timer: ", why)
    return "failed"
  end
  return "accepted"
end

local function count(result)
  counters.add("klaviyo_webhook_deliveries_total", result)
  return result
end

local function receive(self)
  if ngx.req.get_method() ~= "POST" then
    ngx.req.discard_body()
    return respond(405, "POST only", {Allow = "POST"})
  end
  local body, large = read_body(self)
  if large then
    count("rejected")
    return too_large(self)
  end
  local document, err = signature.verify {
    body = body, headers = ngx.req.get_headers(0), secrets = self.secrets,
    tolerance = self.tolerance,
  }
  if not document then
    count("rejected")
    ngx.log(ngx.WARN, "klaviyo: ", err.message)
    return respond(STATUS[err.kind] or err.status, err.message)
  elseif count(hand_over(self, document, #body)) == "failed" then
    return respond(503, "try again", {["Retry-After"] = "5"})
  end
  return respond(202, "accepted")
end

--- Returns the handler of a location for system webhooks. Call this function in
--- init_by_lua, and the handler in content_by_lua. The handler answers 202, or 401
--- (not signed with the secret), 400 (too old, or not a document), 405, 413 or 503
--- (the queue is full).
---@param options klaviyo.receiver.Options
---@return fun()
function M.handler(options)
  local self = check(options)
  self.dict = self.dict and ngx.shared[self.dict]
  self.queue = {first = 1, last = 0, events = 0, bytes = 0}
  -- One table for each timer, referenced only by its stack: if ngx.exit ended
  -- the timer, the table is collected.
  self.running = setmetatable({}, {__mode = "k"})
  self.logged = -LOG_GAP
  self.timer = timers.new(work, self)
  return function()
    return receive(self)
  end
end

return M
