--- Finds the caller of a request, and checks its permissions. The gateway knows
--- only the hashes of the callers' tokens.

local checker = require "klaviyo.util.options"
local digest = require "klaviyo.digest"
local includes = require "klaviyo.gateway.includes"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.gateway.Caller
---@field name? string  for the access log
---@field token_sha256? string  hexadecimal; needed in the list of callers
---@field operations? (string|table)[]  the allowed operations, by id or alias; default: all.
---  {"get_events", include = {"profile"}} also allows these names in the `include` parameter
---@field scopes? string[]  the allowed scopes, such as "profiles:read": an operation needs all of its own scopes, and
---  those for reading the resources that `include` adds
---@field weight? number  its share of an account's rate limits, compared with that of other callers; default 1

local NAMES = {type = "table", expected = "a list of names",
  items = {type = "text"}}

local FIELDS = {
  -- one word in a log
  name = {pattern = "^[%w%-%._@:/]+$", expected = "one word", default = "-"},
  -- a value that is not a hash may be the token
  token_sha256 = {secret = true},
  operations = {type = "table", expected = "a list of names"},
  scopes = NAMES,
  weight = {type = "number", above = 0, max = 1000, default = 1},
}

local function all_names(op)
  local list = {op.id}
  for _, alias in ipairs(op.aliases or {}) do
    list[#list + 1] = alias
  end
  return list
end

-- {"get_events", include = {"profile"}}, or the name alone.
local function read_entry(where, entry)
  if type(entry) == "string" then
    return entry, {}
  elseif type(entry) ~= "table" or type(entry[1]) ~= "string" then
    usage_error.raise("%s: operations must be a list of names, or of "
      .. '{"get_events", include = {"profile"}}', where)
  end
  for key in pairs(entry) do
    if key ~= 1 and key ~= "include" then
      usage_error.raise("%s: an operation is {name, include = {…}}, without %s",
        where, usage_error.shown(key))
    end
  end
  return entry[1], checker.value(NAMES, "include", entry.include or {}, where)
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
  local self = {name = caller.name, weight = caller.weight}
  if caller.operations then
    self.operations = allowed_operations(where, caller.operations, revision)
  end
  if caller.scopes then
    self.scopes = tables.set(caller.scopes)
  end
  return self
end

-- Checks a hash. A value that is not a hash may be the token: it is not shown.
local function check_hash(where, hash)
  if type(hash) ~= "string" or #hash ~= 64 or hash:find("%X") then
    usage_error.raise("%s: token_sha256 must be the 64 hexadecimal digits of the "
      .. "token's SHA-256 (printf %%s TOKEN | openssl dgst -sha256)", where)
  end
  return hash:lower()
end

--- Returns the function that finds a caller in a list by the request's token.
---@param list klaviyo.gateway.Caller[]
---@param revision table the operations of the default revision
---@return fun(request: table): table|nil
function M.of_list(list, revision)
  if #list == 0 then
    usage_error.raise("callers: the list is empty; add {name =, token_sha256 =}")
  end
  local known = {}
  for i, caller in ipairs(list) do
    local where = ("callers[%d]"):format(i)
    local one = M.compiled(caller, where, revision)
    one.hash = check_hash(where, caller.token_sha256)
    known[i] = one
  end
  return function(request)
    if not request.token then
      return nil
    end
    local hash, found = digest.sha256(request.token), nil
    for _, caller in ipairs(known) do -- all, so that the time is constant
      if digest.equal(caller.hash, hash) then
        found = caller
      end
    end
    return found
  end
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
