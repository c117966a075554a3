--- Finds a connection by its name: in the configuration, in a file, by a function, or
--- in the folder of those that were added while nginx runs.

local callers = require "klaviyo.gateway.callers"
local connection_folder = require "klaviyo.gateway.connection_folder"
local connections = require "klaviyo.gateway.connections"
local error_response = require "klaviyo.gateway.error_response"
local json_file = require "klaviyo.gateway.json_file"
local reloaded = require "klaviyo.gateway.reloaded"
local report = require "klaviyo.gateway.report"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

---@class klaviyo.gateway.ConnectionLookup
---@field default klaviyo.gateway.ConnectionState|nil  of the gateway's own key
---@field public klaviyo.gateway.ConnectionState  of the requests that need no key
---@field configured function  name → connection, or nil
---@field all_configured (fun(): table)|nil  nil if a function knows them
---@field folder klaviyo.gateway.ConnectionFolder|nil  of those that were added while nginx runs
---@field added klaviyo.gateway.Reloaded|nil  what is in the folder
local Lookup = {}
Lookup.__index = Lookup

local function of_table(definitions, settings)
  local all = connections.compiled_all(definitions, settings)
  return function() return all end
end

local function of_file(path, settings)
  local file = reloaded.new(path, "connections", json_file.compiled_by(
    function(definitions, previous)
      return connections.compiled_all(definitions, settings, previous)
    end))
  local problem = file:load()
  if problem then
    usage_error.raise("gateway.new: connections: %s", problem)
  end
  return function() return file:get() end
end

local function unavailable()
  error_response.throw(503, "connection_unavailable",
    "the connection cannot be found at the moment; retry later")
end

-- Returns the connection that a function returned, or nil. The message of its error is
-- not logged: it may contain the key.
local function call(find, name, settings, previous)
  local ok, definition = pcall(find, name)
  if ok and definition == nil then
    return nil
  end
  local connection
  local problem = "the function connections raised an error"
  if ok then
    problem = usage_error.try(function()
      connection = connections.compiled(name, definition, settings, previous)
    end)
  end
  if problem then
    report("the connection %s: %s", name, problem)
    unavailable()
  end
  return connection
end

local MAX_KNOWN = 10000

-- A known connection is used again while the function returns the same: it knows what
-- the service rejected.
local function of_function(find, settings)
  local known, count = {}, 0
  return function(name)
    local connection = call(find, name, settings, known[name])
    if connection and not known[name] then
      count = count + 1
      if count > MAX_KNOWN then
        known, count = {}, 1
      end
    end
    known[name] = connection
    return connection
  end
end

local function by_name(all)
  return function(name)
    return all()[name]
  end
end

-- The connections in a folder. One that is damaged stays as it was: false if this
-- worker does not know how.
local function of_folder(folder, settings)
  return reloaded.new(folder.path, "the added connections", function(_, previous)
    local definitions, problem = folder:load()
    if not definitions then
      return nil, problem
    end
    local all = {}
    for name, definition in pairs(definitions) do
      all[name] = previous and previous[name] or false
      local why = definition and usage_error.try(function()
        all[name] = connections.compiled(name, definition, settings,
          all[name] or nil)
        all[name].is_added = true
      end)
      problem = problem or why
    end
    return all, problem or nil
  end)
end

--- Returns the lookup of a gateway.
---@param settings table  of the gateway
---@return klaviyo.gateway.ConnectionLookup
function M.new(settings)
  local option = settings.connections or {}
  local self = setmetatable({
    is_many = settings.is_many,
    public = connections.new("-", {}, settings),
    default = settings.has_default and connections.new(callers.DEFAULT, {
      api_key = settings.api_key, access_token = settings.access_token,
      rate_limit_key = settings.rate_limit_key,
    }, settings) or nil,
  }, Lookup)
  if type(option) == "function" then
    self.configured = of_function(option, settings)
  else
    self.all_configured = type(option) == "string" and of_file(option, settings)
      or of_table(option, settings)
    self.configured = by_name(self.all_configured)
  end
  if settings.connection_folder then
    self.folder = connection_folder.new(settings.connection_folder, settings.oauth)
    self.added = of_folder(self.folder, settings)
  end
  return self
end

--- Returns a connection, or nil.
---@param name string
---@return klaviyo.gateway.ConnectionState|false|nil  false if it exists, but cannot be read
function Lookup:find(name)
  if name == callers.DEFAULT and self.default then
    return self.default
  end
  local connection = self.configured(name)
  if connection or not self.added then
    return connection
  end
  local all = self.added:get()
  if not all then  -- the folder cannot be read
    return false
  end
  return all[name]
end

--- Returns the connections that are known, in the order of their names: those of a
--- function are not.
---@return klaviyo.gateway.ConnectionState[]
function Lookup:list()
  local known = {}
  for name, connection in pairs(self.added and self.added:get() or {}) do
    known[name] = connection or nil
  end
  for name, connection in pairs(self.all_configured and self.all_configured() or {}) do
    known[name] = connection
  end
  known[callers.DEFAULT] = self.default or known[callers.DEFAULT]
  local list = {}
  for i, name in ipairs(tables.sorted(known)) do
    list[i] = known[name]
  end
  return list
end

--- Reads the folder again before it is used next: another worker may have changed it.
function Lookup:expire()
  if self.added then
    self.added:expire()
  end
end

--- Stores a connection in the folder. Returns true, or nil and a message.
---@param name string
---@param definition table
---@return boolean|nil
---@return string|nil message
function Lookup:add(name, definition)
  local ok, why = self.folder:save(name, definition)
  self:expire()
  return ok, why
end

--- Removes a connection from the folder. Returns true, or nil and a message.
---@param name string
---@return boolean|nil
---@return string|nil message
function Lookup:remove(name)
  local ok, why = self.folder:save(name, nil)
  self:expire()
  return ok, why
end

-- Choosing ----------------------------------------------------------------------

-- The same response if a connection does not exist and if the caller may not use it:
-- it must not learn the names of others.
local function unknown(header)
  error_response.throw(421, "connection_unknown",
    "this caller has no connection of this name", {header = header})
end

local function check_name(header, name)
  if not connections.is_name(name) then
    error_response.throw(400, "invalid", ("send one header field %s, with the name of "
      .. "a connection"):format(header), {header = header})
  end
end

--- Returns the connection of a request, or throws an error response.
---@param caller table
---@param header string  the name of the header field
---@param name any  its value: a table if there are several
---@return klaviyo.gateway.ConnectionState
function Lookup:choose(caller, header, name)
  if not self.is_many then
    return self.default
  elseif name ~= nil then
    check_name(header, name)
  else
    name = caller.connection or self.default and callers.DEFAULT
    if not name or not callers.may_use(caller, name) then
      error_response.throw(421, "connection_required", ("name a connection in the "
        .. "header field %s"):format(header), {header = header})
    end
  end
  local connection
  if callers.may_use(caller, name) then
    connection = self:find(name)
  end
  if connection == false then
    unavailable()
  end
  return connection or unknown(header)
end

return M
