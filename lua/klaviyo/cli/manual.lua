--- What can be asked of an operation, as text: the end of its --help, and
--- `klaviyo operation`.

local klaviyo = require "klaviyo"
local shell = require "klaviyo.cli.shell"
local sorted_keys = require "klaviyo.cli.sorted_keys"

local json = klaviyo.json

local M = {}

local function hyphened(name)
  return (name:gsub("_", "-"))
end

--- Returns the words of the command that calls an operation: {"lists", "profiles",
--- "add"}; those of the /client API begin with "client".
---@param op klaviyo.openapi.Route
---@return string[]
function M.words(op)
  local words = {}
  if op.public then
    words[1] = "client"
  end
  words[#words + 1] = hyphened(op.resource)
  if op.relation then
    words[#words + 1] = hyphened(op.relation)
  end
  words[#words + 1] = hyphened(op.verbs[1])
  return words
end

--- Returns the singular of a resource's name.
---@param name string
---@return string
function M.singular(name)
  return (name:gsub("ies$", "y"):gsub("sses$", "ss"):gsub("([^s])s$", "%1"))
end

--- Returns the name of an operation's path parameter, for a usage: "PROFILE".
---@param op klaviyo.openapi.Route
---@return string
function M.id_name(op)
  local segment = op.path:match("([^/]+)/{") or "id"
  local name = M.singular(segment):gsub("%-", "_"):upper()
  return (name:gsub("_BULK_.*", "") .. (segment:find("jobs$") and "_JOB" or ""))
    :gsub("_JOB_JOB$", "_JOB")
end

local RANK = {}
for i, name in ipairs {"id", "name", "email", "title", "metric", "profile",
  "profiles", "list", "lists"} do
  RANK[name] = i
end

local function sorted(t)
  return sorted_keys(t, function(a, b)
    local one, other = RANK[a] or 100, RANK[b] or 100
    if one ~= other then
      return one < other
    end
    return a < b
  end)
end

local add_words

-- Adds the words that set a value.
local function add_value(out, op, options, path, value)
  if type(value) ~= "table" then
    local member = klaviyo.operations.member(op.id, path, options)
    local types = member and member.types or {}
    local is_text = type(value) == "string"
    local takes_text = types.string or types.any or types.table or types.file
    -- a text for which = would make something else, and the reverse
    if is_text and not (takes_text and not types.list) and not types.list
        or not is_text and not (types.number or types.integer or types.boolean) then
      out[#out + 1] = path .. ":=" .. json.encode(value)
    else
      out[#out + 1] = path .. "=" .. tostring(value)
    end
  elseif #value > 0 and type(value[1]) ~= "table" then
    out[#out + 1] = path .. "=" .. table.concat(value, ",")
  elseif #value > 0 then
    for _, item in ipairs(value) do
      if next(item) == nil or #item > 0 then
        out[#out + 1] = path .. ":=" .. json.encode(value)
        return
      end
    end
    for _, item in ipairs(value) do
      add_words(out, op, options, path .. "[].", item)
    end
  elseif next(value) == nil then
    out[#out + 1] = path .. ":={}"
  else
    add_words(out, op, options, path .. ".", value)
  end
end

function add_words(out, op, options, prefix, t)
  for _, name in ipairs(sorted(t)) do
    add_value(out, op, options, prefix .. name, t[name])
  end
end

--- Returns the words that make a table: {"email=a@b.c", "location.city=Boston"}.
---@param op klaviyo.openapi.Description
---@param t table
---@return string[]
function M.assignments(op, t)
  local out = {}
  if op.body and op.body.many then
    for i, item in ipairs(t) do
      out[i] = type(item) == "table" and item.id or item
    end
    return out
  end
  add_words(out, op, {revision = op.revision}, "", t)
  return out
end

-- Ids that are words.
local IDENTIFIERS = {["mapped-metrics"] = "added_to_cart",
  ["webhook-topics"] = "event:klaviyo.sent_sms"}

local function identifier(op)
  return IDENTIFIERS[op.path:match("([^/]+)/{")] or M.id_name(op) .. "_ID"
end

-- Values of required filters and parameters, for a sample.
local FILTER_VALUES = {["messages.channel"] = "email", ["coupon.id"] = "COUPON_ID"}

local function parameter_value(parameter)
  return parameter.kind:match("^[^,]+") == "string" and (({
    company_id = "COMPANY_ID", statistics = "average_rating"})[parameter.name] or "text")
    or parameter.kind:match("^[^,]+")
end

--- Returns a sample of --where for an operation that needs a filter.
---@param op klaviyo.openapi.Description
---@return string
function M.sample_filter(op)
  local filter = op.filters[1]
  for _, one in ipairs(op.filters) do
    filter = FILTER_VALUES[one.name] and one or filter
  end
  return filter.name .. "=" .. (FILTER_VALUES[filter.name] or "VALUE")
end

--- Returns the words of a sample of an operation's command.
---@param op klaviyo.openapi.Description
---@return string[]
function M.sample(op)
  local words = M.words(op)
  if #op.path_params > 0 then
    words[#words + 1] = identifier(op)
  end
  if op.filter_required and op.filters[1] then
    words[#words + 1] = "--where"
    words[#words + 1] = M.sample_filter(op)
  end
  for _, parameter in ipairs(op.parameters) do
    if parameter.required then
      words[#words + 1] = "--" .. hyphened(parameter.name)
      words[#words + 1] = parameter_value(parameter)
    end
  end
  if op.body and op.body.style == "multipart" then
    words[#words + 1] = "file=logo.png"
    for _, part in ipairs(op.body.members) do
      if part.required and part.name ~= "file" then
        words[#words + 1] = part.name .. "=Summer"
      end
    end
  elseif op.body then
    local t = op.body.sample
    if #op.path_params > 0 and not op.body.many then
      t.id = nil  -- the id is an argument
    end
    for _, word in ipairs(M.assignments(op, t)) do
      words[#words + 1] = word
    end
  end
  return words
end

-- Sections ------------------------------------------------------------------------

local function add_wrapped(out, first, indent, text, width)
  local line, is_empty = first, true
  for word in text:gmatch("%S+") do
    if not is_empty and #line + 1 + #word > width then
      out[#out + 1] = line
      line, is_empty = indent, true
    end
    line = line .. (is_empty and "" or " ") .. word
    is_empty = false
  end
  out[#out + 1] = line
end

local MAX_NAME = 32

-- Adds rows of two columns below a title.
local function add_rows(out, title, rows, width)
  if #rows == 0 then
    return
  end
  local column = 0
  for _, row in ipairs(rows) do
    column = math.max(column, math.min(#row[1], MAX_NAME))
  end
  out[#out + 1] = (out[1] and "\n" or "") .. title .. ":"
  for _, row in ipairs(rows) do
    local indent = (" "):rep(column + 5)
    if #row[1] > column then
      out[#out + 1] = "   " .. row[1]
      add_wrapped(out, indent, indent, row[2], width)
    else
      add_wrapped(out, ("   %-" .. column .. "s  "):format(row[1]), indent, row[2],
        width)
    end
  end
end

local function filter_rows(op)
  local rows = {}
  for i, filter in ipairs(op.filters) do
    rows[i] = {filter.name, ("%s: %s"):format(filter.type,
      table.concat(filter.operators, ", "))}
  end
  return rows
end

-- Returns names without those of members: "location, location.*".
local function without_members(names)
  local list, known = {}, {}
  for _, name in ipairs(names) do
    local first = name:match("^([^.]+)%.")
    if not first then
      list[#list + 1] = name
    elseif not known[first] then
      known[first] = true
      list[#list + 1] = first .. ".*"
    end
  end
  return list
end

local function family_rows(families, is_short)
  local rows = {}
  for i, family in ipairs(families) do
    rows[i] = {family.type, table.concat(is_short and without_members(family.names)
      or family.names, ", ")}
  end
  return rows
end

local function member_rows(op)
  local rows = {}
  if not op.body or op.body.many then
    return rows
  end
  for _, member in ipairs(op.body.members) do
    local is_path_id = member.name == "id" and #op.path_params > 0
    if not is_path_id then
      rows[#rows + 1] = {member.name .. (member.required and " *" or ""), member.kind}
    end
  end
  return rows
end

local function general_rows(op)
  local rows = {}
  local function add(title, text)
    if text and text ~= "" then
      rows[#rows + 1] = {title, text}
    end
  end
  add("id", op.id)
  add("aliases", table.concat(op.aliases, ", "))
  add("request", op.method .. " " .. op.path)
  add("revision", op.revision)
  add("limits", table.concat(op.limits, "; "))
  add("scopes", table.concat(op.scopes, ", "))
  local page = op.page
  if page then
    add("pages", page.max and ("%d to %d records, %d by default"):format(
      page.min or 1, page.max, page.default) or page.style)
  end
  if op.body and op.body.many then
    add("at once", ("%d ids; longer lists are sent in parts"):format(
      op.body.max or 1000))
  end
  local answer = not op.type and "nothing"
    or (op.many and "a list of " or "") .. op.type
  add("returns", answer)
  return rows
end

--- Returns the sections about an operation.
---@param op klaviyo.openapi.Description
---@param width integer
---@param is_short boolean|nil  names of fields in fields are left out
---@return string
function M.text(op, width, is_short)
  local out = {}
  add_rows(out, "Attributes, as NAME=VALUE (*: required)", member_rows(op), width)
  add_rows(out, op.filter_required and "Filters (one is required)" or "Filters",
    filter_rows(op), width)
  add_rows(out, "Sort", #op.sorts > 0 and {{"--sort", table.concat(op.sorts, ", ")
    .. (op.both_directions and "; or with - before the name, as --sort=-NAME" or "")}}
    or {}, width)
  add_rows(out, "Include", #op.includes > 0
    and {{"--include", table.concat(op.includes, ", ")}} or {}, width)
  add_rows(out, "Fields", family_rows(op.fields, is_short), width)
  add_rows(out, "Additional fields", family_rows(op.additional_fields, is_short),
    width)
  add_rows(out, "Operation", general_rows(op), width)
  local sample = {}
  for i, word in ipairs(M.sample(op)) do
    sample[i] = shell.word(word)
  end
  out[#out + 1] = "\nExample:\n   klaviyo " .. table.concat(sample, " ")
  return table.concat(out, "\n")
end

return M
