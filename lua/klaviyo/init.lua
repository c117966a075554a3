--- A client for the Klaviyo API.
---
---     local klaviyo = require "klaviyo"
---     local client = klaviyo.new {api_key = "pk_…"}
---     for profile in client.profiles:each() do … end

local calendar = require "klaviyo.calendar"
local client = require "klaviyo.client"
local datetime = require "klaviyo.datetime"
local filter = require "klaviyo.filter"
local json = require "klaviyo.json"
local lazy = require "klaviyo.lazy"
local settings = require "klaviyo.settings"
local view = require "klaviyo.view"

local document = lazy "klaviyo.document"

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

--- The JSON:API document that a flat table becomes, as a plain table.
---@param operation string  an operation id, or one of its aliases
---@param t table
---@param options {revision: string|nil, fall_forward: boolean|nil, validate: boolean|nil}|nil
function M.document(operation, t, options)
  options = options or {}
  local seen = view.of {
    revision = options.revision or settings.default_revision,
    fall_forward = options.fall_forward,
  }
  return document.build(seen:must(operation), t, {
    validate = options.validate, view = seen,
  })
end

--- The catalogued revisions, the oldest first: {date=, state=, deprecated=,
--- retired=, served_as=}.
M.revisions = calendar.revisions

-- What few scripts use is loaded when it is touched.
return setmetatable(M, {
  __index = function(self, name)
    if name == "sandbox" or name == "webhook" then
      local module = require("klaviyo." .. name)
      rawset(self, name, module)
      return module
    end
  end,
})
