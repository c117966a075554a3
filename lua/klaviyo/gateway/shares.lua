--- What the workers of an nginx know of each other's waiting requests, for the
--- fair shares of one account's limit. It is in an lua_shared_dict, or in a
--- klaviyo.gateway.LocalStore if each worker counts for itself.
---
--- There are three kinds of values, each with a short expiry:
--- - the virtual time of the limit, which is the tag of the request served last;
--- - of each caller, the tag of its next request;
--- - of each worker with waiting requests, when it tries next to serve one, and
---   the callers that it would serve first. A worker that was killed publishes
---   nothing any more, and is ignored from then on.
---
--- Two workers may change a value at the same time; then one change is lost. That
--- changes the order of a request or two, and no limit.

local M = {}

---@class klaviyo.gateway.Shares
---@field key string  names the limit
---@field store table
---@field worker integer|nil  the number of this worker; nil: the store is its own
---@field workers integer
local Shares = {}
Shares.__index = Shares
Shares.__name = "klaviyo.gateway.Shares"

-- Seconds. The virtual time is kept longer than the tags: a caller without a tag
-- begins at the virtual time.
local KEEP_TAG, KEEP_TIME = 60, 120

-- Seconds around the time of a worker's next try, in which the others let it go
-- first: their times differ a little. And how long what it published lasts beyond
-- that time.
local EARLY, GRACE, LATE = 0.005, 0.1, 0.25

-- Callers that a worker publishes.
local MAX_PUBLISHED = 4

---@param store table
---@param key string
---@param worker integer|nil
---@param workers integer|nil
---@return klaviyo.gateway.Shares
function M.new(store, key, worker, workers)
  return setmetatable({store = store, key = key, worker = worker,
    workers = workers or 1, published = false}, Shares)
end

--- Returns the key of a value that is set while a worker has waiting requests.
---@param key string
function M.flag(key)
  return "waiting " .. key
end

local function tag_key(self, name)
  return "tag " .. name .. " " .. self.key
end

local function worker_key(self, worker)
  return "worker " .. worker .. " " .. self.key
end

function Shares:virtual_time()
  return self.store:get("time " .. self.key) or 0
end

--- Returns the tag of a caller's next request; 0 if the caller sent none lately.
function Shares:tag(name)
  return self.store:get(tag_key(self, name)) or 0
end

--- Notes that a request was served.
---@param name string  of its caller
---@param tag number
---@param next_tag number  of the caller's next request
function Shares:serve(name, tag, next_tag)
  self.store:set("time " .. self.key, math.max(self:virtual_time(), tag), KEEP_TIME)
  self.store:set(tag_key(self, name), math.max(self:tag(name), next_tag), KEEP_TAG)
end

--- Publishes which callers this worker would serve first, and when.
---@param first {name: string, tag: number}[]  in their order; none: no request waits
---@param due number
---@param now number
function Shares:publish(first, due, now)
  if not self.worker then
    return
  elseif #first == 0 then
    if self.published then
      self.published = false
      self.store:delete(worker_key(self, self.worker))
    end
    return
  end
  local words = {("%.3f"):format(due)}
  for i = 1, math.min(#first, MAX_PUBLISHED) do
    words[#words + 1] = ("%s %.14g"):format(first[i].name, first[i].tag)
  end
  self.published = true
  local seconds = math.max(due - now, 0) + LATE
  self.store:set(worker_key(self, self.worker), table.concat(words, " "), seconds)
  self.store:set(M.flag(self.key), true, seconds)
end

local function has_earlier(self, text, name, tag, now)
  local due, callers = text:match("^(%S+) (.*)$")
  due = tonumber(due)
  if not due or due > now + EARLY or due < now - GRACE then
    return false
  end
  for other, its_tag in callers:gmatch("(%S+) (%S+)") do
    if other ~= name
        and math.max(tonumber(its_tag) or 0, self:tag(other)) < tag then
      return true
    end
  end
  return false
end

--- Returns whether another worker is about to serve a caller that goes before this
--- one.
---@param name string
---@param tag number
---@param now number
---@return boolean
function Shares:is_later(name, tag, now)
  for worker = 0, self.worker and self.workers - 1 or -1 do
    local text = worker ~= self.worker and self.store:get(worker_key(self, worker))
    if text and has_earlier(self, text, name, tag, now) then
      return true
    end
  end
  return false
end

return M
