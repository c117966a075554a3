--- A location that takes system webhooks: klaviyo.webhook.handler.
---
---     init_by_lua_block {
---       receive = require("klaviyo").webhook.handler {
---         secret = …, dict = "klaviyo_webhooks", on_event = function(event) … end,
---       }
---     }
---     location = /webhooks/klaviyo { content_by_lua_block { receive() } }
---
--- Klaviyo wants its answer within 5 s, repeats what is not answered with 2xx,
--- and may repeat what was. So a delivery is verified, put into the worker's
--- queue and answered. A few timers take the events from the queue, each once.
--- When the queue is full the answer is 503, and Klaviyo repeats the delivery.

local usage_error = require "klaviyo.util.usage_error"
local options = require "klaviyo.webhook.options"
local signature = require "klaviyo.webhook.signature"
local timers = require "klaviyo.nginx.timers"

local CALL = "webhook.handler"

local M = {}

---@class klaviyo.receiver.Options
---@field secret? string  the webhook's secret_key, of 16 characters or more
---@field secrets? string[]  in its place, while one is replaced by another
---@field on_event fun(event: table, document: table)  called with every event, in a timer, where it may wait;
---  what it raises is logged: what must not be lost it writes down itself
---@field max_running? integer  how many events of a worker are in on_event at once; default 32. Each takes one of
---  nginx's lua_max_running_timers (256 unless set)
---@field max_queued? integer  how many events may wait in a worker; default 1000. Beyond it, or beyond 64 MiB of
---  bodies, the answer is 503. What waits is in memory: it outlives a reload, but not a worker that is killed
---@field dict? string  a lua_shared_dict for the ids of events that began; without one nothing is known to be repeated
---@field remember? number  seconds for which an id is known; default three days, longer than Klaviyo repeats
---@field tolerance? number  seconds that a delivery may be old; default 300
---@field max_body_bytes? integer  default 5 MiB

local KNOWN = {
  secret = true, secrets = true, on_event = true, dict = true,
  remember = true, tolerance = true, max_body_bytes = true,
  max_running = true, max_queued = true,
}

-- Klaviyo disables an endpoint after 48 hours of failure.
local REMEMBER = 3 * 86400
local MAX_BODY = 5 * 1024 * 1024

local MAX_RUNNING, MAX_QUEUED = 32, 1000
local MAX_QUEUED_BYTES = 64 * 1024 * 1024

local RETRY = 1           -- seconds until a free timer is looked for again
local COMPLAINT_GAP = 10  -- seconds between lines in the log

-- An old delivery is whole and signed, but 401 would say it was not.
local STATUS = { stale = 400 }

local function check_number(name, value, default)
  if value == nil then
    return default
  elseif type(value) ~= "number" or not (value > 0 and value < math.huge) then
    usage_error.raise("webhook.handler: %s must be a number above 0", name)
  end
  return value
end

local function check_count(name, value, default)
  value = check_number(name, value, default)
  if value % 1 ~= 0 then
    usage_error.raise("webhook.handler: %s must be a whole number", name)
  end
  return value
end

local function check(given)
  if type(given) ~= "table" then
    usage_error.raise("webhook.handler: expected a table, got %s", type(given))
  end
  for name in pairs(given) do
    if not KNOWN[name] then
      usage_error.unknown("setting of webhook.handler", name, KNOWN)
    end
  end
  if type(given.on_event) ~= "function" then
    usage_error.raise("webhook.handler: on_event must be a function")
  elseif type(ngx) ~= "table" or not ngx.shared then
    usage_error.raise("webhook.handler is for nginx's Lua module; elsewhere use "
      .. "webhook.verify")
  elseif given.dict ~= nil and not ngx.shared[given.dict] then
    usage_error.raise('webhook.handler: there is no lua_shared_dict "%s" in '
      .. "nginx.conf", tostring(given.dict))
  end
end

