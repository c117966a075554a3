--- klaviyo.operations.list, get and member: the operations of a revision as tables.

local checker = require "klaviyo.util.options"
local facts = require "klaviyo.openapi.facts"
local lazy_require = require "klaviyo.util.lazy_require"
local methods = require "klaviyo.operations.methods"
local operations = require "klaviyo.operations"
local settings = require "klaviyo.settings"
local usage_error = require "klaviyo.util.usage_error"

local members = lazy_require "klaviyo.openapi.member"
local sample = lazy_require "klaviyo.openapi.sample"

local M = {}

local FIELDS = {
  revision = {type = "text"},
}

local LIST_FIELDS = {
  revision = {type = "text"},
  resource = {type = "text"},
}

-- The members of nested tables are listed to this depth.
local MAX_DEPTH = 6

---@class klaviyo.openapi.Route
---@field id string
---@field aliases string[]
---@field method string
---@field path string
---@field path_params string[]
---@field type? string  of the resources of the response
---@field many? boolean  whether the response has a list of them
---@field resource? string  the method that calls it: client.lists:at(id).profiles:ids has the resource "lists"
---@field relation? string  the relation "profiles"
---@field verbs? string[]  the verbs {"ids"}
---@field action? boolean  whether the operation is not CRUD
---@field public? boolean  below client.public

---@class klaviyo.openapi.Body
---@field style "document"|"multipart"
---@field type? string  of the resource
---@field many? boolean  whether the document has a list of resources
---@field max? integer  how many it may have
---@field members {name: string, required: boolean, kind: string}[]
---@field sample? table  of a document

---@class klaviyo.openapi.Description: klaviyo.openapi.Route, klaviyo.openapi.Facts
---@field revision string
---@field success integer[]  the statuses of success
---@field headers string[]  header fields that it takes
---@field body? klaviyo.openapi.Body  nil if the operation takes no document

local function revision_of(options)
  local date = options.revision or settings.revision()
  return operations.revision(date)
    or usage_error.unknown("revision", date, operations.revisions())
end

local function route_of(op)
  local method = methods.of(op) or {}
  return {
    id = op.id, aliases = op.aliases, method = op.method, path = op.path,
    path_params = op.path_params, type = op.type, many = op.many,
    resource = method.resource, relation = method.relation, verbs = method.verbs,
    action = method.action, public = op.public,
  }
end

--- Returns the operations of a revision, sorted by id.
---@param options {revision: string|nil, resource: string|nil}|nil
---@return klaviyo.openapi.Route[]
function M.list(options)
  options = checker.check(LIST_FIELDS, options, "list")
  local list = {}
  for _, op in ipairs(revision_of(options):routes()) do
    local route = route_of(op)
    if options.resource == nil or route.resource == options.resource then
      list[#list + 1] = route
    end
  end
  return list
end

local function operation_of(name, options)
  local revision = revision_of(options)
  return revision:operation(name)
    or usage_error.unknown("operation", name, revision:all_names()), revision
end

local function body_of(op)
  if not op.body then
    return nil
  end
  local is_form = op.body.style == "multipart"
  return {
    style = op.body.style, many = op.body.many, max = op.body.max,
    type = not is_form and op.body.resource.type or nil,
    members = facts.members(op, nil, MAX_DEPTH), sample = not is_form and sample.flat(op) or nil,
  }
end

--- Returns all that is known of an operation.
---@param name string  an operation id, or one of its aliases
---@param options {revision: string|nil}|nil
---@return klaviyo.openapi.Description
function M.get(name, options)
  options = checker.check(FIELDS, options, "get")
  local op, revision = operation_of(name, options)
  local out = route_of(op)
  for key, value in pairs(facts.of(op)) do
    out[key] = value
  end
  out.revision, out.success, out.headers = revision.date, {}, {}
  for status in pairs(op.success) do
    table.insert(out.success, status)
  end
  table.sort(out.success)
  for field in pairs(op.headers or {}) do
    table.insert(out.headers, field)
  end
  table.sort(out.headers)
  out.body = body_of(op)
  return out
end

--- Returns a member of the table that becomes an operation's document.
---@param name string
---@param path string
---@param options {revision: string|nil}|nil
---@return klaviyo.openapi.Member|nil
function M.member(name, path, options)
  options = checker.check(FIELDS, options, "member")
  if type(path) ~= "string" or path == "" then
    usage_error.raise("member takes the path of a member, not %s",
      usage_error.shown(path))
  end
  return members.find(operation_of(name, options), path)
end

return M
