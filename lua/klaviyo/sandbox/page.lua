--- One page of a sequence: `last` and `at(place)`, places never change.
-- Cursors name the last place seen (and its sort value), so a page stays where
-- it is while resources are added or taken away before it.

local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"

local M = {}

--- Writes a cursor, opaque as the service's.
---@param direction string "next" or "prev"
---@param place integer
---@param key any sort value there
---@return string
function M.cursor(direction, place, key)
  return random_ids.base64(json.encode {
    direction, place, key == nil and json.null or key,
  })
end

--- Reads a cursor.
---@param text string
---@return table|nil cursor direction, place, key; nil when it is none of ours
function M.read_cursor(text)
  local list = json.decode(random_ids.from_base64(text) or "")
  if json.kind(list) ~= "array"
    or not (list[1] == "next" or list[1] == "prev")
    or json.kind(list[2]) ~= "integer" then
    return nil
  end
  return { direction = list[1], place = list[2],
    key = list[3] ~= json.null and list[3] or nil }
end

-- Numbers come before texts.
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

-- Whether (key, place) comes after (other_key, other_place). What has no value
-- comes last, whichever the direction; of equals, descending, the newest comes
-- first.
local function after(sort, key, place, other_key, other_place)
  if key ~= other_key then
    if key == nil or other_key == nil then
      return key == nil
    elseif sort.descending then
      return before(key, other_key)
    end
    return before(other_key, key)
  end
  if sort.descending then
    return place < other_place
  end
  return place > other_place
end

-- All places in sorted order; kept with the sequence until it changes.
local function sorted_places(sequence, sort)
  local keep = sequence.keep
  local name = (sort.descending and "-" or "") .. sort.field
  if keep and keep[name] and keep[name].version == sequence.version then
    return keep[name].places
  end
  local places, keys = {}, {}
  for place = 1, sequence.last do
    local item = sequence.at(place)
    if item then
      places[#places + 1] = place
      keys[place] = sort_key(sort.value_of(item, place))
    end
  end
  table.sort(places, function(a, b)
    return a ~= b and after(sort, keys[b], b, keys[a], a)
  end)
  if keep then
    keep[name] = { version = sequence.version, places = places }
  end
  return places
end

-- The rank of the first place behind the cursor; ranks run from 1.
local function rank_behind(places, sequence, sort, cursor)
  local low, high = 1, #places + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    local place = places[middle]
    local item = sequence.at(place)
    local key = item and sort_key(sort.value_of(item, place))
    if after(sort, key, place, cursor.key, cursor.place) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Where to begin, with which step, and how a rank becomes a place.
local function walk(sequence, sort, cursor)
  local places, last, behind, at_cursor
  if sort then
    places = sorted_places(sequence, sort)
    last = #places
    behind = cursor and rank_behind(places, sequence, sort, cursor) or 1
    at_cursor = behind > 1 and cursor and places[behind - 1] == cursor.place
  else
    last = sequence.last
    behind = cursor and cursor.place + 1 or 1
    at_cursor = true
  end
  if cursor and cursor.direction == "prev" then
    return places, behind - (at_cursor and 2 or 1), 1, -1
  end
  return places, behind, last, 1
end

--- Cuts a page.
---@param sequence table `last`, `at(place)`; `version` and `keep` to cache sorts
---@param options table size, cursor, sort = {field, descending,
-- value_of(item, place)}, test(item, place)
---@return table page items, places, next, prev (cursors or nil)
function M.cut(sequence, options)
  local sort, cursor, test = options.sort, options.cursor, options.test
  local places, from, to, step = walk(sequence, sort, cursor)
  local items, at, more = {}, {}, false
  for rank = from, to, step do
    local place = places and places[rank] or rank
    local item = sequence.at(place)
    if item and (not test or test(item, place)) then
      if #items == options.size then
        more = true
        break
      end
      items[#items + 1], at[#at + 1] = item, place
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
  local page = { items = items, places = at }
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
