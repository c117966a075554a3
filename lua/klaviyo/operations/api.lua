--- The API that a client calls: the revision that the client asks for and, if
--- Klaviyo serves a later one instead, that one, too. A request that is valid in
--- one of them is valid.

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local operations = require "klaviyo.operations"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"

local revision_diff = lazy_require "klaviyo.operations.revision_diff"

local M = {}

---@class klaviyo.Api
---@field asked table  the revision that the client asks for
---@field falls boolean  whether Klaviyo may serve a later one in its place
local Api = {}
Api.__index = Api

-- By revision: of clients that fall forward, and of those that do not.
local apis = {[true] = {}, [false] = {}}

--- Returns the API that a client with these settings calls. Settings with the
--- same revisions share one.
---@param settings klaviyo.Settings
---@return klaviyo.Api
function M.of(settings)
  local date, falls = settings.revision, settings.fall_forward ~= false
  local asked = operations.revision(date)
  if not asked then
    usage_error.unknown("revision", date, operations.revisions())
  end
  local api = apis[falls][asked]
  if not api then
    api = setmetatable({asked = asked, falls = falls}, Api)
    apis[falls][asked] = api
  end
  return api
end

--- Returns the revision that Klaviyo serves today in place of this one, or nil if
--- it is this one.
---@return table|nil
function Api:served()
  local date = self.asked.known
  local served = self.falls and revision_lifecycle.served(date) or date
  return served ~= date and operations.revision(served) or nil
end

--- Returns an operation by its id or an alias, or nil.
---@param name string
---@return table|nil
function Api:operation(name)
  local op = self.asked:operation(name)
  local served = not op and self:served()
  return op or served and served:operation(name) or nil
end

--- Returns an operation by its id or an alias; raises an error if neither
--- revision has it.
---@param name string
---@return table
function Api:get(name)
  return self:operation(name)
    or usage_error.unknown("operation", name, self:all_names())
end

--- Returns the operation with this method and path template, or nil.
---@param method string
---@param path string
---@return table|nil
function Api:find(method, path)
  local op = self.asked:find(method, path)
  local served = not op and self:served()
  return op or served and served:find(method, path) or nil
end

--- Returns the same operation in the revision that Klaviyo serves, if that is
--- another revision.
---@param op table
---@return table|nil
function Api:counterpart(op)
  local served = self:served()
  local other = served and served:operation(op.id)
  return other ~= op and other or nil
end

-- Returns true if a quick comparison shows that both revisions have the same
-- operation. False means that they may differ.
local function is_alike(self, op)
  local served = self:served()
  return not served or self.asked:has_alike(served, op.id)
end

--- Returns what the API has found out today. A caller that reads
--- revision_lifecycle.daily itself does without this call, until
--- revision_lifecycle.next_day.
---@return {sizes: table<table, integer|false>, counterparts: table<table, table|false>, encoders: table}
function Api:today()
  revision_lifecycle.today()
  local daily = revision_lifecycle.daily
  daily[self] = daily[self] or {sizes = {}, counterparts = {}, encoders = {}}
  return daily[self]
end

--- Returns the same operation in the revision that Klaviyo serves, if it differs
--- there; else false.
---@param op table
---@return table|false
function Api:differing(op)
  local known = self:today().counterparts
  if known[op] == nil then
    local counterpart = not is_alike(self, op) and self:counterpart(op)
    known[op] = counterpart and revision_diff.breaks(op, counterpart)
      and counterpart or false
  end
  return known[op]
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
  local served = self:served()
  return union(self.asked:names(), served and served:names() or {})
end

--- Returns all operation ids and aliases.
---@return string[]
function Api:all_names()
  local served = self:served()
  return union(self.asked:all_names(), served and served:all_names() or {})
end

return M
