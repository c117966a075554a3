--- klaviyo.operations: the table of API operations as a program sees it. A program
--- adds a revision from an OpenAPI document of Klaviyo, for example the newest one.

local lazy_require = require "klaviyo.util.lazy_require"
local operations = require "klaviyo.operations"
local revision_data = require "klaviyo.openapi.revision_data"
local usage_error = require "klaviyo.util.usage_error"

local describe = lazy_require "klaviyo.openapi.describe"
local diff = lazy_require "klaviyo.openapi.diff"
local listing = lazy_require "klaviyo.openapi.listing"

local M = {}

--- Adds the revision of an OpenAPI document: a client with
--- `revision = "2026-10-15"` uses it, if that is the date in the document. Clients
--- that exist already keep theirs. The result is cached in
--- $XDG_CACHE_HOME/klaviyo, or ~/.cache/klaviyo.
---@param document string  the path of the document, or its text
---@return string|nil revision  its date
---@return klaviyo.Error|nil err  of kind "openapi"
function M.load(document)
  if type(document) ~= "string" or document == "" then
    usage_error.raise("load takes the path of an OpenAPI document or its text, not %s",
      usage_error.kind(document))
  end
  local data, err = revision_data.read(document)
  if not data then
    return nil, err
  end
  operations.add(data)
  return data.date
end

--- Returns what changed from one revision to another: the operations that were
--- added and removed, and the changes of the others. Raises an error for an unknown
--- revision, and for an operation that neither has.
---@param from string
---@param to string
---@param options {operations: string[]|nil}|nil
---@return klaviyo.RevisionDiff
function M.diff(from, to, options)
  return diff.between(from, to, options)
end

--- Returns what can be asked of an operation, as text for an interactive session:
--- filters with their operators and the types of their values, sorts, includes,
--- fieldsets, pages, limits, scopes, the members of its table, and the attributes
--- that it returns. For a resource it returns the list of its operations. Raises an
--- error for an unknown name or revision.
---@param name string  an operation id, an alias, a method ("profiles:create") or a resource ("profiles")
---@param options {revision: string|nil}|nil  default: the revision of a client
---@return string text
function M.describe(name, options)
  return describe.text(name, options)
end

--- Returns the operations of a revision, sorted by id: their routes, and the methods
--- that call them. `resource` selects those of one resource.
---@param options {revision: string|nil, resource: string|nil}|nil  default: the revision of a client
---@return klaviyo.openapi.Route[]
function M.list(options)
  return listing.list(options)
end

--- Returns all that is known of an operation, as a table. Raises an error for an
--- unknown name or revision.
---@param name string  an operation id, or an alias
---@param options {revision: string|nil}|nil  default: the revision of a client
---@return klaviyo.openapi.Description
function M.get(name, options)
  return listing.get(name, options)
end

--- Returns the types that a member of an operation's table may have, or nil if it has
--- no such member. Raises an error for an unknown operation or revision.
---@param name string  an operation id, or an alias
---@param path string  "email", "profile.email", "profiles[].email"
---@param options {revision: string|nil}|nil  default: the revision of a client
---@return klaviyo.openapi.Member|nil
function M.member(name, path, options)
  return listing.member(name, path, options)
end

return M
