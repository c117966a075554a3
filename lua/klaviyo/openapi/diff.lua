--- klaviyo.operations.diff: what changed from one revision to another.

local checker = require "klaviyo.util.options"
local operations = require "klaviyo.operations"
local revision_diff = require "klaviyo.operations.revision_diff"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local FIELDS = {
  operations = {type = "list", items = {type = "text"}},
}

-- Returns a revision that the library knows, or the one that Klaviyo uses for a date
-- between two of them. Of a later date nothing is known.
local function known_revision(date)
  local revision = operations.revision(date)
  if revision and (revision.known == date
      or date > revision.known and not revision.is_lenient) then
    return revision
  end
  local names = operations.revisions()
  for _, name in ipairs(operations.betas()) do
    names[#names + 1] = name
  end
  usage_error.unknown("revision", date, names)
end

local function exact(revision, id)
  local op = revision:operation(id)
  return op and op.id == id and op or nil
end

-- Returns the operation of revision `b` that takes the place of one of revision `a`:
-- it has its id, or its method and path, or its id as an alias.
local function counterpart(a, b, op)
  local other = exact(b, op.id) or b:find(op.method, op.path)
  if not other then
    other = b:operation(op.id)
    other = other and not exact(a, other.id) and other or nil
  end
  return other
end

-- Returns the operation of revision `a` whose place one of revision `b` takes.
local function predecessor(a, b, op)
  for _, name in ipairs {op.id, (table.unpack or unpack)(op.aliases)} do
    local other = a:operation(name)
    if other and counterpart(a, b, other) == op then
      return other
    end
  end
  return a:find(op.method, op.path)
end

-- Returns the ids of the operations with these names in each revision.
local function ids_of(a, b, names)
  local before, now = {}, {}
  for _, name in ipairs(names) do
    local op, other = a:operation(name), b:operation(name)
    if not op and not other then
      local all = tables.set(a:all_names())
      for _, known in ipairs(b:all_names()) do
        all[known] = true
      end
      usage_error.unknown("operation", name, all)
    end
    op = op or predecessor(a, b, other)
    other = other or counterpart(a, b, op)
    if op then
      before[op.id] = true
    end
    if other then
      now[other.id] = true
    end
  end
  return tables.sorted(before), tables.sorted(now)
end

---@class klaviyo.RevisionDiff
---@field from string  the earlier revision
---@field to string
---@field added string[]  the ids of the operations that only the later revision has
---@field removed string[]  the ids of those that only the earlier one has
---@field changed klaviyo.OperationDiff[]

---@class klaviyo.OperationDiff
---@field operation string  its id in the earlier revision
---@field changes klaviyo.Change[]

--- Returns what changed from one revision to another. All lists are sorted.
---@param from string
---@param to string
---@param options {operations: string[]|nil}|nil  the operations to compare: ids or
--- aliases; default all
---@return klaviyo.RevisionDiff
function M.between(from, to, options)
  options = checker.check(FIELDS, options, "klaviyo.operations.diff")
  local a, b = known_revision(from), known_revision(to)
  local before, now = a:names(), b:names()
  if options.operations then
    before, now = ids_of(a, b, options.operations)
  end
  local diff = {from = a.known, to = b.known, added = {}, removed = {}, changed = {}}
  local matched = {}
  for _, id in ipairs(before) do
    local op = a:operation(id)
    local other = counterpart(a, b, op)
    if other then
      matched[other.id] = true
      local changes = a:has_alike(b, id) and {} or revision_diff.changes(op, other)
      if #changes > 0 then
        diff.changed[#diff.changed + 1] = {operation = id, changes = changes}
      end
    else
      diff.removed[#diff.removed + 1] = id
    end
  end
  for _, id in ipairs(now) do
    if not matched[id] then
      diff.added[#diff.added + 1] = id
    end
  end
  return diff
end

return M
