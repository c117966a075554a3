--- What a client may say: the revision that it asks for and, while that one
--- falls forward, the one that answers in its place. What suits either is
--- right.

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local operations = require "klaviyo.operations"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.view
---@field asked table  a revision of the catalogue
---@field served (fun(): table)|nil  another one, that answers; seldom read
---@field found table<string, table>  operations by the names they were asked by
local View = {}
View.__index = View

local views = {}  -- by the dates of both revisions

-- by revision, of those that fall forward, as of one day: every call asks
local forward, day

local function new(asked, date, served)
  return setmetatable({
    asked = asked,
    found = {},
    served = served ~= date and function()
      return operations.load(served)
    end or nil,
  }, View)
end

--- The view of a client's settings; shared by all that ask for the same.
---@param settings klaviyo.settings
---@return klaviyo.view
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
  views[date] = views[date] or {}
  local view = views[date][served]
  if not view then
    view = new(asked, date, served)
    views[date][served] = view
  end
  if falls then
    forward[date] = view
  end
  return view
end

--- An operation by id or alias.
---@return table|nil
function View:operation(name)
  return self.asked:operation(name)
    or self.served and self.served():operation(name)
end

--- The same, and raises for a name that neither revision has.
function View:must(name)
  local op = self.found[name]
  if not op then
    op = self:operation(name)
      or usage_error.unknown("operation", name, self:all_names())
    self.found[name] = op
  end
  return op
end

--- An operation by verb and path template.
---@return table|nil
function View:find(method, path)
  return self.asked:find(method, path)
    or self.served and self.served():find(method, path)
end

--- The same operation in the revision that answers, where that is another.
---@return table|nil
function View:also(op)
  local other = self.served and self.served():operation(op.id)
  return other ~= op and other or nil
end

--- Whether it is at once plain that an operation is the same in both.
---@return boolean
function View:is_alike(op)
  return not self.served or self.asked:has_alike(self.served(), op.id)
end

local function union(a, b)
  local seen, list = {}, {}
  for _, names in ipairs {a, b} do
    for _, name in ipairs(names) do
      if not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  table.sort(list)
  return list
end

--- All operation ids.
function View:names()
  return union(self.asked:names(), self.served and self.served():names() or {})
end

--- All operation ids and aliases.
function View:all_names()
  return union(self.asked:all_names(),
    self.served and self.served():all_names() or {})
end

return M
