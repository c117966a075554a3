--- Writes the parts of the documentation that are generated from the sources:
---
---   make reference
---
--- They are docs/resources.md, docs/revisions.md, and the parts of
--- docs/reference.md between marks. Specs generate them again and compare.

local M = {}

local REVISION = "2024-10-15"
local MAX_DEPTH = 3

local API = "https://developers.klaviyo.com/en/reference/"

local operations = require "klaviyo.operations"
local document = require "klaviyo.document.document"
local json_of = require "reference_json"
local tables = require "klaviyo.util.tables"
local manual = require "reference_manual"
local sample = require "reference_sample"
local methods = require "reference_methods"
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

local kind_of

local function union_of(member)
  local known, kinds = {}, {}
  for _, branch in ipairs(member.any_of) do
    local kind = kind_of(branch)
    if not known[kind] then
      known[kind] = true
      kinds[#kinds + 1] = kind
    end
  end
  return table.concat(kinds, " or ")
end

function kind_of(member)
  local kind
  if member.any_of then
    kind = union_of(member)
  elseif member.type == "list" then
    kind = "list of " .. kind_of(member.items)
  elseif member.type == "document" then
    local inner = member.document.type
    kind = member.many and "list of " .. inner or inner
  elseif member.type == "object" then
    kind = member.free and "table of anything" or "table"
  elseif member.values then
    local values = {}
    for i, value in ipairs(member.values) do
      values[i] = "`" .. tostring(value) .. "`"
    end
    kind = table.concat(values, ", ")
  else
    kind = member.format or member.type
  end
  return kind .. (member.nullable and ", null" or "")
end

local rows

local function rows_below(out, member, path, depth)
  if depth >= MAX_DEPTH or member.any_of then
    return
  elseif member.type == "list" then
    rows_below(out, member.items, path .. "[]", depth)
  elseif member.type == "document" then
    path = path .. (member.many and "[]" or "")
    rows(out, member.document, path .. ".", depth + 1)
  elseif member.members then
    rows(out, {attributes = member.members}, path .. ".", depth + 1)
  end
end

-- Adds the rows of a resource. The rows of a nested resource or table follow the
-- row of the member that members_text it.
function rows(out, resource, prefix, depth)
  local function add(name, required, kind)
    name = "`" .. prefix .. name .. "`"
    out[#out + 1] = row(required and "**" .. name .. "**" or name, kind)
  end
  if resource.id then
    add("id", resource.id == "required", "string")
  end
  for _, part in ipairs {"attributes", "meta"} do
    local within = part == "meta" and resource.meta and "meta." or ""
    for _, name in ipairs(tables.sorted(resource[part])) do
      local member = resource[part][name]
      if not member.read_only then
        local path = within .. underscored(name)
        add(path, member.required, kind_of(member))
        rows_below(out, member, prefix .. path, depth)
      end
    end
  end
  for _, name in ipairs(tables.sorted(resource.relationships)) do
    local one = resource.relationships[name]
    add(underscored(name), one.required, ("→ %s%s"):format(
      one.many and "list of " or "", one.type))
  end
end

local function add_builder(out, call)
  local op = call.op
  local name = methods.full_name(call.method, call.verb)
  out[#out + 1] = ("### `%s`\n"):format(name)
  out[#out + 1] = ("`%s`: %s %s\n"):format(op.id, op.method, op.path)
  out[#out + 1] = row("", "")
  out[#out + 1] = row("---", "---")
  if op.body.style == "multipart" then
    rows(out, {attributes = op.body.parts}, "", 1)
    out[#out + 1] = ""
    return
  end
  rows(out, op.body.resource, op.body.many and "[]." or "", 1)
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

local function list_calls(out, calls)
  for _, call in ipairs(calls) do
    local verbs = {}
    for i, verb in ipairs(call.method.verbs) do
      verbs[i] = "`:" .. verb .. "`"
    end
    local relation = call.method.relation
    out[#out + 1] = ("- %s%s — [`%s`](%s%s)"):format(relation and "`:at(id)."
      .. relation .. "` " or "", table.concat(verbs, ", "), call.op.id, API,
      call.op.id)
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
