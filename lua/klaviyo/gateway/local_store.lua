--- Values with an expiry, in this worker: the methods of an lua_shared_dict that
--- the gateway uses, for gateways without one.

local M = {}

---@class klaviyo.gateway.LocalStore
local LocalStore = {}
LocalStore.__index = LocalStore
LocalStore.__name = "klaviyo.gateway.LocalStore"

-- Expired values are removed when the store has doubled since it last was.
local FIRST_SWEEP = 1024

--- Returns an empty store.
---@param clock fun(): number
function M.new(clock)
  return setmetatable({clock = clock, values = {}, expiries = {}, count = 0,
    sweep_at = FIRST_SWEEP}, LocalStore)
end

local function forget(self, key)
  if self.values[key] ~= nil then
    self.values[key], self.expiries[key] = nil, nil
    self.count = self.count - 1
  end
end

local function sweep(self)
  local now = self.clock()
  for key, expiry in pairs(self.expiries) do
    if expiry <= now then
      forget(self, key)
    end
  end
  self.sweep_at = math.max(FIRST_SWEEP, 2 * self.count)
end

function LocalStore:get(key)
  local expiry = self.expiries[key]
  if expiry and expiry <= self.clock() then
    forget(self, key)
  end
  return self.values[key]
end

--- Sets a value; without `seconds`, or with 0, it does not expire.
---@param key string
---@param value any
---@param seconds number|nil
function LocalStore:set(key, value, seconds)
  if self.values[key] == nil then
    if self.count >= self.sweep_at then
      sweep(self)
    end
    self.count = self.count + 1
  end
  self.values[key] = value
  self.expiries[key] = seconds and seconds > 0 and self.clock() + seconds or nil
  return true
end

--- Sets a value unless there is one. Returns whether it was set.
function LocalStore:add(key, value, seconds)
  if self:get(key) ~= nil then
    return false, "exists"
  end
  return self:set(key, value, seconds)
end

--- Adds to a number, which begins at `init`, and returns the sum.
function LocalStore:incr(key, by, init)
  local sum = (self:get(key) or init) + by
  if self.values[key] == nil then
    self:set(key, sum)
  else
    self.values[key] = sum
  end
  return sum
end

function LocalStore:delete(key)
  forget(self, key)
end

return M
