--- Writes the parts of the documentation that are generated from the sources:
---
---   make reference
---
--- They are docs/resources.md, docs/revisions.md, and the parts of
--- docs/reference.md between marks. Specs generate them again and compare.

local M = {}

local REVISION = require("klaviyo.settings").default_revision

local API = "https://developers.klaviyo.com/en/reference/"

local operations = require "klaviyo.operations"
local facts = require "klaviyo.openapi.facts"
local document = require "klaviyo.document.document"
local json_of = require "reference_json"
local tables = require "klaviyo.util.tables"
local manual = require "reference_manual"
local sample = require "klaviyo.openapi.sample"
local methods = require "klaviyo.operations.methods"
local revisions = require "reference_revisions"

local function underscored(name)
  return (name:gsub("%-", "_"))
end

-- Gathering ------------------------------------------------------------------

local VERBS = {
  "list", "get", "create", "update", "delete", "ids", "add", "replace", "remove",
}

local order = {}
for i, verb in ipairs(VERBS) do
  order[verb] = i
end

local function by_verb(a, b)
  local one = order[a.verb] or #VERBS + 1
  local other = order[b.verb] or #VERBS + 1
  if one ~= other then
    return one < other
  end
  return a.verb < b.verb
end

-- name → {name=, calls = {{verb=, op=, method=}, …}, relations = {name → calls}}
local function gather()
  local revision = operations.revision(REVISION)
  local resources = {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    local method = methods.of(op)
    local name = (method.public and "public." or "") .. method.resource
    local resource = resources[name] or {name = name, calls = {}, relations = {}}
    resources[name] = resource
    local calls = resource.calls
    if method.relation then
      calls = resource.relations[method.relation] or {}
      resource.relations[method.relation] = calls
    end
    calls[#calls + 1] = {verb = method.verbs[1], op = op, method = method}
  end
  local list = {}
  for i, name in ipairs(tables.sorted(resources)) do
    list[i] = resources[name]
    table.sort(list[i].calls, by_verb)
    for _, calls in pairs(list[i].relations) do
      table.sort(calls, by_verb)
    end
  end
  return list
end

local function has_document(call)
  return call.op.body ~= nil
end

-- The table of all resources -------------------------------------------------

local function names_of(members)
  local required, rest = {}, {}
  for _, name in ipairs(tables.sorted(members)) do
    local member = members[name]
    if member.required then
      required[#required + 1] = "**" .. underscored(name) .. "**"
    elseif not member.read_only then
      rest[#rest + 1] = underscored(name)
    end
  end
  for _, name in ipairs(rest) do
    required[#required + 1] = name
  end
  return table.concat(required, ", ")
end

local function members_text(op)
  if not op then
    return ""
  elseif op.body.style == "multipart" then
    return names_of(op.body.parts)
  end
  local parts, resource = {}, op.body.resource
  if resource.id == "required" and #op.path_params == 0 then
    parts[1] = "**id**"
  elseif resource.id == "optional" then
    parts[1] = "id"
  end
  parts[#parts + 1] = resource.attributes and names_of(resource.attributes)
  if resource.relationships then
    parts[#parts + 1] = "→ " .. names_of(resource.relationships)
  end
  if resource.meta then
    parts[#parts + 1] = "meta"
  end
  return table.concat(parts, ", ")
end

local function row(...)
  return "| " .. table.concat({...}, " | ") .. " |"
end

--- Returns the table at the top of docs/resources.md.
---@return string
function M.table()
  local out = {
    row("`client.`…", "verbs, `:at(id).`relations", "attributes, → relationships"),
    row("---", "---", "---"),
  }
  for _, resource in ipairs(gather()) do
    local verbs, actions, written = {}, {}, nil
    for _, call in ipairs(resource.calls) do
      if call.method.action then
        actions[#actions + 1] = call
      else
        verbs[#verbs + 1] = call.verb
        written = written or has_document(call) and call.op
      end
    end
    local relations = tables.sorted(resource.relations)
    local cell = table.concat(verbs, " ")
    if #relations > 0 then
      cell = cell .. (cell == "" and "" or "; ") .. "." ..
        table.concat(relations, " .")
    end
    if cell ~= "" then
      out[#out + 1] = row("`" .. resource.name .. "`", cell, members_text(written))
    end
    for _, call in ipairs(actions) do
      out[#out + 1] = row(("`%s:%s`"):format(resource.name, call.verb),
        call.method.member and "(id, …)" or "", members_text(call.op))
    end
  end
  return table.concat(out, "\n")
end

-- The sections of all resources ----------------------------------------------

local function quoted(value)
  return "`" .. value .. "`"
end

-- A bar would end the cell of a table.
local function cell(text)
  return (text:gsub("|", "\\|"))
end

-- Adds the rows of the members of an operation's table.
local function rows(out, op)
  for _, member in ipairs(facts.members(op, quoted)) do
    local name = quoted(member.name)
    out[#out + 1] = row(member.required and "**" .. name .. "**" or name,
      cell(member.kind))
  end
end

local function add_builder(out, call)
  local op = call.op
  local name = methods.full_name(call.method, call.verb)
  out[#out + 1] = ("### `%s`\n"):format(name)
  out[#out + 1] = ("`%s`: %s %s\n"):format(op.id, op.method, op.path)
  out[#out + 1] = row("", "")
  out[#out + 1] = row("---", "---")
  rows(out, op)
  if op.body.style == "multipart" then
    out[#out + 1] = ""
    return
  end
  local flat = sample.flat(op)
  local members, id = flat, ""
  if call.method.member then
    members = {}
    for member, value in pairs(flat) do
      members[member] = member ~= "id" and value or nil
    end
    id = ("%q, "):format(flat.id)
  end
  local text = sample.written(members, 72)
  out[#out + 1] = ("\n```lua\n%s%s\n```\n"):format(name:gsub("%(id%)",
    '("ID")'), id == "" and text:sub(1, 1) == "{" and " " .. text
    or ("(%s%s)"):format(id, text))
  out[#out + 1] = ("```json\n%s\n```\n"):format(json_of(document.build(op, flat)))
end

-- What can be asked ----------------------------------------------------------

local function filters_text(known)
  local parts = {}
  for i, filter in ipairs(known.filters) do
    parts[i] = ("`%s` (%s): %s"):format(filter.name, filter.type,
      table.concat(filter.operators, ", "))
  end
  return table.concat(parts, "<br>")
end

local function quoted_list(values)
  local list = {}
  for i, value in ipairs(values) do
    list[i] = quoted(value)
  end
  return table.concat(list, ", ")
end

-- Names after a common beginning in braces, since there are many of them:
-- `location`, `.city`, `.country`.
local function fields_text(names)
  local list, first = {}, nil
  for i, name in ipairs(names) do
    if first and name:sub(1, #first + 1) == first .. "." then
      list[i] = quoted(name:sub(#first + 1))
    else
      first = name:match("^[^.]+")
      list[i] = quoted(name)
    end
  end
  return table.concat(list, ", ")
end

-- The attributes of a type in all responses: name → true.
local attributes = setmetatable({}, {__index = function(known, kind)
  known[kind] = facts.attributes(operations.revision(REVISION), kind)
  return known[kind]
end})

-- Returns the names that a fieldset does not have, of all of its type.
local function missing_names(kind, names)
  local has, missing = tables.set(names), {}
  for _, name in ipairs(attributes[kind]) do
    if not has[name] then
      missing[#missing + 1] = name
    end
  end
  return missing
end

local function families_text(families, in_full)
  local parts = {}
  for i, family in ipairs(families) do
    local kind = family.type:gsub("_", "-")
    if in_full then
      parts[i] = ("%s: %s"):format(family.type, fields_text(family.names))
    else
      local missing = missing_names(kind, family.names)
      parts[i] = ("[%s](#attributes)%s"):format(family.type,
        missing[1] and " without " .. fields_text(missing) or "")
    end
  end
  return table.concat(parts, "<br>")
end

local function page_text(page)
  if not page then
    return ""
  end
  local size = page.max and ("size %d to %d, %d by default; "):format(page.min or 1,
    page.max, page.default) or ""
  return size .. (page.style == "body" and "`page_size` and `page_cursor` in the table"
    or page.style)
end

local function parameters_text(parameters)
  local parts = {}
  for i, one in ipairs(parameters) do
    parts[i] = ("%s: %s"):format(one.required and "**" .. quoted(one.name) .. "**"
      or quoted(one.name), one.kind)
  end
  return table.concat(parts, "<br>")
end

local function returned_text(op)
  if not op.type then
    return "an empty document"
  end
  local kind = #attributes[op.type] > 0 and ("[%s](#attributes)"):format(op.type)
    or op.type
  if op.path:find("/relationships/", 1, true) then
    kind = "identifier of type " .. op.type
  end
  return (op.many and "list of " or "") .. kind
end

local function add_asked(out, op)
  local known = facts.of(op)
  local rows_of = {
    {known.filter_required and "**filter**" or "filter", filters_text(known)},
    {known.both_directions and "sort, ±" or "sort", quoted_list(known.sorts)},
    {"include", quoted_list(known.includes)},
    {"fields", families_text(known.fields)},
    {"additional_fields", families_text(known.additional_fields, true)},
    {"page", page_text(known.page)},
    {"query", parameters_text(known.parameters)},
    {"limits", table.concat(known.limits, "<br>")},
    {"scopes", quoted_list(known.scopes)},
    {"returns", returned_text(op)},
  }
  for _, one in ipairs(rows_of) do
    if one[2] ~= "" then
      out[#out + 1] = row(one[1], one[2])
    end
  end
end

-- Each operation is one line, which opens to a table of what can be asked.
local function list_calls(out, calls)
  for _, call in ipairs(calls) do
    local verbs = {}
    for i, verb in ipairs(call.method.verbs) do
      verbs[i] = "<code>:" .. verb .. "</code>"
    end
    local relation = call.method.relation
    out[#out + 1] = ("<details><summary>%s%s — <a href=\"%s%s\">%s</a></summary>\n"):format(
      relation and "<code>:at(id)." .. relation .. "</code> " or "",
      table.concat(verbs, ", "), API, call.op.id, call.op.id)
    out[#out + 1] = row("", "")
    out[#out + 1] = row("---", "---")
    add_asked(out, call.op)
    out[#out + 1] = "\n</details>\n"
  end
end

-- Adds the attributes of all types that a response can have.
local function add_attributes(out)
  local types, revision = {}, operations.revision(REVISION)
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    for name in pairs(op.query) do
      types[name:match("^fields%[(.+)%]$") or name:match("^additional%-fields%[(.+)%]$")
        or op.type or ""] = true
    end
  end
  out[#out + 1] = "## Attributes\n"
  out[#out + 1] = "The attributes of each type of resource in responses, which are also the"
  out[#out + 1] = "names for `fields`. `.city` after `location` is `location.city`.\n"
  out[#out + 1] = row("type", "attributes")
  out[#out + 1] = row("---", "---")
  for _, kind in ipairs(tables.sorted(types)) do
    if #attributes[kind] > 0 then
      out[#out + 1] = row(quoted(kind), fields_text(attributes[kind]))
    end
  end
end

--- Returns the text of docs/resources.md.
---@return string
function M.resources()
  local out = {
    "# Resources",
    "",
    ("Here you can look up all operations of revision %s; later revisions have"):format(
      REVISION),
    "more. The table lists the verbs of each resource, and the members that it takes;",
    "names in bold are required. Below the table, each resource has its operations.",
    "Click on one to see what can be asked: filters with the types of their values and",
    "their operators, sorts (± means: also with a `-` before the name), includes,",
    "fieldsets, page sizes, limits and scopes. [Attributes](#attributes) lists those of",
    "each type in responses. `klaviyo.operations.describe` returns the same as text, for",
    "any revision.",
    "",
    "An operation that takes a document has its members, a sample, and the JSON that",
    "the sample becomes. An arrow (→) is a link to resources by their ids; `null` is",
    "`klaviyo.null`. `make reference` writes this page.",
    "",
    M.table(),
    "",
  }
  for _, resource in ipairs(gather()) do
    out[#out + 1] = ("## %s\n"):format(resource.name)
    list_calls(out, resource.calls)
    for _, name in ipairs(tables.sorted(resource.relations)) do
      list_calls(out, resource.relations[name])
    end
    out[#out + 1] = ""
    for _, call in ipairs(resource.calls) do
      if has_document(call) then
        add_builder(out, call)
      end
    end
    for _, name in ipairs(tables.sorted(resource.relations)) do
      for _, call in ipairs(resource.relations[name]) do
        if has_document(call) then
          add_builder(out, call)
        end
      end
    end
  end
  add_attributes(out)
  return table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub("\n+$", "")
    .. "\n"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes the pages.
function M.main()
  local made = {
    ["docs/reference.md"] = manual.filled(read "docs/reference.md"),
    ["docs/resources.md"] = M.resources(),
    ["docs/revisions.md"] = revisions.text(),
  }
  for path, text in pairs(made) do
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end
end

return M
