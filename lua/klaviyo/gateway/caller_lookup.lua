--- Finds the caller of a request. The gateway knows only the hashes of the callers'
--- tokens. The callers are in a list, in a file, or known to a function.

local callers = require "klaviyo.gateway.callers"
local digest = require "klaviyo.digest"
local json_file = require "klaviyo.gateway.json_file"
local reloaded = require "klaviyo.gateway.reloaded"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

--- Returns the hashes of tokens, in lower case. A value that is not a hash may be the
--- token: messages do not show it.
---@param label string
---@param value any  a hash or a list of them
---@return string[]
function M.hashes(label, value)
  local list = type(value) == "table" and value or {value}
  local hashes = {}
  for i = 1, math.max(1, #list) do
    local hash = list[i]
    if type(hash) ~= "string" or #hash ~= 64 or hash:find("%X") then
      usage_error.raise("%s must be the 64 hexadecimal digits of the "
        .. "token's SHA-256 (printf %%s TOKEN | openssl dgst -sha256)", label)
    end
    hashes[i] = hash:lower()
  end
  return hashes
end

--- Returns whether a token has one of the hashes, in a time that does not depend on
--- which of them.
---@param hashes string[]
---@param token_hash string
---@return boolean
function M.has_hash(hashes, token_hash)
  local found = false
  for _, hash in ipairs(hashes) do
    found = digest.equal(hash, token_hash) or found
  end
  return found
end

local function compiled_list(list, revision)
  if type(list) ~= "table" then
    usage_error.raise("callers must be a list, not %s", usage_error.kind(list))
  end
  usage_error.list("callers", list)
  if #list == 0 then
    usage_error.raise("callers: the list is empty; add {name =, token_sha256 =}")
  end
  local known = {}
  for i, caller in ipairs(list) do
    local where = ("callers[%d]"):format(i)
    local one = callers.compiled(caller, where, revision)
    one.hashes = M.hashes(where .. ": token_sha256", caller.token_sha256)
    known[i] = one
  end
  return known
end

local function find(known, request)
  if not request.token then
    return nil
  end
  local hash, found = digest.sha256(request.token), nil
  for _, caller in ipairs(known) do -- all, so that the time is constant
    if M.has_hash(caller.hashes, hash) then
      found = caller
    end
  end
  return found
end

local function of_file(path, revision)
  local file = reloaded.new(path, "callers", json_file.compiled_by(function(list)
    return compiled_list(list, revision)
  end))
  local problem = file:load()
  if problem then
    usage_error.raise("gateway.new: callers: %s", problem)
  end
  return function(request)
    return find(file:get(), request)
  end
end

-- The callers that a function returned, in the form in which they are checked.
local function of_function(rule, revision)
  local by_table = setmetatable({}, {__mode = "k"})
  return function(request)
    local found = rule(request)
    if type(found) == "table" then
      by_table[found] = by_table[found]
        or callers.compiled(found, "the caller", revision)
      return by_table[found]
    elseif found == true then
      return callers.ANYBODY
    elseif found then -- a mistake in the rule must not admit anybody
      error(("the gateway's callers function must return a table, true, false or "
        .. "nil, not a %s"):format(type(found)), 0)
    end
    return found
  end
end

--- Returns the function that finds the caller of a request: nil if its token is not
--- known, false if it may not use the gateway.
---@param option klaviyo.gateway.Caller[]|string|function
---@param revision table  the operations of the default revision
---@return fun(request: table): table|false|nil
function M.new(option, revision)
  if type(option) == "function" then
    return of_function(option, revision)
  elseif type(option) == "string" then
    return of_file(option, revision)
  end
  local known = compiled_list(option, revision)
  return function(request)
    return find(known, request)
  end
end

return M
