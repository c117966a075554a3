--- Warns of a revision that is deprecated or retired, and of operations that
--- differ in the revision that Klaviyo serves instead.

local lazy_require = require "klaviyo.util.lazy_require"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local warning = require "klaviyo.util.warning"

local revision_diff = lazy_require "klaviyo.operations.revision_diff"

local M = {}

local warned = {}  -- by revision and operation

--- The operations of each API that were checked. A caller reads this first: most
--- calls need no more.
---@type table<klaviyo.Api, table<table, boolean>>
M.checked = {}

--- Forgets which warnings were given, for tests.
function M.forget()
  warned, M.checked = {}, {}
end

local function warn_of_age(settings)
  local date = settings.revision
  local age = revision_lifecycle.age(date)
  if age.state == "retired" then
    local served = revision_lifecycle.served(date)
    local effect = settings.fall_forward == false and "Klaviyo answers 410"
      or ("Klaviyo serves %s instead"):format(served)
    warning.say(settings, ('revision %s was retired on %s; %s (set revision = '
      .. '"%s" or later)'):format(date, age.retired, effect, served))
  elseif age.state == "deprecated" then
    warning.say(settings, ("revision %s is deprecated since %s; Klaviyo "
      .. "retires it on %s (set a later revision)"):format(date, age.deprecated,
      age.retired))
  end
end

--- Warns once per process of the revision, and once of each operation that is
--- called and differs in the revision that Klaviyo serves instead.
---@param settings klaviyo.Settings
---@param op table
---@param api klaviyo.Api
function M.check(settings, op, api)
  local date = settings.revision
  M.checked[api] = M.checked[api] or {}
  M.checked[api][op] = true
  if not warned[date] then
    warned[date] = {}
    warn_of_age(settings)
  end
  if not warned[date][op.id] then
    warned[date][op.id] = true
    local counterpart = not api:is_alike(op) and api:counterpart(op)
    local names = counterpart and revision_diff.between(op, counterpart) or ""
    if names ~= "" then
      warning.say(settings, ("%s differs in revision %s, which Klaviyo serves "
        .. "instead of %s: %s"):format(op.id, revision_lifecycle.served(date),
        date, names))
    end
  end
end

return M
