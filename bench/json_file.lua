--- Reads and writes the figures as JSON: what fits in a line is in one, so that a
--- diff shows which figure changed.

local cjson = require "cjson"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local MAX_COLUMNS = 96  -- after the name of a member

-- Members that come first, in this order; the others are sorted.
local FIRST = {date = 1, system = 2, load = 3, versions = 4, name = 5, median = 6}

local function sorted_names(object)
  local names = {}
  for name in pairs(object) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    local x, y = FIRST[a] or 99, FIRST[b] or 99
    if x ~= y then
      return x < y
    end
    return a < b
  end)
  return names
end

local function join(open, items, close, indent)
  local line = open .. table.concat(items, ", ") .. close
  if #line + #indent <= MAX_COLUMNS and not line:find("\n", 1, true) then
    return line
  end
  local inner = indent .. "  "
  return open .. "\n" .. inner .. table.concat(items, ",\n" .. inner) .. "\n" .. indent .. close
end

local function written(value, indent)
  if type(value) ~= "table" then
    return type(value) == "number" and ("%.10g"):format(value) or cjson.encode(value)
  end
  local items = {}
  if value[1] ~= nil then
    for i, item in ipairs(value) do
      items[i] = written(item, indent .. "  ")
    end
    return join("[", items, "]", indent)
  end
  for i, name in ipairs(sorted_names(value)) do
    items[i] = cjson.encode(name) .. ": " .. written(value[name], indent .. "  ")
  end
  return join("{", items, "}", indent)
end

--- Returns the JSON text of a value.
---@param value any
---@return string
function M.text(value)
  return written(value, "") .. "\n"
end

--- Returns the figures of a file. Raises if it cannot be read.
---@param path string
---@return table
function M.read(path)
  local text = shell.read(path)
  assert(text, "BASE: cannot read " .. path)
  local plain = cjson.decode(text)
  assert(type(plain) == "table" and plain.workloads, "BASE: not a file of figures: " .. path)
  return plain
end

return M
