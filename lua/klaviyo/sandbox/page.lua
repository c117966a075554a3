--- Selects one page of a sequence (`last` and `at(position)`). A cursor names
--- the last position of a page and its sort value. Positions never change, so
--- a page stays where it is while resources are added or removed before it.

local base64 = require "klaviyo.util.base64"
local json = require "klaviyo.sandbox.json"

local M = {}

--- Encodes a cursor. It is opaque, as the service's.
---@param direction string "next" or "prev"
---@param position integer
---@param key any the sort value at the position
---@return string
function M.cursor(direction, position, key)
  return base64.encode(json.encode {
    direction, position, key == nil and json.null or key,
  })
end

--- Decodes a cursor.
---@param text string
---@return table|nil cursor direction, position, key; nil if it is malformed
function M.read_cursor(text)
  local list = json.decode(base64.decode(text) or "")
  if json.kind(list) ~= "array"
    or not (list[1] == "next" or list[1] == "prev")
    or json.kind(list[2]) ~= "integer" then
    return nil
  end
  return {direction = list[1], position = list[2],
    key = list[3] ~= json.null and list[3] or nil}
end

-- Numbers sort before strings.
local function before(a, b)
  if type(a) ~= type(b) then
    return type(a) == "number"
  end
  return a < b
end

local function sort_key(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "boolean" then
    return value and 1 or 0
  end
  return json.to_number(value)
end

-- Returns whether (key, position) sorts after (other_key, other_position).
-- Items without a value come last in both directions; of equal items in
-- descending order, the newest comes first.
local function after(sort, key, position, other_key, other_position)
  if key ~= other_key then
    if key == nil or other_key == nil then
      return key == nil
    elseif sort.descending then
      return before(key, other_key)
    end
    return before(other_key, key)
  end
  if sort.descending then
    return position < other_position
  end
  return position > other_position
end

-- Returns the item at a position, only to be read.
local function peek(sequence, position)
  return (sequence.peek or sequence.at)(position)
end

-- Returns all positions in sorted order. The result is cached until the
-- sequence changes.
local function sorted_places(sequence, sort)
  local sort_cache = sequence.sort_cache
  local name = (sort.descending and "-" or "") .. sort.field
  if sort_cache and sort_cache[name] and sort_cache[name].version == sequence.version then
    return sort_cache[name].positions
  end
  local positions, keys = {}, {}
  for position = 1, sequence.last do
    local item = peek(sequence, position)
    if item then
      positions[#positions + 1] = position
      keys[position] = sort_key(sort.value_of(item, position))
    end
  end
  table.sort(positions, function(a, b)
    return a ~= b and after(sort, keys[b], b, keys[a], a)
  end)
  if sort_cache then
    sort_cache[name] = {version = sequence.version, positions = positions}
  end
  return positions
end

-- Returns the rank of the first position after the cursor; ranks begin at 1.
local function rank_after(positions, sequence, sort, cursor)
  local low, high = 1, #positions + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local position = positions[middle]
    local item = peek(sequence, position)
    local key = item and sort_key(sort.value_of(item, position))
    if after(sort, key, position, cursor.key, cursor.position) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Returns the sorted positions, the first rank, the last rank and the step.
local function traversal(sequence, sort, cursor)
  local positions, last, first, at_cursor
  if sort then
    positions = sorted_places(sequence, sort)
    last = #positions
    first = cursor and rank_after(positions, sequence, sort, cursor) or 1
    at_cursor = first > 1 and cursor and positions[first - 1] == cursor.position
  else
    last = sequence.last
    first = cursor and cursor.position + 1 or 1
    at_cursor = true
  end
  if cursor and cursor.direction == "prev" then
    return positions, first - (at_cursor and 2 or 1), 1, -1
  end
  return positions, first, last, 1
end

--- Returns a page.
---@param sequence table `last`, `at(position)`; `peek(position)`, if an item that is only
--- read costs less; `version` and `sort_cache` to cache sorted positions
---@param options table size, cursor, sort = {field, descending,
--- value_of(item, position)}, test(item, position)
---@return table page items, positions, next, prev (cursors or nil)
function M.slice(sequence, options)
  local sort, cursor, test = options.sort, options.cursor, options.test
  local positions, from, to, step = traversal(sequence, sort, cursor)
  local look = test and sequence.peek or sequence.at
  local items, at, more = {}, {}, false
  for rank = from, to, step do
    local position = positions and positions[rank] or rank
    local item = look(position)
    if item and (not test or test(item, position)) then
      if #items == options.size then
        more = true
        break
      end
      items[#items + 1] = look == sequence.at and item or sequence.at(position)
      at[#at + 1] = position
    end
  end
  local backwards = step < 0
  if backwards then
    local n = #items
    for i = 1, math.floor(n / 2) do
      items[i], items[n + 1 - i] = items[n + 1 - i], items[i]
      at[i], at[n + 1 - i] = at[n + 1 - i], at[i]
    end
  end
  local function cursor_at(direction, i)
    return M.cursor(direction, at[i],
      sort and sort_key(sort.value_of(items[i], at[i])))
  end
  local page = {items = items, positions = at}
  if #items > 0 then
    if backwards or more then
      page.next = cursor_at("next", #items)
    end
    if backwards and more or not backwards and cursor then
      page.prev = cursor_at("prev", 1)
    end
  end
  return page
end

return M
