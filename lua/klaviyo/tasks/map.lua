--- for result, err, item in client:map(source, fn, {concurrency = n}): runs
--- several calls at a time, and returns their results in the order of the source.

local checker = require "klaviyo.util.options"
local usage_error = require "klaviyo.util.usage_error"
local tasks = require "klaviyo.tasks"
local warning = require "klaviyo.util.warning"

local M = {}

local FIELDS = {concurrency = {type = "integer", min = 1, default = 10}}

---@class klaviyo.Map
---@field count integer  the number of results that it has returned
local Map = {}
Map.__index = Map
Map.__name = "klaviyo.tasks.Map"

local function function_of(source)
  if type(source) ~= "table" or getmetatable(source)
      and getmetatable(source).__call then
    return source
  end
  usage_error.list("the source of map", source)
  local at = 0
  return function()
    at = at + 1
    return source[at]
  end
end

-- The window holds the items that were read from the source and whose results
-- were not returned yet: at most `concurrency`. An error of the source waits
-- until the results before it were returned.
local function fill(self)
  while self.last - self.first + 1 < self.concurrency and not self.ended do
    local ok, item = pcall(self.read)
    if self.ended then
      return  -- closed meanwhile
    elseif not ok then
      self.ended, self.failed, self.failure = true, true, item
    elseif item == nil then
      self.ended = true
    else
      self.last = self.last + 1
      self.window[self.last] = {
        item = item, task = tasks.start(self.fn, item),
      }
    end
  end
end

-- Several tasks may call `next` at a time: each waits for a slot of its own.
local function take(self)
  local slot = self.window[self.first]
  self.window[self.first] = nil
  self.first = self.first + 1
  self.waited_for[slot] = true
  return slot
end

-- An error ends the loop, so the tasks in progress are cancelled.
local function result_of(self, slot, ok, result, err)
  self.waited_for[slot] = nil
  if not ok then
    self:close()
    warning.log_raised(result)
    error(result, 0)
  end
  self.count = self.count + 1
  if result == nil then
    result = false
  end
  return result, err, slot.item
end

--- Returns the next result, and `nil` at the end. If `fn` returned nil and an
--- error, it returns false, err, item: nil would end the loop. An error that `fn`
--- or the source raises is raised here in its turn, and ends the map.
function Map:next()
  fill(self)
  if self.first <= self.last then
    local slot = take(self)
    return result_of(self, slot, pcall(slot.task.wait, slot.task, self.wait))
  elseif self.failed then
    self.failed = false
    warning.log_raised(self.failure)
    error(self.failure, 0)
  end
  return nil
end

--- Cancels the tasks in progress. May be called twice.
function Map:close()
  self.ended, self.failed = true, false
  while self.first <= self.last do
    take(self)
  end
  for slot in pairs(self.waited_for) do
    self.waited_for[slot] = nil
    slot.task:cancel()
  end
end

Map.__call = Map.next
Map.__close = Map.close

--- Returns an iterator that applies a function to the items of a source, several
--- at a time.
---@param source table|function  a list, or a function that returns the next item, and nil at the end
---@param fn fun(item: any): any, any  makes calls as code outside of tasks does
---@param options {concurrency: integer|nil}|nil
---@param wait (fun(fd: integer|nil, seconds: number))|nil  of another loop
function M.new(source, fn, options, wait)
  if type(source) ~= "function" and type(source) ~= "table" then
    usage_error.raise("map takes a list or an iterator, not %s", usage_error.kind(source))
  elseif type(fn) ~= "function" then
    usage_error.raise("map needs a function to apply, not %s", usage_error.kind(fn))
  end
  local concurrency = checker.check(FIELDS, options, "map").concurrency
  local self = setmetatable({
    count = 0, read = function_of(source), fn = fn, concurrency = concurrency,
    window = {}, first = 1, last = 0, ended = false, wait = wait,
    waited_for = {},
  }, Map)
  return self, nil, nil, self
end

return M
