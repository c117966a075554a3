--- for result, err, item in client:map(source, fn, {concurrency = n}): many
--- calls under way at a time, their results in the order of the source.

local misuse = require "klaviyo.misuse"
local tasks = require "klaviyo.tasks"

local M = {}

local DEFAULT_CONCURRENCY = 10

---@class klaviyo.map
---@field count integer  how many results it gave so far
local Map = {}
Map.__index = Map
Map.__name = "klaviyo.map"

local function reader_of(source)
  if type(source) ~= "table" or getmetatable(source)
      and getmetatable(source).__call then
    return source
  end
  local at = 0
  return function()
    at = at + 1
    return source[at]
  end
end

-- The window holds what was taken from the source and not yet given: no more
-- than may be under way at a time.
local function fill(self)
  while self.last - self.first + 1 < self.concurrency and not self.ended do
    local item = self.read()
    if item == nil then
      self.ended = true
    else
      self.last = self.last + 1
      self.window[self.last] = {
        item = item, task = tasks.start(self.fn, item),
      }
    end
  end
end

--- The next result; an error in `fn` is raised here. What `fn` returned in
--- place of a result comes as false, err, item: nil would end the loop.
function Map:next()
  fill(self)
  if self.first > self.last then
    return nil
  end
  local slot = self.window[self.first]
  local result, err = slot.task:wait()
  self.window[self.first] = nil
  self.first = self.first + 1
  self.count = self.count + 1
  if result == nil then
    result = false
  end
  return result, err, slot.item
end

--- Gives up on all that is under way. May be called twice.
function Map:close()
  self.ended = true
  for at = self.first, self.last do
    self.window[at].task:cancel()
    self.window[at] = nil
  end
  self.first = self.last + 1
end

Map.__call = Map.next
Map.__close = Map.close

--- Applies a function to all of a source, several at a time.
---@param source table|function  a list, or an iterator: a value a call, nil at the end
---@param fn fun(item: any): any, any  makes calls in the ordinary way
---@param options {concurrency: integer|nil}|nil
function M.new(source, fn, options)
  if type(source) ~= "function" and type(source) ~= "table" then
    misuse.raise("map takes a list or an iterator, not %s", type(source))
  elseif type(fn) ~= "function" then
    misuse.raise("map needs a function to apply, not %s", type(fn))
  end
  local concurrency = options and options.concurrency or DEFAULT_CONCURRENCY
  if type(concurrency) ~= "number" or concurrency < 1 then
    misuse.raise("concurrency must be a number of calls from 1, not %s",
      tostring(concurrency))
  end
  local self = setmetatable({
    count = 0, read = reader_of(source), fn = fn, concurrency = concurrency,
    window = {}, first = 1, last = 0, ended = false,
  }, Map)
  return self, nil, nil, self
end

return M
