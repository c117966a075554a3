--- A client for the Klaviyo API.
---
---     local klaviyo = require "klaviyo"
---     local client = klaviyo.new {api_key = "pk_…"}
---     for profile in client.profiles:each() do … end

require "klaviyo.util.lua_version"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local checker = require "klaviyo.util.options"
local client = require "klaviyo.client"
local lazy_require = require "klaviyo.util.lazy_require"
local settings = require "klaviyo.settings"
local apis = require "klaviyo.operations.api"

local document = lazy_require "klaviyo.document.document"

local M = {
  _VERSION = require "klaviyo.version",

  new = client.new,
}

-- These modules, or members of modules, are loaded when they are first used.
local LATER = {
  csv = {"klaviyo.csv"},
  filter = {"klaviyo.values.filter"},
  sandbox = {"klaviyo.sandbox"},
  webhook = {"klaviyo.webhook"},
  oauth = {"klaviyo.oauth"},
  metrics = {"klaviyo.metrics"},

  --- JSON null: clears a member; an absent member stays as it is. The same as
  --- cjson.null.
  null = {"klaviyo.values.json", "null"},

  --- Marks a table as a list, so that an empty one is [] and not {}.
  array = {"klaviyo.values.json", "array"},

  --- Reads and writes JSON: encode, decode.
  json = {"klaviyo.json"},

  --- The table of API operations: load, diff, describe.
  operations = {"klaviyo.openapi"},

  --- Returns any value as readable text.
  dump = {"klaviyo.values.dump", "dump"},

  --- Run many calls concurrently: see klaviyo.tasks.
  run = {"klaviyo.tasks", "run"},
  spawn = {"klaviyo.tasks", "spawn"},
  sleep = {"klaviyo.tasks", "sleep"},

  --- The seconds since a fixed point in time.
  clock = {"klaviyo.tasks", "clock"},

  --- Locks a file: see klaviyo.file_lock.
  file_lock = {"klaviyo.file_lock", "file_lock"},

  --- Returns the names that a person may have meant.
  near_names = {"klaviyo.near_names", "near_names"},

  --- Returns the version and the features of libcurl.
  libcurl = {"klaviyo.libcurl", "libcurl"},

  --- A point in time, from RFC 3339 text or seconds since 1970.
  datetime = {"klaviyo.values.datetime", "new"},
}

local DOCUMENT_FIELDS = {
  revision = {type = "text"},
  fall_forward = {type = "boolean"},
  validate = {type = "boolean"},
}

--- Returns the JSON:API document for a flat table, as a plain table.
---@param operation string  an operation id, or one of its aliases
---@param t table
---@param options {revision: string|nil, fall_forward: boolean|nil, validate: boolean|nil}|nil
function M.document(operation, t, options)
  options = checker.check(DOCUMENT_FIELDS, options, "klaviyo.document")
  local api = apis.of {
    revision = options.revision or settings.revision(),
    fall_forward = options.fall_forward,
  }
  return document.build(api:get(operation), t, options, api)
end

--- Returns the revisions of the API, the oldest first: {date=, state=,
--- deprecated=, retired=, served_as=, provisional=}.
M.revisions = revision_lifecycle.revisions

return setmetatable(M, {
  __index = function(self, name)
    local later = LATER[name]
    if later then
      local value = require(later[1])
      if later[2] then
        value = value[later[2]]
      end
      rawset(self, name, value)
      return value
    end
  end,
})
