--- Errors of the programmer: raised at the line of the caller, with the
-- nearest right name. What happens on the wire is errors.lua's.

local M = {}

-- Everything below this folder is ours; the first frame outside it is the
-- line to blame, however many of our functions lie between.
local home = debug.getinfo(1, "S").source:match("^(.*[/\\])misuse%.lua$")

local function callers_level()
  local level = 3
  while true do
    local info = debug.getinfo(level, "S")
    if not info then
      return 0
    end
    if info.what ~= "C" and info.source:sub(1, #home) ~= home then
      return level - 1
    end
    level = level + 1
  end
end

--- Raises a message at the line of the first caller outside this library.
---@param fmt string a `string.format` pattern
function M.raise(fmt, ...)
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  error(message, callers_level())
end

-- Names are compared as a reader would: case, hyphen and underscore aside.
local function folded(name)
  return (name:lower():gsub("%-", "_"))
end

local function distance(a, b, limit)
  local previous, current = {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    current[0] = i
    local best = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local d = math.min(previous[j] + 1, current[j - 1] + 1,
        previous[j - 1] + cost)
      current[j] = d
      if d < best then
        best = d
      end
    end
    if best > limit then
      return limit + 1
    end
    previous, current = current, previous
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

--- The candidate nearest to a name, if any is near.
---@param name string
---@param candidates table a list of names, or a set (names as keys)
---@return string|nil
function M.nearest(name, candidates)
  local wanted = folded(tostring(name))
  local found
  local limit = math.max(1, math.floor(#wanted / 3))
  for _, candidate in ipairs(as_list(candidates)) do
    local d = distance(wanted, folded(candidate), limit)
    if d <= limit then
      found, limit = candidate, d - 1
      if limit < 0 then
        break
      end
    end
  end
  return found
end

local MOST_NAMED = 20

--- Raises for a name that does not exist: says the nearest one, and what
-- there is.
---@param what string e.g. "operation" or `attribute of create_profile`
---@param name any
---@param candidates table a list of names, or a set (names as keys)
function M.unknown(what, name, candidates)
  local names = as_list(candidates)
  local nearest = M.nearest(name, names)
  local hint = nearest and ('did you mean "%s"? '):format(nearest) or ""
  local allowed = table.concat(names, ", ", 1, math.min(#names, MOST_NAMED))
  if #names > MOST_NAMED then
    allowed = allowed .. (", … (%d in all)"):format(#names)
  end
  if #names == 0 then
    allowed = "none"
  end
  M.raise('unknown %s "%s"; %sallowed: %s', what, tostring(name), hint, allowed)
end

return M
