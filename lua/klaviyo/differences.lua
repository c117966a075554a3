--- What an operation has otherwise in another revision.

local M = {}

-- What may change any day, or does not touch what is sent and understood.
local IGNORED = {
  id = true, aliases = true, scopes = true, limit = true, reduced = true,
  values = true,
}

local MOST_NAMED = 5

local function union(a, b)
  local names, list = {}, {}
  for _, t in ipairs {a, b} do
    for name in pairs(t) do
      if not names[name] and not IGNORED[name] then
        names[name] = true
        list[#list + 1] = name
      end
    end
  end
  table.sort(list, function(x, y) return tostring(x) < tostring(y) end)
  return list
end

local function walk(a, b, path, found, seen)
  if type(a) ~= "table" or type(b) ~= "table" then
    if a ~= b then
      found[#found + 1] = path
    end
    return
  end
  if a == b or seen[a] then  -- shared records, and recursive ones
    return
  end
  seen[a] = true
  for _, name in ipairs(union(a, b)) do
    walk(a[name], b[name],
      path == "" and tostring(name) or path .. "." .. tostring(name),
      found, seen)
  end
end

--- Where two records of an operation differ, in words; "" where they do not.
---@param op table
---@param also table
---@return string
function M.between(op, also)
  local found = {}
  walk(op, also, "", found, {})
  if #found > MOST_NAMED then
    found[MOST_NAMED] = ("… (%d in all)"):format(#found)
  end
  return table.concat(found, ", ", 1, math.min(#found, MOST_NAMED))
end

return M
