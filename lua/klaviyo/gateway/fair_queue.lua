--- The requests of this worker that wait for one limit, in the order in which they
--- are served: callers get shares by their weights (start-time fair queueing).
---
--- Each caller with waiting requests has a tag, a virtual time. The smallest one is
--- served first, and then increases by 1 / weight. A caller that begins to wait
--- starts at the virtual time, which is the tag of the request served last: so it
--- is served soon, however many requests the others have, and has no credit for the
--- time before. A request that leaves the queue without being served costs its
--- caller nothing.
---
--- A limit may consist of several sources (klaviyo.transport.rate_limits): an
--- operation that a parameter slows down has two. A source that is used up does not
--- block the requests of another one.

local M = {}

---@class klaviyo.gateway.FairQueue
local FairQueue = {}
FairQueue.__index = FairQueue
FairQueue.__name = "klaviyo.gateway.FairQueue"

-- Seconds until the next look if another worker goes first, and the longest pause
-- between two looks.
local STEP, MAX_STEP = 0.002, 0.016

---@class klaviyo.gateway.Waiter
---@field status "granted"|"rejected"|"left"|nil  nil: it waits
---@field taken number|nil  what the source's `take` returned, if it was granted
---@field seconds number|nil  when it makes sense to try again, if it was rejected
---@field data any  the caller of `join` may use it

--- Returns an empty queue.
---@param options {shares: klaviyo.gateway.Shares, clock: fun(): number, on_end: fun(waiter: klaviyo.gateway.Waiter)}
---  on_end is called when a waiting request was granted or rejected
---@return klaviyo.gateway.FairQueue
function M.new(options)
  return setmetatable({
    shares = options.shares, clock = options.clock, on_end = options.on_end,
    callers = {},  -- name → caller with waiting requests
    lines = {},    -- source → its waiting requests, by caller
    count = 0, step = STEP,
  }, FairQueue)
end

-- The waiting requests -----------------------------------------------------------

local function append(list, waiter)
  waiter.previous = list.last
  if list.last then
    list.last.next = waiter
  else
    list.first = waiter
  end
  list.last = waiter
end

local function unlink(list, waiter)
  local previous, following = waiter.previous, waiter.next
  if previous then
    previous.next = following
  else
    list.first = following
  end
  if following then
    following.previous = previous
  else
    list.last = previous
  end
  waiter.previous, waiter.next = nil, nil
end

local function remove(self, waiter, status)
  local caller, line = waiter.caller, waiter.line
  local list = line.lists[caller]
  unlink(list, waiter)
  if not list.first then
    line.lists[caller] = nil
    if next(line.lists) == nil then
      self.lines[line.source] = nil
    end
  end
  caller.count = caller.count - 1
  if caller.count == 0 then
    self.callers[caller.name] = nil
  end
  self.count = self.count - 1
  waiter.status = status
end

local function reject(self, waiter, now)
  waiter.seconds = math.max(waiter.line.blocked_until - now, 0)
  remove(self, waiter, "rejected")
  self.on_end(waiter)
end

-- Rejects the requests that cannot be served in time. The oldest one of each list
-- has the earliest deadline.
local function reject_late(self, now)
  for _, line in pairs(self.lines) do
    local latest = math.max(now, line.blocked_until)
    for _, list in pairs(line.lists) do
      while list.first and list.first.deadline < latest do
        reject(self, list.first, now)
      end
    end
  end
end

-- Removes the newest request of the caller with the most, if that has at least two
-- more than this one: a full queue is shared as well. Returns whether it did.
local function push_out(self, count, now)
  local longest
  for _, caller in pairs(self.callers) do
    if not longest or caller.count > longest.count then
      longest = caller
    end
  end
  if not longest or longest.count < count + 2 then
    return false
  end
  local newest
  for _, line in pairs(self.lines) do
    local list = line.lists[longest]
    if list and (not newest or list.last.number > newest.number) then
      newest = list.last
    end
  end
  reject(self, newest, now)
  return true
end

local function caller_of(self, name, weight)
  local caller = self.callers[name]
  if not caller then
    caller = {name = name, count = 0,
      tag = math.max(self.shares:virtual_time(), self.shares:tag(name))}
    self.callers[name] = caller
  end
  caller.weight = weight
  return caller
