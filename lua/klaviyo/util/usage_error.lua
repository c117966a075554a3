--- Errors in a program: raised at the caller's line, with the nearest valid
--- name. Errors of requests are klaviyo.Error, see response/errors.lua.

local lazy_require = require "klaviyo.util.lazy_require"
local userinfo = require "klaviyo.util.userinfo"

local names = lazy_require "klaviyo.util.nearest_names"

local M = {}

-- A message names the line of the first frame outside this library, however
-- many functions of the library are in between.
local home = debug.getinfo(1, "S").source:match("^(.*[/\\])util[/\\]usage_error%.lua$")

local function is_outside(info)
  return info.what ~= "C" and info.source:sub(1, #home) ~= home
end

local function callers_level()
  local level = 3
  while true do
    local info = debug.getinfo(level, "S")
    if not info then
      return 0
    end
    if is_outside(info) then
      return level - 1
    end
    level = level + 1
  end
end

-- A function that ends in `return client.…` (a tail call) has no frame when the
-- call raises an error. If it is the main function of a task, the message names
-- the line of its definition, kept by function: many tasks may run the same one.
local WEAK = {__mode = "k"}
local definitions, main_function = setmetatable({}, WEAK), setmetatable({}, WEAK)

--- Notes that a coroutine starts to run a function of the program.
---@param thread thread
---@param fn function
function M.begins(thread, fn)
  local definition = definitions[fn]
  if not definition then
    definition = debug.getinfo(fn, "S")
    definitions[fn] = definition
  end
  main_function[thread] = definition
end

local is_trying = false

--- Calls a function that does not yield. Returns the message of the usage error
--- that it raises, or nil if it raises none.
---@param fn function
---@param ... any  its arguments
---@return string|nil message
function M.try(fn, ...)
  is_trying = true
  local ok, err = pcall(fn, ...)
  is_trying = false
  if ok then
    return nil
  elseif type(err) == "table" and err.usage then
    return err.usage
  end
  error(err, 0)
end

--- Raises an error at the line of the first caller outside this library.
---@param fmt string a `string.format` pattern
function M.raise(fmt, ...)
  local message = userinfo.redacted(select("#", ...) > 0 and fmt:format(...)
    or fmt)
  if is_trying then
    error({usage = message}, 0)
  end
  local level = callers_level()
  local main = level == 0 and main_function[coroutine.running() or false]
  if main and is_outside(main) then
    message = ("%s:%d: %s"):format(main.short_src, main.linedefined, message)
  end
  error(message, level)
end

-- JSON's null is a NULL pointer: light userdata, or in LuaJIT a cdata.
local function is_null(value)
  return (type(value) == "userdata" or type(value) == "cdata")
    and package.loaded.cjson ~= nil and value == package.loaded.cjson.null
end

--- Returns the kind of a value in words: `a string`, `nil`, `klaviyo.null`. It
--- never returns the value itself, which may be a secret.
---@param value any
---@return string
function M.kind(value)
  if value == nil and type(value) == "nil" then
    return "nil"
  elseif is_null(value) then
    return "klaviyo.null"
  elseif value == "" then
    return "an empty string"
  end
  return "a " .. type(value)
end

local MAX_SHOWN = 60

--- Returns a value as messages show it: numbers and booleans as they are, text
--- in quotes and shortened, other values by their kind.
---@param value any
---@return string
function M.shown(value)
  if type(value) == "string" and #value > MAX_SHOWN then
    value = value:sub(1, MAX_SHOWN):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  if type(value) == "string" then
    return '"' .. value:gsub("[%c]", "?") .. '"'
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return M.kind(value)
end

--- Returns the value if it is a whole number, such as a count, of at least
--- `least`; else raises an error.
---@param what string  its name, for the message
---@param value any
---@param least integer
---@return integer
function M.whole(what, value, least)
  if type(value) == "number" and value >= least and value % 1 == 0
      and value < math.huge then
    return value
  end
  M.raise("%s must be a whole number from %d on, not %s", what, least,
    M.shown(value))
end

--- Raises an error for a table that must be a list, but has other keys and no
--- first item. Without this check it would pass for an empty list.
---@param what string
---@param t table
function M.list(what, t)
  local name = next(t)
  if t[1] == nil and name ~= nil then
    M.raise("%s must be a list; this table has no [1], but %s", what,
      type(name) == "string" and ("%q"):format(name)
      or "[" .. tostring(name) .. "]")
  end
end

--- Raises an error for an unknown name. The message suggests the nearest
--- candidate and lists the allowed ones.
---@param what string e.g. "operation" or `attribute of create_profile`
---@param name any
---@param candidates table a list of names, or a set (names as keys)
---@param hint string|nil  for the message, if no candidate is near
function M.unknown(what, name, candidates, hint)
  local nearest = names.nearest(name, candidates)
  M.raise('unknown %s "%s"; %s%sallowed: %s', what,
    type(name) == "string" and name or M.shown(name),
    nearest and ('did you mean "%s"? '):format(nearest) or "",
    not nearest and hint and hint .. "; " or "",
    names.allowed(name, candidates))
end

return M
