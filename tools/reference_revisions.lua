--- Writes docs/revisions.md: what changed in each revision of the API.

local klaviyo_operations = require "klaviyo.openapi"
local operations = require "klaviyo.operations"

local M = {}

local function quoted(text)
  return "`" .. tostring(text):gsub("|", "\\|") .. "`"
end

-- Returns what a change is about, as a program writes it.
local function subject(change)
  local part, name = change.part, change.name
  if part == "attributes" or part == "query" then
    return quoted(name)
  elseif part == "relationships" then
    return "→ " .. quoted(name)
  elseif part == "meta" then
    return quoted(name)
  elseif part == "filter" then
    return quoted(name and "filter." .. name or "filter")
  elseif part == "fields" or part == "additional_fields" then
    return quoted(("%s[%s]"):format(part, name))
  elseif part == "path_params" then
    return "the path's parameter"
  elseif part == "limit" then
    return "limit" .. (change.with and " with " .. quoted(change.with) or "")
  elseif part == "document" or part == "response" then
    return "the " .. part
  end
  return part
end

local VERB = {added = "new", removed = "removed"}

local function shown(value)
  return value == nil and "none" or type(value) == "number" and tostring(value)
    or quoted(value)
end

local function names(list)
  local out = {}
  for i, name in ipairs(list) do
    out[i] = quoted(name)
  end
  return table.concat(out, ", ")
end

local YES = {
  required = "now required", nullable = "may be null", read_only = "now read-only",
}
local NO = {
  required = "no longer required", nullable = "must not be null",
  read_only = "no longer read-only",
}

local function property_words(change)
  local property = change.property
  if change.part == "id" then
    return "now " .. quoted(change.to)
  elseif change.part == "fields" then
    return ("%s is now an object"):format(quoted(change.value))
  elseif YES[property] then
    return change.to and YES[property] or NO[property]
  elseif property == "members" then
    return "takes only known members"
  elseif property == "values" then
    return change.to and "now has known values" or "any value"
  end
  local what = property and property ~= "type" and property .. " " or ""
  return ("%s%s → %s"):format(what, shown(change.from), shown(change.to))
end

-- Returns what happened, and the value in a list of such values.
local function words(change)
  if change.change == "changed" then
    return property_words(change)
  elseif change.property == "type" then
    return VERB[change.change] .. " form", quoted(change.value)
  elseif change.value ~= nil then
    return VERB[change.change], quoted(change.value)
  end
  local more = {}
  if change.change == "added" and change.part == "filter" then
    more[1] = names(change.values)
  elseif change.change == "added" then
    more[1] = change.type and change.type:gsub("|", " or ")
    more[#more + 1] = change.required and "required" or nil
    more[#more + 1] = change.type and change.values and #change.values > 0
      and names(change.values) or nil
  end
  return VERB[change.change] .. (#more > 0 and (" (%s)"):format(
    table.concat(more, ", ")) or "")
end

-- Puts items with the same key together, in the order of the first one:
-- {key =, list = {value, …}}.
local function grouped(items)
  local groups, by_key = {}, {}
  for _, item in ipairs(items) do
    local group = by_key[item.key]
    if not group then
      group = {key = item.key, list = {}}
      by_key[item.key], groups[#groups + 1] = group, group
    end
    group.list[#group.list + 1] = item.value
  end
  return groups
end

-- Returns the changes of one cell: those with the same subject in one item, and then
-- the subjects with the same text.
local function cell(changes)
  local values = {}
  for i, change in ipairs(changes) do
    local text, value = words(change)
    values[i] = {key = subject(change) .. "\n" .. text, value = value or ""}
  end
  local texts = {}
  for i, group in ipairs(grouped(values)) do
    local about, text = group.key:match("^(.-)\n(.*)$")
    local list = table.concat(group.list, ", ")
    texts[i] = {key = text .. (list:find("[^, ]") and ": " .. list or ""), value = about}
  end
  local items = {}
  for i, group in ipairs(grouped(texts)) do
    items[i] = ("%s: %s"):format(table.concat(group.list, ", "), group.key)
  end
  return table.concat(items, "<br>")
end

local function row(...)
  return "| " .. table.concat({...}, " | ") .. " |"
end

local function add_table(out, diff)
  out[#out + 1] = row("operations", "can break a program", "other changes")
  out[#out + 1] = row("---", "---", "---")
  if #diff.removed > 0 then
    out[#out + 1] = row(names(diff.removed), "removed", "")
  end
  local cells = {}
  for i, operation in ipairs(diff.changed) do
    local breaking, other = {}, {}
    for _, change in ipairs(operation.changes) do
      local list = change.breaks and breaking or other
      list[#list + 1] = change
    end
    cells[i] = {key = row(cell(breaking), cell(other)), value = operation.operation}
  end
  local groups = grouped(cells)
  for _, breaks in ipairs {true, false} do
    for _, group in ipairs(groups) do
      if (group.key:sub(1, 4) ~= "|  |") == breaks then
        out[#out + 1] = "| " .. names(group.list) .. " " .. group.key
      end
    end
  end
  if #diff.added > 0 then
    out[#out + 1] = row(names(diff.added), "", "new")
  end
  out[#out + 1] = ""
end

local function anchor(date)
  return ("[%s](#%s)"):format(date, date)
end

--- Returns the text of docs/revisions.md.
---@return string
function M.text()
  local dates = operations.revisions()
  local links = {}
  for i = 2, #dates do
    links[#links + 1] = anchor(dates[i])
  end
  local out = {
    "# Revisions",
    "",
    "Here you can look up what changes for your program when it moves to a later revision of the API. Each table",
    "has the changes from the revision before it. Read all tables after your revision, up to the one that you move to:",
    table.concat(links, ", ") .. ".",
    "",
    "The changes in the second column can break a program: what it uses is gone, or something is required. An",
    "arrow (→) is a link to resources by their ids. If an attribute has several forms, the one that changed is in",
    "parentheses, such as `send_strategy(static).datetime`, or for the items of a list in brackets. Of the responses",
    "the tables have the sparse `fields`.",
    "",
    "[`klaviyo.operations.diff`](reference.md#klaviyooperationsdiff) returns the same as data, for any two revisions,",
    "betas and documents of your own included. `make reference` writes this page.",
    "",
  }
  for i = 2, #dates do
    local diff = klaviyo_operations.diff(dates[i - 1], dates[i])
    out[#out + 1] = ("## %s\n"):format(dates[i])
    if operations.revision(dates[i]).is_lenient then
      out[#out + 1] = ("There is no OpenAPI document of this revision yet. The table has what is known of it: the "
        .. "operations of\n%s.pre that become stable.\n"):format(dates[i - 1])
    end
    out[#out + 1] = ("From %s: %d new operations, %d removed, %d changed.\n"):format(
      dates[i - 1], #diff.added, #diff.removed, #diff.changed)
    add_table(out, diff)
  end
  return (table.concat(out, "\n"):gsub("\n+$", "") .. "\n")
end

return M
