--- Finds what the `include` parameter of a request adds to the response: for each
--- name, the type of the resources and the scopes needed to read them.
---
--- They follow from the operations of a revision. For `include=profile` of
--- get_events the operation GET /api/events/{id}/profile has the type, and
--- get_profile, which reads one resource of that type, the scopes.

local percent_encoding = require "klaviyo.util.percent_encoding"

local M = {}

local MAX_ESCAPES = 3  -- a proxy may decode a query, too

local function unescape(text)
  local before
  for _ = 1, MAX_ESCAPES do
    before = text
    text = percent_encoding.decode_form(text)
    if text == before then
      break
    end
  end
  return text
end

--- Returns the names in the `include` parameters of a query, unescaped; nil if
--- there are none.
---@param query string
---@return string[]|nil
function M.names(query)
  local list
  for pair in query:gmatch("[^&;?]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = unescape(name):lower():gsub("%s", "")
    if name == "include" or name:sub(1, 8) == "include[" then
      list = list or {}
      for item in unescape(value):gmatch("[^,]+") do
        list[#list + 1] = item:match("^%s*(.-)%s*$")
      end
    end
  end
  return list
end

-- By revision: type → {path = the path of a resource, without its id; scopes =
-- needed to read one; operations = those that read one, or a list of them}.
local types_of = setmetatable({}, {__mode = "k"})

local function read_types(revision)
  local types = {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    local path = op.method == "GET" and op.type
      and op.path:match("^(/api/[^/]+)/{[^/]+}$")
    if path then
      types[op.type] = {path = path, scopes = op.scopes, operations = {op}}
    end
  end
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    local kind = op.method == "GET" and op.type and types[op.type]
    if kind and op.path == kind.path then
      kind.operations[2] = op
    end
  end
  return types
end

-- Returns the operation that reads only the related resources.
local function related(revision, op, name, types)
  local kind = types[op.type]
  if not kind then
    return nil
  end
  return revision:find("GET", ("%s/{%s}/%s"):format(kind.path,
    kind.operations[1].path_params[1], name))
end

local function singular(name)
  local stem = name:match("^(.*)ies$")
  return stem and stem .. "y" or (name:gsub("s$", ""))
end

-- Returns the type if no operation reads only the related resources: the type of
-- that name, or the one among the operation's sparse fieldsets that ends with it
-- (`items`, catalog-item).
local function named(op, name, types)
  local short = singular(name)
  if types[short] then
    return short
  end
  for parameter in pairs(op.query) do
    local kind = parameter:match("^fields%[(.*)%]$")
    if kind and types[kind] and kind:sub(-#short - 1) == "-" .. short then
      return kind
    end
  end
end

local function is_listed(op, name)
  for _, value in ipairs(op.query.include and op.query.include.values or {}) do
    if value == name then
      return true
    end
  end
  return false
end

---@class klaviyo.gateway.Need
---@field scopes string[]  needed to read the included resources
---@field operations table[]  the operations that return only those resources

--- Returns the permissions that a caller needs to include a name; nil if they do
--- not follow from the operations of the revision.
---@param revision table
---@param op table
---@param name string
---@return klaviyo.gateway.Need|nil
function M.need(revision, op, name)
  if not is_listed(op, name) then
    return nil
  end
  local types = types_of[revision]
  if not types then
    types = read_types(revision)
    types_of[revision] = types
  end
  local alone = related(revision, op, name, types)
  local kind = types[alone and alone.type or named(op, name, types)]
  if not kind and not alone then
    return nil
  end
  local operations = {alone}
  for _, read_op in ipairs(kind and kind.operations or {}) do
    operations[#operations + 1] = read_op
  end
  return {scopes = (kind or alone).scopes, operations = operations}
end

return M
