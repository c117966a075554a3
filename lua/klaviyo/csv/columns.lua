--- Maps the columns of a CSV file to the attributes of an operation, and converts
--- the text of their fields.

local json = require "klaviyo.values.json"
local schema = require "klaviyo.operations.schema"

local M = {}

-- The identifiers of a profile; a row needs one of them.
local IDENTIFIERS = {"id", "email", "phone_number", "external_id",
  "anonymous_id", "_kx"}

-- Header names are compared without regard to case, blanks, "_", "-" and ".".
local function folded(name)
  return (name:lower():gsub("[%s_%-%.]", ""))
end

-- Attributes -------------------------------------------------------------------

local function add(targets, path, kind)
  local key = folded(table.concat(path, "."))
  if not targets[key] then
    targets[key] = {path = path, kind = kind}
  end
end

local function below(path, name)
  local longer = {}
  for i, part in ipairs(path) do
    longer[i] = part
  end
  longer[#longer + 1] = name
  return longer
end

local function add_all(targets, path, members)
  for name, reference in pairs(members or {}) do
    local member = schema.target(reference)
    local own = below(path, (name:gsub("%-", "_")))
    if member.type == "document" then
      local resource = not member.many and schema.target(member.document)
      add_all(targets, own, resource and resource.attributes)
    elseif member.members then
      add_all(targets, own, member.members)
    elseif member.type ~= "any" or member.any_of then
      add(targets, own, member.type == "any" and "string" or member.type)
    end
  end
end

--- Returns the resource that one row of an operation becomes. The operation of a
--- bulk job takes a list of them.
---@param op table
---@return table
function M.resource_of(op)
  local resource = schema.target(op.body.resource)
  for _, reference in pairs(resource.attributes or {}) do
    local member = schema.target(reference)
    if member.type == "document" and member.many
        and resource.type:find("%-bulk%-") then
      return schema.target(member.document)
    end
  end
  return resource
end

-- Returns the attributes and relationships of an operation by their folded
-- names, and its resource.
local function targets_of(op)
  local targets = {}
  local resource = M.resource_of(op)
  if resource.id then
    add(targets, {"id"}, "string")
  end
  -- shorter paths first: an attribute of the resource itself has priority
  local deeper = {}
  add_all(deeper, {}, resource.attributes)
  local list = {}
  for _, target in pairs(deeper) do
    list[#list + 1] = target
  end
  table.sort(list, function(a, b)
    return #a.path < #b.path or #a.path == #b.path
      and table.concat(a.path, ".") < table.concat(b.path, ".")
  end)
  for _, target in ipairs(list) do
    add(targets, target.path, target.kind)
  end
  for name, reference in pairs(resource.relationships or {}) do
    add(targets, {(name:gsub("%-", "_"))},
      schema.target(reference).many and "list" or "string")
  end
  return targets, resource
end

-- Values ------------------------------------------------------------------------

local TRUE = {["true"] = true, yes = true, ["1"] = true}
local FALSE = {["false"] = true, no = true, ["0"] = true}

local function number_of(text, decimal)
  if decimal ~= "." then
    if text:find(".", 1, true) then
      return nil
    end
    text = text:gsub("%" .. decimal, ".")
  end
  if not text:find("^[+-]?%d+%.?%d*$")
      and not text:find("^[+-]?%d+%.?%d*[eE][+-]?%d+$") then
    return nil
  end
  local sign, digits = text:match("^([+-]?)0*(%d+)$")
  if digits and #digits > 15 then
    -- an integer that a number cannot hold exactly is invalid: none is rounded
    local whole = sign:gsub("%+", "") .. digits
    local value = json.decode(whole)
    return json.encode(value) == whole and value or nil
  end
  return tonumber((text:gsub("^%+", "")))
end

local CONVERT = {
  string = function(text)
    return text
  end,
  number = number_of,
  integer = function(text, decimal)
    local value = number_of(text, decimal)
    return value and value % 1 == 0 and value or nil
  end,
  boolean = function(text)
    local lower = text:lower()
    if TRUE[lower] then
      return true
    elseif FALSE[lower] then
      return false
    end
  end,
}

local function from_json(want_list)
  return function(text)
    local value = json.decode(text)
    if type(value) == "table" and (text:find("^%s*%[") ~= nil) == want_list then
      return value
    end
  end
end

CONVERT.object, CONVERT.list = from_json(false), from_json(true)

local KINDS = {
  string = "a string", number = "a number", integer = "a whole number",
  boolean = "true or false", object = "an object of JSON",
  list = "a list of JSON",
}

--- The types that a column can have.
M.KINDS = KINDS

-- Columns -----------------------------------------------------------------------

local function has_identifier(targets, columns)
  local lacking = {}
  for _, owner in ipairs {"", "profile"} do
    for _, name in ipairs(IDENTIFIERS) do
      local target = targets[folded(owner .. name)]
      if target then
        lacking[#lacking + 1] = table.concat(target.path, ".")
        for _, column in ipairs(columns) do
          if column.target == target then
            return true
          end
        end
      end
    end
    if #lacking > 0 then
      break
    end
  end
  return #lacking == 0, lacking
end

local function property_name(name)
  return (name:gsub("^[Pp]roperties%.", ""))
end

local function own_columns(names, targets)
  local own = {}
  for header, name in pairs(names or {}) do
    own[folded(header)] = name and (targets[folded(name)]
      or {path = {}, name = property_name(name)}) or false
  end
  return own
end

local function column_of(options, targets, own, types, name)
  local key = folded(name)
  local column = {name = name, kind = types[key]}
  local target = own[key]
  if target == nil then
    target = targets[key]
  end
  if name == "" then
    column.kind = "unnamed"
  elseif target == false then
    column.kind = "ignored"
  elseif target and not target.name then
    column.target, column.path = target, target.path
    column.kind = column.kind or target.kind
  elseif options.unknown == "ignore" then
    column.kind = "ignored"
  elseif options.unknown == "refuse" then
    return nil, ("column %q is not an attribute of %s; map it with columns = "
      .. "{[%q] = ATTRIBUTE}, or skip it with false"):format(name,
      options.operation, name)
  else
    column.path = {"properties", target and target.name or property_name(name)}
    column.kind = column.kind or "string"
  end
  return column
end

local function no_identifier(names, lacking)
  return ("no column identifies a profile (%s); the columns are: %s; map one of "
    .. "them with columns = {HEADER = %q}"):format(
    table.concat(lacking, " or ", 1, math.min(#lacking, 4)),
    table.concat(names, ", "), lacking[1])
end

--- Returns the columns of a header, {name =, kind =, path = of the attribute}, or
--- nil and an error message.
---@param names string[]
---@param op table|nil  the operation that the rows are for
---@param options klaviyo.CsvOptions
---@return table[]|nil
---@return string|nil
function M.of(names, op, options)
  local targets, resource = {}, nil
  if op then
    targets, resource = targets_of(op)
    options.unknown = options.unknown
      or (resource.attributes or {}).properties and "properties" or "refuse"
  end
  local types = {}
  for name, kind in pairs(options.types or {}) do
    types[folded(name)] = kind
  end
  local own = own_columns(options.columns, targets)
  local columns, taken = {}, {}
  for i, name in ipairs(names) do
    name = name:match("^%s*(.-)%s*$")
    local column, wrong
    if op then
      column, wrong = column_of(options, targets, own, types, name)
      if not column then
        return nil, wrong
      end
    else
      column = {name = name, kind = name == "" and "unnamed"
        or types[folded(name)] or "string", path = {name}}
    end
    local where = column.path and column.kind ~= "unnamed"
      and table.concat(column.path, ".")
    if where and taken[where] then
      return nil, ("columns %d (%q) and %d (%q) both become %s; skip one with "
        .. "columns = {HEADER = false}"):format(taken[where],
        names[taken[where]], i, name, where)
    elseif where then
      taken[where] = i
    end
    columns[i] = column
  end
  if resource and (resource.type == "profile" or resource.type == "event") then
    local ok, lacking = has_identifier(targets, columns)
    if not ok then
      return nil, no_identifier(names, lacking)
    end
  end
  return columns
end

local function put(row, path, value)
  for i = 1, #path - 1 do
    row[path[i]] = row[path[i]] or {}
    row = row[path[i]]
  end
  local name = path[#path]
  if type(row[name]) == "table" and type(value) == "table" then
    for key, member in pairs(value) do
      row[name][key] = member
    end
  else
    row[name] = value
  end
end

--- Puts the value of a field into a row. Returns an error message if the field is
--- invalid.
---@param row table
---@param column table
---@param text string
---@param options klaviyo.CsvOptions
---@return string|nil
function M.put(row, column, text, options)
  local kind = column.kind
  if options.trim then
    text = text:match("^%s*(.-)%s*$")
  end
  if kind == "ignored" or text == "" and (options.operation
      or kind ~= "string") then
    return nil
  elseif kind == "unnamed" then
    return "a field is in a column without a name; name it in the header"
  end
  local value = CONVERT[kind](kind == "string" and text
    or text:match("^%s*(.-)%s*$"), options.decimal)
  if value == nil then
    return ("column %q must be %s%s"):format(column.name, KINDS[kind],
      (kind == "number" or kind == "integer") and text:find(",", 1, true)
      and options.decimal == "." and ' (with a decimal comma: decimal = ",")'
      or "")
  end
  put(row, column.path, value)
end

return M
