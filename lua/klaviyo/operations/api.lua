--- The API that a client calls: the revision that the client asks for and, if
--- Klaviyo serves a later one instead, that one, too. A request that is valid in
--- one of them is valid.

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local operations = require "klaviyo.operations"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.Api
---@field asked table  the revision that the client asks for
---@field served (fun(): table)|nil  returns the revision that Klaviyo serves, if it is another one
---@field found table<string, table>  operations by the names that were looked up
local Api = {}
Api.__index = Api

local apis = {}  -- by the dates of both revisions

-- The APIs by revision, for clients that accept the revision that Klaviyo serves
-- instead. They are kept for one day, because that revision changes with the date.
local forward, day

local function new(asked, date, served)
  return setmetatable({
    asked = asked,
    found = {},
    served = served ~= date and function()
      return operations.load(served)
    end or nil,
  }, Api)
end

--- Returns the API that a client with these settings calls. Settings with the
--- same revisions share one.
---@param settings klaviyo.Settings
---@return klaviyo.Api
function M.of(settings)
  local date, today = settings.revision, revision_lifecycle.today()
  if day ~= today then
    forward, day = {}, today
  end
  local falls = settings.fall_forward ~= false
  if falls and forward[date] then
    return forward[date]
  end
  local asked = operations.load(date)
  if not asked then
    usage_error.unknown("revision", date, operations.revisions())
  end
  local served = falls and revision_lifecycle.served(date) or date
  apis[date] = apis[date] or {}
  local api = apis[date][served]
  if not api then
    api = new(asked, date, served)
    apis[date][served] = api
  end
  if falls then
    forward[date] = api
  end
  return api
end

--- Returns an operation by its id or an alias, or nil.
---@param name string
---@return table|nil
function Api:operation(name)
  return self.asked:operation(name)
    or self.served and self.served():operation(name)
end

--- Returns an operation by its id or an alias; raises an error if neither
--- revision has it.
---@param name string
---@return table
function Api:get(name)
  local op = self.found[name]
  if not op then
    op = self:operation(name)
      or usage_error.unknown("operation", name, self:all_names())
    self.found[name] = op
  end
  return op
end

--- Returns the operation with this method and path template, or nil.
---@param method string
---@param path string
---@return table|nil
function Api:find(method, path)
  return self.asked:find(method, path)
    or self.served and self.served():find(method, path)
end

--- Returns the same operation in the revision that Klaviyo serves, if that is
--- another revision.
---@param op table
---@return table|nil
function Api:counterpart(op)
  local other = self.served and self.served():operation(op.id)
  return other ~= op and other or nil
end

--- Returns true if a quick comparison shows that both revisions have the same
--- operation. False means that they may differ.
---@param op table
---@return boolean
function Api:is_alike(op)
  return not self.served or self.asked:has_alike(self.served(), op.id)
end

local function union(a, b)
  local added, list = {}, {}
  for _, names in ipairs {a, b} do
    for _, name in ipairs(names) do
      if not added[name] then
        added[name] = true
        list[#list + 1] = name
      end
    end
  end
  table.sort(list)
  return list
end

--- Returns all operation ids.
---@return string[]
function Api:names()
  return union(self.asked:names(), self.served and self.served():names() or {})
end

--- Returns all operation ids and aliases.
---@return string[]
function Api:all_names()
  return union(self.asked:all_names(),
    self.served and self.served():all_names() or {})
end

return M