local function answer(status, text, headers)
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
  return answer(413, ("no more than %d bytes"):format(self.max_body_bytes))
end

-- The bytes as they came. A long body lies in a file.
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

-- The events that did not begin before.
local function unseen(self, document)
  local list = {}
  for _, event in ipairs(document.data) do
    local key = key_of(self, event)
    if not (key and self.dict:get(key)) then
      list[#list + 1] = event
    end
  end
  return list
end

-- Notes that an event begins. False if it began before: one that Klaviyo
-- repeats may wait twice.
local function begins(self, event)
  local key = key_of(self, event)
  if not key then
    return true
  end
  local added, why = self.dict:add(key, true, self.remember)
  return added or why ~= "exists"  -- better twice than never
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

local function count(set)
  local n = 0
  for _ in pairs(set) do
    n = n + 1
  end
  return n
end

-- What a timer does: it takes deliveries until none waits, also while the
-- worker exits, since Klaviyo does not repeat what was answered. While more
-- wait it has another timer started, up to max_running.
local function work(_, self)
  if count(self.running) >= self.max_running then
    -- one that on_event ended by ngx.exit counts until it is collected
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

local function complain(self, ...)
  if ngx.now() - self.complained >= COMPLAINT_GAP then
    self.complained = ngx.now()
    ngx.log(ngx.WARN, "klaviyo: webhooks are answered 503: ", ...)
  end
end

local function hand_over(self, document, bytes)
  local delivery = {
    events = unseen(self, document), document = document, bytes = bytes,
  }
  if #delivery.events == 0 then
    return true
  elseif not has_room(self, delivery) then
    complain(self, self.queue.events, " events of ", self.queue.bytes,
      " bytes wait")
    return false
  end
  push(self, delivery)
  local ok, why = self.timer:start(0)
  if not ok and next(self.running) == nil then
    remove(self, self.queue.last)
    self.queue.last = self.queue.last - 1
    complain(self, "nginx has no timer: ", why)
    return false
  end
  return true
end

local function receive(self)
  if ngx.req.get_method() ~= "POST" then
    ngx.req.discard_body()
    return answer(405, "POST only", { Allow = "POST" })
  end
  local body, large = read_body(self)
  if large then
    return too_large(self)
  end
  local document, err = signature.verify {
    body = body, headers = ngx.req.get_headers(0), secrets = self.secrets,
    tolerance = self.tolerance,
  }
  if not document then
    ngx.log(ngx.WARN, "klaviyo: ", err.message)
    return answer(STATUS[err.kind] or err.status, err.message)
  elseif not hand_over(self, document, #body) then
    return answer(503, "try again", { ["Retry-After"] = "5" })
  end
  return answer(202, "accepted")
end

--- The handler of a location for system webhooks: for init_by_lua; what it
--- returns is called in content_by_lua. It answers 202, or 401 (not signed by
--- the secret), 400 (too old, or no document), 405, 413, 503 (the queue is
--- full).
---@param given klaviyo.receiver.Options
---@return fun()
function M.handler(given)
  check(given)
  local self = {
    secrets = options.secrets(CALL, given), on_event = given.on_event,
    tolerance = options.seconds(CALL, "tolerance", given.tolerance),
    dict = given.dict and ngx.shared[given.dict],
    remember = check_number("remember", given.remember, REMEMBER),
    max_body_bytes = check_number("max_body_bytes", given.max_body_bytes,
      MAX_BODY),
    max_running = check_count("max_running", given.max_running, MAX_RUNNING),
    max_queued = check_count("max_queued", given.max_queued, MAX_QUEUED),
    queue = {first = 1, last = 0, events = 0, bytes = 0},
    -- One table for each timer, on its stack alone: if ngx.exit ended the
    -- timer, the collector takes it.
    running = setmetatable({}, {__mode = "k"}),
    complained = -COMPLAINT_GAP,
  }
  self.timer = timers.new(work, self)
  return function()
    return receive(self)
  end
end

return M
