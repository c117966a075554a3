--- Divides a source of any length into chunks, by the number and the size of its
--- records. A record is read when there is room for it, and encoded once.
---
--- A chunk covers the positions `from` to `to` of the source: each is in
--- `positions`, with its record and its text, or in `failures`, if it can never
--- be sent.

local usage_error = require "klaviyo.util.usage_error"
local ranges = require "klaviyo.bulk.ranges"

local M = {}

---@class klaviyo.Chunk
---@field from integer
---@field to integer
---@field positions integer[]
---@field records any[]  as the source returned them
---@field texts table  the same, encoded: see bulk/packed.lua
---@field bytes integer  size of all texts, with a comma between each two
---@field failures {position: integer, record: any, errors: table[]}[]
---@field sums string[]  digest of each record from `from` to `to`, if `sum` was passed
---@field region table|nil  what is known of these positions already

---@class klaviyo.Chunker
local Chunker = {}
Chunker.__index = Chunker

local function callable(value)
  if type(value) == "function" then
    return true
  end
  local mt = type(value) == "table" and getmetatable(value)
  return type(mt) == "table" and mt.__call ~= nil
end

--- Returns a function that returns one record of a source at a time and `nil` at
--- its end; and the number of records, if it is known.
---@param source table|function  a list, or a callable value that returns the next record
---@return fun(): any
---@return integer|nil
function M.iterator(source)
  if callable(source) then
    return source
  elseif type(source) ~= "table" then
    usage_error.raise("a source must be a list, or a function that returns the "
      .. "next record, not %s", type(source) == "string" and "a string"
      or type(source))
  end
  usage_error.list("a source", source)
  local at = 0
  return function()
    at = at + 1
    return source[at]
  end, #source
end

--- Returns a chunker. The options are:
---  next          function that returns a record, `nil` at the end
---  encode        function that returns the text of a record and its position;
---                or nil and errors
---  size          function that returns the bytes of a text
---  store         function that returns an empty store for a chunk's texts
---  batch_size    maximum of the records in a chunk
---  batch_bytes   maximum of the bytes of their texts and the commas between
---  record_bytes  maximum of the bytes of one text
---  sum           function that returns the digest of a record and its position;
---                nil: no digests
---  regions       the known regions, in order of position, without overlap:
---                {from=, to=, closed=, only=}; closed regions are skipped, of
---                the others only the positions in `only` are used (a text of
---                ranges.lua; nil: all)
---  check         called with each region and the digests of its records, before
---                they are used
---@param options table
---@return klaviyo.Chunker
function M.new(options)
  return setmetatable({
    read = options.next, encode = options.encode, size = options.size,
    store = options.store, batch_size = options.batch_size,
    batch_bytes = options.batch_bytes,
    record_bytes = math.min(options.record_bytes or math.huge,
      options.batch_bytes),
    sum = options.sum or function() end,
    regions = options.regions or {}, check = options.check or function() end,
    position = 0, region = 1,
  }, Chunker)
end

local function too_large(size, limit)
  return {{
    code = "too_large", title = "Too large to be sent",
    detail = ("The record takes %d bytes; %d are allowed."):format(size,
      limit),
  }}
end

-- Returns the next record, its position and its digest; one that did not fit
-- into the last chunk comes first.
local function take(self)
  local held = self.held
  if held then
    self.held = nil
    return held
  elseif self.ended then
    return nil
  end
  local record = self.read()
  if record == nil then
    self.ended = true
    return nil
  end
  self.position = self.position + 1
  return {record = record, position = self.position,
    sum = self.sum(record, self.position)}
end

local function text_of(self, item)
  if item.text == nil and item.errors == nil then
    item.text, item.errors = self.encode(item.record, item.position)
    item.size = item.text and self.size(item.text)
    if item.text and item.size > self.record_bytes then
      item.text, item.errors = nil, too_large(item.size, self.record_bytes)
    end
  end
  return item.text
end

local function new_chunk(self, from)
  return {from = from, to = from - 1, positions = {}, records = {},
    texts = self.store(), bytes = 0, failures = {}, sums = {}}
end

local function add(chunk, item)
  local n = #chunk.positions
  if item.text then
    chunk.positions[n + 1] = item.position
    chunk.records[n + 1] = item.record
    chunk.texts:add(item.text)
    chunk.bytes = chunk.bytes + item.size + (n > 0 and 1 or 0)
  else
    chunk.failures[#chunk.failures + 1] = {
      position = item.position, record = item.record, errors = item.errors,
    }
  end
end

local function cover(chunk, item)
  chunk.to = item.position
  chunk.sums[#chunk.sums + 1] = item.sum
end

local function is_full(self, chunk)
  return #chunk.positions >= self.batch_size or #chunk.failures >= self.batch_size
end

local function fits(chunk, item, limit)
  return not item.text
    or chunk.bytes + item.size + (#chunk.positions > 0 and 1 or 0) <= limit
end

-- Returns the region of a position. Positions rise, so regions that end before
-- it are not needed again.
local function region_at(self, position)
  local region = self.regions[self.region]
  while region and region.to < position do
    self.region = self.region + 1
    region = self.regions[self.region]
  end
  return region and region.from <= position and region or nil
end

local function set_of(text)
  local set = {}
  ranges.each(text, function(position)
    set[position] = true
  end)
  return set
end

-- Returns a region that a former run began, as the chunk that it was; nil if it
-- is closed, or if the source ends within it.
local function begun_chunk(self, region, item)
  local chunk = region.closed and {sums = {}} or new_chunk(self, region.from)
  local only = region.only and set_of(region.only)
  chunk.region = region
  while item do
    if not region.closed and (not only or only[item.position]) then
      text_of(self, item)
      add(chunk, item)
    end
    cover(chunk, item)
    if item.position == region.to then
      self.check(region, chunk.sums)
      return not region.closed and chunk or nil
    end
    item = take(self)
  end
end

--- Returns the next chunk, or `nil` at the end of the source.
---@return klaviyo.Chunk|nil
function Chunker:next()
  local chunk
  while not (chunk and is_full(self, chunk)) do
    local item = take(self)
    if not item then
      break
    end
    local region = region_at(self, item.position)
    if region and chunk then
      self.held = item
      break
    elseif region then
      local begun = begun_chunk(self, region, item)
      if begun then
        return begun
      end
    else
      text_of(self, item)
      if chunk and not fits(chunk, item, self.batch_bytes) then
        self.held = item
        break
      end
      chunk = chunk or new_chunk(self, item.position)
      add(chunk, item)
      cover(chunk, item)
    end
  end
  return chunk
end

--- Returns whether the source has become shorter: whether there are regions
--- beyond its end.
function Chunker:short()
  local last = self.regions[#self.regions]
  return self.ended and last ~= nil and last.to > self.position
end

return M
