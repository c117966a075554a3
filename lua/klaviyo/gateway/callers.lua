--- The callers of a gateway, and their permissions.

local checker = require "klaviyo.util.options"
local includes = require "klaviyo.gateway.includes"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

-- The connection of the gateway's own key, and the names of all.
M.DEFAULT = "default"
M.CONNECTION_NAME = "^[%w][%w%-%._]*$"

-- A caller of whom nothing is known.
M.ANYBODY = {name = "-", weight = 1}

---@class klaviyo.gateway.Caller
---@field name? string  for the access log; default "-"
---@field token_sha256? string|string[]  hexadecimal; needed in the list of callers. Several: each of the tokens is
---  valid, while the caller changes from one to another
---@field operations? (string|table)[]  the allowed operations, by id or alias; default: all.
---  {"get_events", include = {"profile"}} also allows these names in the `include` parameter; in JSON
---  {"operation": "get_events", "include": ["profile"]}
---@field scopes? string[]  the allowed scopes, such as "profiles:read": an operation needs all of its own scopes, and
---  those for reading the resources that `include` adds
---@field connections? string[]|string  the connections that it may name in the header; "*": all. Default: only the
---  gateway's own key
---@field connection? string  the connection of its requests that name none; default the only one in `connections`, or
---  the gateway's own key
---@field weight? number  its share of an account's rate limits, compared with that of other callers; default 1

local NAMES = {type = "table", expected = "a list of names",
  items = {type = "text"}}

local CONNECTION = {pattern = M.CONNECTION_NAME, expected = "the name of a connection"}

local function check_connections(label, value)
  if type(value) == "string" then
    if value ~= "*" then
      usage_error.raise('%s must be a list of names, or "*", not %s', label,
        usage_error.shown(value))
    end
    return value
  end
  return checker.value({type = "table", items = CONNECTION}, label, value)
end

local FIELDS = {
  -- one word in a log
  name = {pattern = "^[%w%-%._@:/]+$", expected = "one word", default = "-"},
  -- a value that is not a hash may be the token
  token_sha256 = {secret = true},
  operations = {type = "table", expected = "a list of names"},
  scopes = NAMES,
  connections = {type = {"table", "string"}, expected = 'a list of names, or "*"',
    convert = check_connections},
  connection = CONNECTION,
  weight = {type = "number", above = 0, max = 1000, default = 1},
}

local function all_names(op)
  local list = {op.id}
  for _, alias in ipairs(op.aliases or {}) do
    list[#list + 1] = alias
  end
  return list
end

-- {"get_events", include = {"profile"}}, or the name alone. JSON has no such tables:
-- there the name is a member, too.
local function read_entry(where, entry)
  if type(entry) == "string" then
    return entry, {}
  end
  local key = type(entry) == "table" and entry.operation ~= nil and "operation" or 1
  if type(entry) ~= "table" or type(entry[key]) ~= "string" then
    usage_error.raise("%s: operations must be a list of names, or of "
      .. '{"get_events", include = {"profile"}}', where)
  end
  for name in pairs(entry) do
    if name ~= key and name ~= "include" then
      usage_error.raise("%s: an operation is {name, include = {…}}, without %s",
        where, usage_error.shown(name))
    end
  end
  return entry[key], checker.value(NAMES, "include", entry.include or {}, where)
end

-- Returns the allowed operations with the names that each may include. An
-- operation is named by its id in the default revision if it exists there: a
-- caller may use another revision, which has its own operations.
local function allowed_operations(where, entries, revision)
  local allowed = {}
  for _, entry in ipairs(entries) do
    local name, include = read_entry(where, entry)
    local op = revision:operation(name)
    if not op then
      usage_error.unknown("operation of " .. where, name, revision:all_names())
    end
    local known = op.query.include and op.query.include.values or {}
    for _, item in ipairs(include) do
      if not tables.set(known)[item] then
        usage_error.unknown(("include of %s in %s"):format(name, where), item,
          known)
      end
    end
    for _, other in ipairs(all_names(op)) do
      allowed[other] = tables.set(include)
    end
  end
  return allowed
end

--- Returns a caller in the form in which its permissions are checked.
---@param caller klaviyo.gateway.Caller
---@param where string for messages
---@param revision table the operations of the default revision
function M.compiled(caller, where, revision)
  if type(caller) ~= "table" then
    usage_error.raise("%s must be a table, not %s", where,
      usage_error.kind(caller))
  end
  caller = checker.check(FIELDS, caller, where)
  local self = {name = caller.name, weight = caller.weight,
    connection = caller.connection}
  if caller.operations then
    self.operations = allowed_operations(where, caller.operations, revision)
  end
  if caller.scopes then
    self.scopes = tables.set(caller.scopes)
  end
  if type(caller.connections) == "table" then
    self.connections = tables.set(caller.connections)
    self.connection = self.connection
      or #caller.connections == 1 and caller.connections[1] or nil
  elseif caller.connections then
    self.has_all_connections = true
  end
  return self
end

--- Returns whether a caller may use a connection.
---@param caller table
---@param name string
---@return boolean
function M.may_use(caller, name)
  if caller.has_all_connections or name == caller.connection then
    return true
  elseif caller.connections then
    return caller.connections[name] == true
  end
  return caller.connection == nil and name == M.DEFAULT
end

-- Returns the names that a caller may include in an operation; nil if it may not
-- use the operation.
local function entry_of(caller, op)
  for _, name in ipairs(all_names(op)) do
    if caller.operations[name] then
      return caller.operations[name]
    end
  end
end

local function has_any(caller, operations)
  for _, op in ipairs(operations) do
    if entry_of(caller, op) then
      return true
    end
  end
  return false
end

-- Returns why a caller may not include a name, or nil if it may: it must be
-- allowed to read the included resources.
local function include_error(caller, revision, op, name)
  local need = includes.need(revision, op, name)
  if not need then
    return ("this caller may not include %s in %s"):format(
      usage_error.shown(name), op.id)
  end
  for _, scope in ipairs(caller.scopes and need.scopes or {}) do
    if not caller.scopes[scope] then
      return ("include=%s needs the scope %s"):format(name, scope)
    end
  end
  if caller.operations and not has_any(caller, need.operations) then
    return ("this caller may not include %s in %s: it may not use %s")
      :format(name, op.id, need.operations[1].id)
  end
end

--- Returns why a caller may not use an operation with these included names; nil
--- if it may.
---@param caller table
---@param revision table
---@param op table
---@param include string[]|nil
---@return string|nil
function M.permission_error(caller, revision, op, include)
  local named = caller.operations and entry_of(caller, op) or {}
  if caller.operations and not entry_of(caller, op) then
    return ("this caller may not use %s"):format(op.id)
  end
  for _, scope in ipairs(caller.scopes and op.scopes or {}) do
    if not caller.scopes[scope] then
      return ("%s needs the scope %s"):format(op.id, scope)
    end
  end
  if not caller.scopes and not caller.operations then
    return nil
  end
  for _, name in ipairs(include or {}) do
    local why = not named[name]
      and include_error(caller, revision, op, name)
    if why then
      return why
    end
  end
end

return M