end

local function line_of(self, source)
  local line = self.lines[source]
  if not line then
    line = {source = source, blocked_until = 0, lists = {}}
    self.lines[source] = line
  end
  return line
end

--- Adds a request. Returns nil if too many wait already.
---@param request {name: string, weight: number, source: table, deadline: number, blocked_until: number|nil,
---  max_waiting: integer, max_waiting_per_caller: integer}  name and weight of the caller
---@return klaviyo.gateway.Waiter|nil
function FairQueue:join(request)
  local caller = self.callers[request.name]
  local count = caller and caller.count or 0
  if count >= request.max_waiting_per_caller
      or self.count >= request.max_waiting
        and not push_out(self, count, self.clock()) then
    return nil
  end
  local line = line_of(self, request.source)
  line.blocked_until = math.max(line.blocked_until, request.blocked_until or 0)
  caller = caller_of(self, request.name, request.weight)
  self.number = (self.number or 0) + 1
  local waiter = {caller = caller, line = line, deadline = request.deadline,
    number = self.number}
  line.lists[caller] = line.lists[caller] or {}
  append(line.lists[caller], waiter)
  caller.count = caller.count + 1
  self.count = self.count + 1
  return waiter
end

--- Removes a request that waits, because its client has gone.
---@param waiter klaviyo.gateway.Waiter
function FairQueue:leave(waiter)
  if waiter.status == nil then
    remove(self, waiter, "left")
  end
end

--- Returns a request that waits, or nil.
function FairQueue:any()
  local _, line = next(self.lines)
  local _, list = next(line and line.lists or {})
  return list and list.first
end

-- Service --------------------------------------------------------------------------

-- Returns the caller with the smallest tag of a source that is not blocked. Other
-- workers may have served a caller meanwhile, which increased its tag.
local function first_of(self, now)
  while true do
    local first, its_line
    for _, line in pairs(self.lines) do
      if line.blocked_until <= now then
        for caller in pairs(line.lists) do
          if not first or caller.tag < first.tag then
            first, its_line = caller, line
          end
        end
      end
    end
    local tag = first and self.shares:tag(first.name)
    if not first or tag <= first.tag then
      return first, its_line
    end
    first.tag = tag
  end
end

local function grant(self, caller, line, taken)
  local waiter = line.lists[caller].first
  local tag = caller.tag
  caller.tag = tag + 1 / caller.weight
  self.shares:serve(caller.name, tag, caller.tag)
  waiter.taken = taken
  remove(self, waiter, "granted")
  self.on_end(waiter)
end

local function next_due(self, now)
  local due = math.huge
  for _, line in pairs(self.lines) do
    due = math.min(due, math.max(line.blocked_until, now))
  end
  return due
end

-- Publishes the callers that are served first at that time.
local function publish(self, due, now)
  local first, added = {}, {}
  for _, line in pairs(self.lines) do
    for caller in pairs(line.blocked_until <= due and line.lists or {}) do
      if not added[caller] then
        added[caller] = true
        first[#first + 1] = caller
      end
    end
  end
  table.sort(first, function(a, b) return a.tag < b.tag end)
  self.shares:publish(first, due, now)
end

--- Serves the requests whose source has capacity, and rejects those that would wait
--- too long. Returns the time of the next call; nil if no request waits.
---@return number|nil
function FairQueue:dispatch()
  local now = self.clock()
  local steps_back = false
  reject_late(self, now)
  while self.count > 0 and not steps_back do
    local caller, line = first_of(self, now)
    if not caller then
      break
    end
    steps_back = self.shares:is_later(caller.name, caller.tag, now)
    if not steps_back then
      self.step = STEP
      local taken, seconds = line.source:take()
      if taken then
        grant(self, caller, line, taken)
      else
        line.blocked_until = now + seconds
        reject_late(self, now)
      end
    end
  end
  local due = next_due(self, now)
  publish(self, due, now)
  if steps_back then
    due = now + self.step
    self.step = math.min(2 * self.step, MAX_STEP)
  end
  return self.count > 0 and due or nil
end

return M
