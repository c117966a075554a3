-- A gateway in front of a server of spec.support.raw, with a JSON file that it reads
-- again when it changes: its callers or its connections.
--
--   local file = require("spec.support.gateway_file").here(before_each, after_each)

local assert = require "luassert"
local ask = require "spec.support.ask"
local digest = require "klaviyo.digest"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"

local M = {}

local OK = {headers = {["Content-Type"] = "application/vnd.api+json"}, body = "{}"}

local File = {}
File.__index = File

--- Returns the hash of a token.
function M.hash(token)
  return (digest.sha256(token))
end

--- Replaces the file as an editor or a deployment does, or writes into it.
---@param value table|string  a string is written as it is
---@param in_place boolean|nil
function File:write(value, in_place)
  local text = type(value) == "table" and klaviyo.json.encode(value) or value
  local name = in_place and self.path or self.path .. ".new"
  local file = assert(io.open(name, "wb"))
  assert(file:write(text))
  file:close()
  if not in_place then
    assert(os.rename(name, self.path))
  end
end

--- Starts the gateway; `settings` default to the callers in the file.
function File:start(settings, workers)
  self.gateway = assert(nginx.gateway({port = self.service.port, key = key}, {workers = workers or 2,
    settings = settings or ("callers = %q, pacing = false,"):format(self.path)}))
end

--- Returns the status of a request.
function File:status(token, target, connection)
  return ask(self.gateway, {path = target or "/api/lists", token = token,
    headers = connection and {["Klaviyo-Connection"] = connection}}).status
end

--- Fails unless the status is that one in all workers. After a second they have read
--- the file, or read it before they serve their next request.
function File:assert_after(expected, ...)
  klaviyo.sleep(1.2)
  for _ = 1, 5 do
    assert.equal(expected, self:status(...))
  end
end

--- Makes a file and a server for each spec.
function M.here(before, after)
  local folders = folder.here(after)
  local self = setmetatable({}, File)
  before(function()
    self.path = folders.new() .. "/file.json"
    self.service = raw.start {answers = {OK}}
  end)
  after(function()
    local logs = self.gateway and self.gateway:stop() or ""
    self.service:stop()
    self.gateway = nil
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
    assert.is_nil(logs:find(key, 1, true))
  end)
  return self
end

return M
