--- Who may ask, and for what: the operator's own rule, or a list of tokens of
--- which only hashes are known here.

local digest = require "klaviyo.digest"
local keys = require "klaviyo.keys"
local misuse = require "klaviyo.misuse"

local M = {}

---@class klaviyo.gateway.caller
---@field name? string  for the access log
---@field token_sha256? string  hexadecimal; needed in the list of callers
---@field operations? string[]  ids or aliases; default all
---@field scopes? string[]  such as "profiles:read"; an operation needs all of its own

local MEMBERS = { name = true, token_sha256 = true, operations = true,
  scopes = true }

-- What may stand in a log as one word.
local NAME = "^[%w%-%._@:/]+$"

local function check_list(where, name, list)
  if type(list) ~= "table" then
    misuse.raise("%s: %s must be a list of names", where, name)
  end
  for _, item in ipairs(list) do
    if type(item) ~= "string" then
      misuse.raise("%s: %s must be a list of names", where, name)
    end
  end
end

-- Names an operation by an id of the default revision, where it is there: a
-- caller may ask by another one, which has its own operations.
local function allowed_operations(where, names, revision)
  local set = {}
  for _, name in ipairs(names) do
    local op = revision:operation(name)
    if not op then
      misuse.unknown("operation of " .. where, name, revision:all_names())
    end
    set[op.id] = true
    for _, alias in ipairs(op.aliases or {}) do
      set[alias] = true
    end
  end
  return set
end

--- A caller as it is judged by.
---@param given klaviyo.gateway.caller
---@param where string for messages
---@param revision table the catalogue of the default revision
function M.compiled(given, where, revision)
  if type(given) ~= "table" then
    misuse.raise("%s must be a table", where)
  end
  for name in pairs(given) do
    if not MEMBERS[name] then
      misuse.unknown("member of " .. where, name, MEMBERS)
    end
  end
  if given.name ~= nil
      and not (type(given.name) == "string" and given.name:find(NAME)) then
    misuse.raise("%s: name must be one word", where)
  end
  local self = { name = given.name or "-" }
  if given.operations then
    check_list(where, "operations", given.operations)
    self.operations = allowed_operations(where, given.operations, revision)
  end
  if given.scopes then
    check_list(where, "scopes", given.scopes)
    self.scopes = keys.set(given.scopes)
  end
  return self
end

-- Anything but a hash is likely the token itself: it is not shown.
local function check_hash(where, hash)
  if type(hash) ~= "string" or #hash ~= 64 or hash:find("%X") then
    misuse.raise("%s: token_sha256 must be the 64 hexadecimal digits of the "
      .. "token's SHA-256 (printf %%s TOKEN | sha256sum)", where)
  end
  return hash:lower()
end

--- A rule for a list of callers.
---@param list klaviyo.gateway.caller[]
---@param revision table the catalogue of the default revision
---@return fun(request: table): table|nil
function M.of_list(list, revision)
  if #list == 0 then
    misuse.raise("callers: nobody is listed")
  end
  local known = {}
  for i, given in ipairs(list) do
    local where = ("callers[%d]"):format(i)
    local caller = M.compiled(given, where, revision)
    caller.hash = check_hash(where, given.token_sha256)
    known[i] = caller
  end
  return function(request)
    if not request.token then
      return nil
    end
    local hash, found = digest.sha256(request.token), nil
    for _, caller in ipairs(known) do -- all, whoever it is: time tells nothing
      if digest.equal(caller.hash, hash) then
        found = caller
      end
    end
    return found
  end
end

local function names_one(op, set)
  if set[op.id] then
    return true
  end
  for _, alias in ipairs(op.aliases or {}) do
    if set[alias] then
      return true
    end
  end
  return false
end

--- Why a caller may not have an operation; nil when it may.
---@param caller table
---@param op table
---@return string|nil
function M.refusal(caller, op)
  if caller.operations and not names_one(op, caller.operations) then
    return ("this caller may not use %s"):format(op.id)
  end
  for _, scope in ipairs(caller.scopes and op.scopes or {}) do
    if not caller.scopes[scope] then
      return ("%s needs the scope %s"):format(op.id, scope)
    end
  end
end

return M
