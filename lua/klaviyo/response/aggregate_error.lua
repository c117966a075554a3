--- Several errors as one. Its fields are those of the first error; its text shows
--- all of them.

local M = {}

---@class klaviyo.AggregateError
---@field failures table  the errors, the first one first
---@field count integer  the number of errors; one of them may be nil
local AggregateError = {}
AggregateError.__name = "klaviyo.AggregateError"

-- Returns a field of the first error, if that is a table: kind, status, errors, …
function AggregateError:__index(name)
  local one = rawget(self, "failures")[1]
  if type(one) == "table" then
    return one[name]
  end
end

function AggregateError:__tostring()
  local lines = {("%d tasks failed:"):format(self.count)}
  for i = 1, self.count do
    lines[i + 1] = "  " .. tostring(self.failures[i])
  end
  return table.concat(lines, "\n")
end

function AggregateError.__concat(a, b)
  return tostring(a) .. tostring(b)
end

--- Returns an error for a list of errors.
---@param list table
---@param count integer
---@return klaviyo.AggregateError
function M.new(list, count)
  return setmetatable({failures = list, count = count}, AggregateError)
end

return M
