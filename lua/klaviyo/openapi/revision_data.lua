--- Reads the revision of an OpenAPI document: the data that klaviyo.operations.add
--- takes.

local cache = require "klaviyo.openapi.cache"
local documents = require "klaviyo.openapi.document"
local errors = require "klaviyo.response.errors"
local operations = require "klaviyo.operations"
local sections = require "klaviyo.openapi.sections"

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

--- Returns the data of the revision of an OpenAPI document, from the cache if it was
--- read before.
---@param document string  the path of the document, or its text
---@return table|nil data  as klaviyo.operations.add takes it
---@return klaviyo.Error|nil err  of kind "openapi"
function M.read(document)
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
  return data
end

return M
