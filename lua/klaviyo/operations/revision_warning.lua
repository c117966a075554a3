--- Warns of a revision that is deprecated or retired, and of a call that uses what
--- differs in the revision that Klaviyo serves instead.

local lazy_require = require "klaviyo.util.lazy_require"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local warning = require "klaviyo.util.warning"

local revision_diff = lazy_require "klaviyo.operations.revision_diff"

local M = {}

local warned = {}  -- by revision, by operation, and by operation and name

--- The operations of each API that were checked. A caller reads this first: most
--- calls need no more.
---@type table<klaviyo.Api, table<table, boolean>>
M.checked = {}

--- Forgets which warnings were given, for tests.
function M.forget()
  warned, M.checked = {}, {}
end

-- Gives a warning once in a process, in nginx once in the first worker.
local function say_once(settings, key, message)
  if warned[key] then
    return
  end
  warned[key] = true
  local worker = type(ngx) == "table" and ngx.worker and ngx.worker.id
  if (worker and worker() or 0) == 0 then
    warning.say(settings, message)
  end
end

local function warn_of_age(settings, api)
  local date = settings.revision
  local age = revision_lifecycle.age(api.asked.since)
  if age.state == "retired" then
    local served = revision_lifecycle.served(api.asked.since)
    local effect = settings.fall_forward == false and "Klaviyo answers 410"
      or ("Klaviyo serves %s instead"):format(served)
    say_once(settings, date, ('revision %s was retired on %s; %s (set revision = '
      .. '"%s" or later)'):format(date, age.retired, effect, served))
  elseif age.state == "deprecated" then
    say_once(settings, date, ("revision %s is deprecated since %s; Klaviyo "
      .. "retires it on %s (set a later revision)"):format(date, age.deprecated,
      age.retired))
  end
end

--- Warns that a call uses what differs in the revision that Klaviyo serves: once of
--- each operation.
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@param op table
---@param what string  what that revision does not accept, or returns
function M.differs(settings, api, op, what)
  say_once(settings, api.asked.date .. " " .. op.id, ("%s (in revision %s, which "
    .. "Klaviyo serves instead of %s)"):format(what,
    revision_lifecycle.served(api.asked.since), api.asked.date))
end

--- Warns that a name is sent unchecked, because the revision is later than the
--- newest one that the library knows: once of each name of an operation.
---@param settings klaviyo.Settings
---@param api klaviyo.Api
---@param op table
---@param what string  "attribute"
---@param name string
function M.unchecked(settings, api, op, what, name)
  say_once(settings, op.id .. " " .. what .. " " .. name, ('%s: %s "%s" is not '
    .. "in revision %s as this version knows it; it is sent unchecked"):format(op.id, what, name, api.asked.known))
end

--- Warns of the revision, and of an operation whose response differs in the revision
--- that Klaviyo serves.
---@param settings klaviyo.Settings
---@param op table
---@param api klaviyo.Api
function M.check(settings, op, api)
  M.checked[api] = M.checked[api] or {}
  M.checked[api][op] = true
  warn_of_age(settings, api)
  local counterpart = api:differing(op)
  local what = counterpart and revision_diff.response(op, counterpart)
  if what then
    M.differs(settings, api, op, op.id .. ": " .. what)
  end
end

return M
