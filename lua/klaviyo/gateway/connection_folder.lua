--- The connections that are added while nginx runs: a folder with a file for each of
--- them, and one for each authorization that has begun. The files are for their owner
--- only, and encrypted if the tokens of the app are.

local apps = require "klaviyo.oauth.apps"
local digest = require "klaviyo.digest"
local folder_store = require "klaviyo.oauth.folder_store"
local json = require "klaviyo.values.json"
local sealed = require "klaviyo.oauth.sealed"

local M = {}

-- A control character: the account of a token has none, so that the one cannot be
-- opened as the other.
local CONNECTION, AUTHORIZATION = "connection\n", "authorization\n"

local LIFE = 900  -- seconds until an account has to have authorized the app
local MAX_AUTHORIZATIONS = 100

---@class klaviyo.gateway.ConnectionFolder
---@field path string
local Folder = {}
Folder.__index = Folder

--- Returns a folder, which is created by the first worker that uses it.
---@param path string
---@param app klaviyo.oauth.App
---@return klaviyo.gateway.ConnectionFolder
function M.new(path, app)
  local store = apps.of(app).store
  return setmetatable({
    path = path, keys = store.keys, read_unencrypted = store.read_unencrypted,
    connections = folder_store.new(path, ".connection"),
    authorizations = folder_store.new(path, ".authorization"),
  }, Folder)
end

local function load(self, store, kind, name)
  local stored, why = store:load(name)
  local text = stored
  if stored then
    text, why = sealed.open(self.keys, stored, kind .. name, self.read_unencrypted)
  end
  local record = text and json.decode(text)
  if type(record) == "table" then
    return record
  elseif text then
    why = "it is damaged"
  end
  return nil, why
end

local function save(self, store, kind, name, record)
  return store:save(name, sealed.seal(self.keys, json.encode(record), kind .. name))
end

--- Returns the definitions of the connections by name, false for one that cannot be
--- read, and what is wrong with it, or nil; or nil and why the folder cannot be read.
---@return table<string, table|false>|nil
---@return string|nil problem
function Folder:load()
  local names, why = self.connections:list()
  if not names then
    return nil, why
  end
  local all, problem = {}, nil
  for _, name in ipairs(names) do
    local definition
    definition, why = load(self, self.connections, CONNECTION, name)
    if definition or why then  -- it may have been removed meanwhile
      all[name] = definition or false
    end
    problem = problem or why and ("%s: %s"):format(name, why)
  end
  return all, problem
end

--- Stores a connection; nil removes it. Returns true, or nil and a message.
---@param name string
---@param definition table|nil
---@return boolean|nil
---@return string|nil message
function Folder:save(name, definition)
  if not definition then
    return self.connections:save(name, nil)
  end
  return save(self, self.connections, CONNECTION, name, definition)
end

-- Authorizations ----------------------------------------------------------------

local function remove_expired(self, names)
  local count = #names
  for _, name in ipairs(names) do
    local record = load(self, self.authorizations, AUTHORIZATION, name)
    if not record or os.time() >= record.expires_at then
      self.authorizations:save(name, nil)
      count = count - 1
    end
  end
  return count
end

--- Begins an authorization. Returns when it ends; false if too many have begun; or nil
--- and a message.
---@param state string
---@param record table
---@return integer|false|nil expires_at
---@return string|nil message
function Folder:begin(state, record)
  local names, why = self.authorizations:list()
  if not names then
    return nil, why
  elseif remove_expired(self, names) >= MAX_AUTHORIZATIONS then
    return false
  end
  record.expires_at = os.time() + LIFE
  local ok
  ok, why = save(self, self.authorizations, AUTHORIZATION, (digest.sha256(state)), record)
  return ok and record.expires_at, why
end

--- Returns the authorization of a state, or nil.
---@param state any  from a browser
---@return table|nil
function Folder:begun(state)
  if type(state) ~= "string" then
    return nil
  end
  local record = load(self, self.authorizations, AUTHORIZATION, (digest.sha256(state)))
  return record and os.time() < record.expires_at and record or nil
end

--- Ends an authorization.
---@param state string
function Folder:finish(state)
  self.authorizations:save((digest.sha256(state)), nil)
end

return M
