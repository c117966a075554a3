--- A client for the Klaviyo API.
---
---     local klaviyo = require "klaviyo"
---     local client = klaviyo.new {api_key = "pk_…"}
---     for profile in client.profiles:each() do … end

local catalogue = require "klaviyo.catalogue"
local client = require "klaviyo.client"
local datetime = require "klaviyo.datetime"
local document = require "klaviyo.document"
local filter = require "klaviyo.filter"
local json = require "klaviyo.json"
local misuse = require "klaviyo.misuse"

local M = {
  _VERSION = require "klaviyo.version",

  new = client.new,
  filter = filter,

  --- What clears a member; absent leaves it. The same as cjson.null.
  null = json.null,

  --- Marks a table as a list, so that an empty one is [] and not {}.
  array = json.array,

  --- A point in time, from RFC 3339 text or seconds since 1970.
  datetime = datetime.new,
}

local DEFAULT_REVISION = "2024-10-15"

--- The JSON:API document that a flat table becomes, as a plain table.
---@param operation string  an operation id, or one of its aliases
---@param t table
---@param options {revision: string|nil}|nil
function M.document(operation, t, options)
  local date = options and options.revision or DEFAULT_REVISION
  local revision = catalogue.load(date)
  if not revision then
    misuse.unknown("revision", date, catalogue.revisions())
  end
  local op = revision:operation(operation)
  if not op then
    misuse.unknown("operation", operation, revision:all_names())
  end
  return document.build(op, t)
end

-- What few scripts use is loaded when it is touched.
return setmetatable(M, {
  __index = function(self, name)
    if name == "sandbox" then
      local module = require("klaviyo." .. name)
      rawset(self, name, module)
      return module
    end
  end,
})
