--- klaviyo.operations.describe: what can be asked of an operation, as text.

local checker = require "klaviyo.util.options"
local facts = require "klaviyo.openapi.facts"
local methods = require "klaviyo.operations.methods"
local operations = require "klaviyo.operations"
local settings = require "klaviyo.settings"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

local FIELDS = {
  revision = {type = "text"},
}

-- Lines are at most this wide, if words allow.
local WIDTH = 79

-- Adds a text that continues on further lines, with an indent.
local function add_wrapped(out, first, indent, text)
  local line = first
  for word in text:gmatch("%S+") do
    if #line + 1 + #word > WIDTH and line:find("%S") then
      out[#out + 1] = line
      line = indent .. word
    else
      line = line .. (line:find("%s$") and "" or " ") .. word
    end
  end
  out[#out + 1] = line
end

local function add(out, title, text)
  if text and text ~= "" then
    add_wrapped(out, ("  %-11s "):format(title), (" "):rep(14), text)
  end
end

local function widest(list, key)
  local width = 0
  for _, item in ipairs(list) do
    width = math.max(width, #item[key])
  end
  return math.min(width, 40)
end

-- Adds a table of two columns.
local function add_rows(out, title, rows)
  if #rows == 0 then
    return
  end
  out[#out + 1] = "  " .. title
  local width = widest(rows, "name")
  for _, one in ipairs(rows) do
    local first = ("    %-" .. width .. "s  "):format(one.name)
    add_wrapped(out, first, (" "):rep(width + 6), one.text)
  end
end

local function method_of(op)
  local method = methods.of(op)
  if not method then
    return nil
  end
  local list = {methods.full_name(method, method.verbs[1])}
  for i = 2, #method.verbs do
    list[i] = ":" .. method.verbs[i]
  end
  return table.concat(list, ", ")
end

local function add_filters(out, known)
  local rows = {}
  for i, filter in ipairs(known.filters) do
    rows[i] = {name = filter.name,
      text = ("%s: %s"):format(filter.type, table.concat(filter.operators, ", "))}
  end
  add_rows(out, known.filter_required and "filter (required)" or "filter", rows)
end

local function add_families(out, title, families)
  local rows = {}
  for i, family in ipairs(families) do
    rows[i] = {name = family.type, text = table.concat(family.names, ", ")}
  end
  add_rows(out, title, rows)
end

local function page_text(page)
  local size = page.max and ("size %d to %d, %d by default; "):format(page.min or 1,
    page.max, page.default) or ""
  return page.style == "body" and size .. "page_size and page_cursor are attributes"
    or size .. page.style
end

local function add_members(out, op)
  local rows = {}
  for i, member in ipairs(facts.members(op)) do
    rows[i] = {name = member.name .. (member.required and " *" or ""),
      text = member.kind}
  end
  add_rows(out, "table (*: required)", rows)
end

local function add_returned(out, op, revision)
  if not op.type then
    add(out, "returns", "an empty document")
    return
  end
  if op.path:find("/relationships/", 1, true) then
    add(out, "returns", (op.many and "a list of identifiers" or "an identifier")
      .. " of type " .. op.type)
    return
  end
  local kind = (op.many and "a list of " or "") .. op.type
  if op.query[("fields[%s]"):format(op.type)] then
    add(out, "returns", kind .. ", with the attributes that fields can name")
    return
  end
  local attributes = facts.attributes(revision, op.type)
  add(out, "returns", kind
    .. (#attributes > 0 and ", with " .. table.concat(attributes, ", ") or ""))
end

local function text_of(op, revision)
  local known = facts.of(op)
  local out = {("%s: %s %s (%s)"):format(op.id, op.method, op.path, revision.date)}
  add(out, "method", method_of(op))
  add(out, "aliases", table.concat(op.aliases, ", "))
  add(out, "limits", table.concat(known.limits, "; "))
  add(out, "scopes", table.concat(known.scopes, ", "))
  add_filters(out, known)
  add(out, "sort", table.concat(known.sorts, ", ")
    .. (known.both_directions and "; or with - before the name" or ""))
  add(out, "include", table.concat(known.includes, ", "))
  add_families(out, "fields", known.fields)
  add_families(out, "additional_fields", known.additional_fields)
  add(out, "page", known.page and page_text(known.page))
  local rows = {}
  for i, parameter in ipairs(known.parameters) do
    rows[i] = {name = parameter.name .. (parameter.required and " *" or ""),
      text = parameter.kind}
  end
  add_rows(out, "parameters (*: required)", rows)
  add_members(out, op)
  add_returned(out, op, revision)
  return table.concat(out, "\n") .. "\n"
end

-- Returns the operations of a resource or of a method of it ("profiles",
-- "profiles:create", "lists:at(id).profiles"), in the order of their ids.
local function operations_of(revision, name)
  name = name:gsub("^client%.", "")
  local list = {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    local method = methods.of(op)
    for _, verb in ipairs(method and method.verbs or {}) do
      local full = methods.full_name(method, verb):gsub("^client%.", "")
      if full == name or full:match("^(.*):[%w_]+$") == name
          or full:match("^[%w_.]+") == name and not name:find(":", 1, true) then
        list[#list + 1] = op
        break
      end
    end
  end
  return list
end

-- Returns the text of several operations, one a line.
local function list_text(list)
  local rows = {}
  for i, op in ipairs(list) do
    rows[i] = {name = op.id, text = method_of(op)}
  end
  local out = {}
  local width = widest(rows, "name")
  for _, one in ipairs(rows) do
    add_wrapped(out, ("%-" .. width .. "s  "):format(one.name), (" "):rep(width + 2),
      one.text)
  end
  return table.concat(out, "\n") .. "\n"
end

--- Returns what can be asked of an operation, as text: filters with their operators
--- and value types, sorts, includes, fieldsets, pages, limits, scopes, the members
--- of its table, and the attributes that it returns. For a resource it returns the
--- list of its operations. Raises an error for an unknown name or revision.
---@param name string  an operation id, an alias, a method ("profiles:create") or a resource ("profiles")
---@param options {revision: string|nil}|nil
---@return string
function M.text(name, options)
  options = checker.check(FIELDS, options, "describe")
  local date = options.revision or settings.revision()
  local revision = operations.revision(date)
    or usage_error.unknown("revision", date, operations.revisions())
  local op = revision:operation(name)
  local list = op and {op} or type(name) == "string" and operations_of(revision, name)
    or {}
  if #list == 0 then
    usage_error.unknown("operation", name, revision:all_names())
  end
  return #list == 1 and text_of(list[1], revision) or list_text(list)
end

return M
