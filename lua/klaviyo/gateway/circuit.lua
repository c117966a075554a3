--- A circuit breaker for each connection: if the service fails several times in a
--- row, requests get a 503 at once instead of waiting for it. After a pause one
--- request, the probe, is sent. If it succeeds, the circuit closes; if not, the next
--- pause is longer.
---
--- The state is in a store that all workers share (an lua_shared_dict), or in one of
--- this worker. The worker that sends a probe renews its lease while it waits for the
--- response: if the worker is killed, the lease ends, and another probe may be sent.

local M = {}

---@class klaviyo.gateway.Circuit
local Circuit = {}
Circuit.__index = Circuit
Circuit.__name = "klaviyo.gateway.Circuit"

--- Seconds after which a lease ends that is not renewed, and between two renewals.
M.LEASE, M.RENEWAL = 3, 1

--- The first characters of the key of an open circuit, in the store.
M.OPEN = "open "

-- The part of a pause that is random: gateways on several hosts do not send their
-- probes at the same time.
local JITTER = 0.25

--- Returns the circuit of a connection.
---@param options {store: table, key: string, name: string, failures: integer, pause: number, max_pause: number,
---  clock: (fun(): number), random: (fun(): number)|nil, on_change: fun(name: string, is_open: boolean,
---  failures: integer)}
---@return klaviyo.gateway.Circuit
function M.new(options)
  local key = options.key
  return setmetatable({
    store = options.store, name = options.name, failures = options.failures,
    pause = options.pause, max_pause = options.max_pause, clock = options.clock,
    random = options.random or math.random, on_change = options.on_change,
    count_key = "failures " .. key, open_key = M.OPEN .. key,
    pauses_key = "pauses " .. key, probe_key = "probe " .. key,
    probes = 0,
  }, Circuit)
end

--- Returns nil if a request may be sent, or else the seconds until the next probe.
---@return number|nil
function Circuit:seconds()
  local open_until = self.store:get(self.open_key)
  if not open_until then
    return nil
  end
  local seconds = open_until - self.clock()
  if seconds > 0 then
    return seconds
  end
  return self.store:get(self.probe_key) and M.RENEWAL or nil
end

--- Begins a request. Returns nil if it must not be sent, and the seconds until the
--- next probe; or true, and the probe if it is one.
---@param owner string  identifies this worker
---@return true|nil
---@return string|number|nil
function Circuit:begin(owner)
  if not self.store:get(self.open_key) then
    return true
  end
  local seconds = self:seconds()
  if seconds then
    return nil, seconds
  end
  self.probes = self.probes + 1
  local probe = ("%s %d"):format(owner, self.probes)
  if not self.store:add(self.probe_key, probe, M.LEASE) then
    return nil, M.RENEWAL
  elseif not self.store:get(self.open_key) then
    self.store:delete(self.probe_key)  -- it was closed meanwhile
    return true
  end
  return true, probe
end

--- Renews the lease of a probe. Returns false if it has ended.
---@param probe string
---@return boolean
function Circuit:renew(probe)
  if self.store:get(self.probe_key) ~= probe then
    return false
  end
  self.store:set(self.probe_key, probe, M.LEASE)
  return true
end

local function open(self, pauses)
  local seconds = math.min(self.pause * 2 ^ pauses, self.max_pause)
  seconds = seconds * (1 - JITTER * self.random())
  return self.clock() + seconds
end

local function finish_probe(self, failed)
  local store = self.store
  if failed then
    local pauses = (store:get(self.pauses_key) or 0) + 1
    store:set(self.pauses_key, pauses)
    store:set(self.open_key, open(self, pauses))
  elseif failed == false then
    store:delete(self.count_key)
    store:delete(self.pauses_key)
    store:delete(self.open_key)
    self.on_change(self.name, false, 0)
  end
  store:delete(self.probe_key)
end

--- Notes how a request ended.
---@param probe string|nil  as `begin` returned it
---@param failed boolean|nil  true: the service failed; false: it works; nil: unknown
function Circuit:finish(probe, failed)
  local store = self.store
  if probe then
    if store:get(self.probe_key) == probe then
      finish_probe(self, failed)
    end
  elseif failed == false then
    if store:get(self.count_key) then
      store:delete(self.count_key)
    end
  elseif failed and not store:get(self.open_key) then
    local count = store:incr(self.count_key, 1, 0)
    -- one worker opens it
    if count and count >= self.failures
        and store:add(self.open_key, open(self, 0)) then
      self.on_change(self.name, true, count)
    end
  end
end

--- Removes what is known of the connection.
function Circuit:forget()
  for _, key in ipairs {"count_key", "open_key", "pauses_key", "probe_key"} do
    self.store:delete(self[key])
  end
end

--- Returns whether the circuit is open.
---@return boolean
function Circuit:is_open()
  return self.store:get(self.open_key) ~= nil
end

return M
