--- The sections of a revision's data as text: one line for each name.

local tables = require "klaviyo.util.tables"

local M = {}

--- Returns the names of stable operations whose method and path an operation of a
--- beta revision has: the beta one takes their place.
---@param stable table<string, string>  lines of operations
---@param beta table<string, string>
---@return string[]
function M.replaced(stable, beta)
  local routes, names = {}, {}
  for _, text in pairs(beta) do
    routes[text:match("^%u+ %S+")] = true
  end
  for _, name in ipairs(tables.sorted(stable)) do
    if routes[stable[name]:match("^%u+ %S+")] and beta[name] == nil then
      names[#names + 1] = name
    end
  end
  return names
end

--- Returns the lines of a section, in the order of their names, and a line `name -`
--- for each name that is removed.
---@param lines table<string, string>
---@param removed string[]|nil
---@return string[]
function M.list(lines, removed)
  local out = {}
  for _, name in ipairs(tables.sorted(lines)) do
    out[#out + 1] = name .. " " .. lines[name]
  end
  for _, name in ipairs(removed or {}) do
    out[#out + 1] = name .. " -"
  end
  return out
end

return M
