--- Errors of the programmer: raised at the line of the caller, with the
-- nearest right name. What happens on the wire is errors.lua's.

local userinfo = require "klaviyo.util.userinfo"

local M = {}

-- Everything below this folder is ours; the first frame outside it is the
-- line to blame, however many of our functions lie between.
local home = debug.getinfo(1, "S").source:match("^(.*[/\\])util[/\\]usage_error%.lua$")

local function is_outside(info)
  return info.what ~= "C" and info.source:sub(1, #home) ~= home
end

local function callers_level()
  local level = 3
  while true do
    local info = debug.getinfo(level, "S")
    if not info then
      return 0
    end
    if is_outside(info) then
      return level - 1
    end
    level = level + 1
  end
end

-- A function that ends in `return client.…` has no frame any more when that
-- raises. Of one that is all of a coroutine it is known where it stands; that
-- is kept by function, as the same one may be that of many tasks.
local WEAK = {__mode = "k"}
local places, begun = setmetatable({}, WEAK), setmetatable({}, WEAK)

--- A coroutine begins to run a function of the user's.
---@param thread thread
---@param fn function
function M.begins(thread, fn)
  local place = places[fn]
  if not place then
    place = debug.getinfo(fn, "S")
    places[fn] = place
  end
  begun[thread] = place
end

--- Raises a message at the line of the first caller outside this library.
---@param fmt string a `string.format` pattern
function M.raise(fmt, ...)
  local message = userinfo.redacted(select("#", ...) > 0 and fmt:format(...)
    or fmt)
  local level = callers_level()
  local place = level == 0 and begun[coroutine.running() or false]
  if place and is_outside(place) then
    message = ("%s:%d: %s"):format(place.short_src, place.linedefined, message)
  end
  error(message, level)
end

-- JSON's null is a pointer to nothing; LuaJIT has one of its own, a cdata.
local function is_null(value)
  return (type(value) == "userdata" or type(value) == "cdata")
    and package.loaded.cjson ~= nil and value == package.loaded.cjson.null
end

--- What a value is, in words: `a string`, `nil`, `klaviyo.null`. Never the
--- value, which may be a secret.
---@param value any
---@return string
function M.kind(value)
  if value == nil and type(value) == "nil" then
    return "nil"
  elseif is_null(value) then
    return "klaviyo.null"
  elseif value == "" then
    return "an empty string"
  end
  return "a " .. type(value)
end

local MAX_SHOWN = 60

--- A value as a message shows it: numbers and booleans as they are, text in
--- quotes and cut, of all others what they are.
---@param value any
---@return string
function M.shown(value)
  if type(value) == "string" and #value > MAX_SHOWN then
    value = value:sub(1, MAX_SHOWN):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  if type(value) == "string" then
    return '"' .. value:gsub("[%c]", "?") .. '"'
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return M.kind(value)
end

--- Raises unless a value is a whole number, such as a count.
---@param what string  what it is, for the message
---@param value any
---@param least integer  the smallest that is right
---@return integer  the value
function M.whole(what, value, least)
  if type(value) == "number" and value >= least and value % 1 == 0
      and value < math.huge then
    return value
  end
  M.raise("%s must be a whole number from %d on, not %s", what, least,
    M.shown(value))
end

-- Names are compared as a reader would: case, hyphen and underscore aside.
local function folded(name)
  return (name:lower():gsub("%-", "_"))
end

-- How many slips of a finger lie between two names: a letter more, less,
-- other, or two swapped.
local function distance(a, b)
  local before, previous, current = {}, {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    current[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      current[j] = math.min(previous[j] + 1, current[j - 1] + 1,
        previous[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
          and a:byte(i - 1) == b:byte(j) then
        current[j] = math.min(current[j], before[j - 2] + 1)
      end
    end
    before, previous, current = previous, current, before
  end
  return previous[#b]
end

local function as_list(candidates)
  local list = {}
  if #candidates > 0 then
    for i, name in ipairs(candidates) do
      list[i] = name
    end
  else
    for name in pairs(candidates) do
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

-- The candidates, nearest first, and how far the nearest is.
local function by_distance(name, candidates)
  local wanted = folded(tostring(name))
  local distances = {}
  local list = as_list(candidates)
  for _, candidate in ipairs(list) do
    distances[candidate] = distance(wanted, folded(candidate))
  end
  table.sort(list, function(a, b)
    if distances[a] ~= distances[b] then
      return distances[a] < distances[b]
    end
    return a < b
  end)
  return list, distances[list[1]], math.max(1, math.floor(#wanted / 3))
end

--- The candidate nearest to a name, if any is near.
---@param name string
---@param candidates table a list of names, or a set (names as keys)
---@return string|nil
function M.nearest(name, candidates)
  local list, d, near = by_distance(name, candidates)
  return d and d <= near and list[1] or nil
end

local MAX_NAMED = 40
local NEAREST_NAMED = 5

-- All that is allowed; of very many only those that come near.
local function allowed(name, candidates)
  local names = as_list(candidates)
  if #names == 0 then
    return "none"
  elseif #names <= MAX_NAMED then
    return table.concat(names, ", ")
  end
  return ("%s, … (%d in all)"):format(
    table.concat(by_distance(name, names), ", ", 1, NEAREST_NAMED), #names)
end

--- Raises for a table that is read as a list, and begins nowhere: it would
--- pass for an empty one.
---@param what string
---@param t table
function M.list(what, t)
  local name = next(t)
  if t[1] == nil and name ~= nil then
    M.raise("%s is a list: this one has nothing at [1], but at %s", what,
      type(name) == "string" and ("%q"):format(name)
      or "[" .. tostring(name) .. "]")
  end
end

--- Raises for a name that does not exist: says the nearest one, and what
-- there is.
---@param what string e.g. "operation" or `attribute of create_profile`
---@param name any
---@param candidates table a list of names, or a set (names as keys)
---@param hint string|nil  what else may be meant, where no name is near
function M.unknown(what, name, candidates, hint)
  local nearest = M.nearest(name, candidates)
  M.raise('unknown %s "%s"; %s%sallowed: %s', what,
    type(name) == "string" and name or M.shown(name),
    nearest and ('did you mean "%s"? '):format(nearest) or "",
    not nearest and hint and hint .. "; " or "",
    allowed(name, candidates))
end

return M
