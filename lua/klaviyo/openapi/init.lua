--- klaviyo.operations: the table of API operations as a program sees it. A program
--- adds a revision from an OpenAPI document of Klaviyo, for example the newest one.

local cache = require "klaviyo.openapi.cache"
local documents = require "klaviyo.openapi.document"
local errors = require "klaviyo.response.errors"
local lazy_require = require "klaviyo.util.lazy_require"
local operations = require "klaviyo.operations"
local sections = require "klaviyo.openapi.sections"
local usage_error = require "klaviyo.util.usage_error"

local describe = lazy_require "klaviyo.openapi.describe"
local diff = lazy_require "klaviyo.openapi.diff"

local M = {}

-- A document of Klaviyo has less than 2 MB.
local MAX_BYTES = 32 * 1024 * 1024

local function failure(name, problem)
  return nil, errors.new {kind = "openapi",
    message = ("the OpenAPI document %s cannot be used: %s"):format(name, problem)}
end

-- Returns the text of a file, or nil and the problem.
local function read_file(path)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local size = file:seek("end")
  local text
  if size and size > MAX_BYTES then
    why = ("it has %d bytes, more than %d"):format(size, MAX_BYTES)
  else
    file:seek("set")
    text, why = file:read("*a")
  end
  file:close()
  return text, why or (not text and "it cannot be read" or nil)
end

local function text_of(lines)
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

-- Returns the data of a revision, as klaviyo.operations.add takes them.
local function data_of(made)
  local stable, removed = made.date:match("^(.*)%.pre$"), nil
  local follows = stable and operations.latest(stable) or nil
  if follows then
    removed = sections.replaced(operations.revision(follows):lines().operations,
      made.operations)
  end
  return {
    date = made.date, follows = follows,
    operations = text_of(sections.list(made.operations, removed)),
    fields = text_of(sections.list(made.fields)),
    schemas = text_of(sections.list(made.schemas)),
  }
end

local function is_text(value)
  return value:find("^%s*{") ~= nil
end

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
  local name, text, problem = "(text)", document, nil
  if not is_text(document) then
    name = document
    text, problem = read_file(document)
  elseif #document > MAX_BYTES then
    text, problem = nil, ("it has %d bytes, more than %d"):format(#document, MAX_BYTES)
  end
  if not text then
    return failure(name, problem)
  end
  local data = cache.read(text)
  if not data then
    local made
    made, problem = documents.read(text)
    if not made then
      return failure(name, problem)
    end
    data = data_of(made)
    cache.write(text, data)
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
--- that it returns. Raises an error for an unknown operation or revision.
---@param operation string  an operation id, or one of its aliases
---@param options {revision: string|nil}|nil  default: the revision of a client
---@return string text
function M.describe(operation, options)
  return describe.text(operation, options)
end

return M
