--- klaviyo revisions: the revisions of the API, and what changed between two.

local klaviyo = require "klaviyo"

local M = {}

function M.configure(parser)
  parser:description("Shows the revisions of the API, and the days on which Klaviyo "
    .. "deprecates and retires them. With two revisions: what changed from one to "
    .. "the other.")
  parser:argument("from"):argname("FROM"):args("?")
    :description("A revision, such as 2024-10-15.")
  parser:argument("to"):argname("TO"):args("?")
    :description("A later one; default: the one that the command uses.")
  parser:flag("--breaking"):description("Show only changes that can break a program.")
end

local function list(context)
  local used = context:revision()
  local writer = context:records {
    columns = {"date", "state", "deprecated", "retired", "served_as", "used"}}
  for _, one in ipairs(klaviyo.revisions()) do
    writer:add {date = one.date, state = one.state, deprecated = one.deprecated,
      retired = one.retired, served_as = one.served_as, used = one.date == used or nil}
  end
  writer:finish()
end

local function text_of(value)
  if value == nil then
    return nil
  end
  return type(value) == "table" and klaviyo.json.encode(value) or tostring(value)
end

-- Returns what a change is about, in one cell.
local function detail(change)
  if change.change == "changed" and change.property then
    return ("%s: %s -> %s"):format(change.property, text_of(change.from) or "none",
      text_of(change.to) or "none")
  elseif change.change == "changed" then
    return ("%s -> %s"):format(text_of(change.from) or "none",
      text_of(change.to) or "none")
  end
  return text_of(change.value) or text_of(change.values) or change.type
end

local function compare(context, from, to, only_breaking)
  local diff = klaviyo.operations.diff(from, to)
  local writer = context:records {
    columns = {"operation", "change", "part", "name", "detail", "breaks"}}
  local function add_all(ids, change)
    for _, id in ipairs(ids) do
      if change == "removed" or not only_breaking then
        writer:add {operation = id, change = change, part = "operation",
          breaks = change == "removed" or nil}
      end
    end
  end
  add_all(diff.removed, "removed")
  add_all(diff.added, "added")
  for _, operation in ipairs(diff.changed) do
    for _, change in ipairs(operation.changes) do
      if change.breaks or not only_breaking then
        writer:add {operation = operation.operation, change = change.change,
          part = change.part, name = change.name, detail = detail(change),
          breaks = change.breaks or nil}
      end
    end
  end
  writer:finish()
  if writer.count == 0 then
    context:note(("%s and %s have the same operations"):format(diff.from, diff.to))
  end
end

function M.run(context, arguments)
  if arguments.from then
    compare(context, arguments.from, arguments.to or context:revision(),
      arguments.breaking)
  else
    list(context)
  end
end

return M
