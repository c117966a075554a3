--- Encodes the caller's records. Each is encoded once, and inserted into an
--- envelope that was encoded once.

local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"
local packed = require "klaviyo.bulk.packed"
local unique_id = require "klaviyo.request.unique_id"

local M = {}

local HOLE = "klaviyo: the records go here"

local function hyphened(name)
  return (name:gsub("_", "-"))
end

--- Returns the text before the records, and the one after them.
---@param client klaviyo.Client
---@param kind table  a value of kinds.lua
---@param options table  options of the import
---@return {before: string, after: string}
function M.envelope(client, kind, options)
  local flat = {[kind.member] = json.array {}}
  for name, member in pairs(kind.settings) do
    flat[member] = options[name]
  end
  local document = client:document(kind.operation, flat)
  document.data.attributes[hyphened(kind.member)] = {data = HOLE}
  local text = json.encode(document)
  local first, last = text:find(json.encode(HOLE), 1, true)
  return {before = text:sub(1, first - 1) .. "[",
    after = "]" .. text:sub(last + 1)}
end

-- Returns an error for a record that the document builder rejected. Its message
-- names a line of the program and a list that the caller did not write; both
-- are removed.
local function validation_error(kind, message)
  local words = tostring(message):gsub("^[^\n]-:%d+: ", "")
  local list = kind.member:gsub("%p", "%%%0") .. "%[1%]"
  words = words:gsub(", in " .. list .. ":", ":"):gsub(" in " .. list .. "$",
    ""):gsub(list .. "%.?", ""):gsub("^%[2%]%.?", "")
  return {{code = "refused", title = "Refused before it was sent",
    detail = words}}
end

local function is_resource(kind, record)
  return kind.type and type(record) == "table" and record.type == kind.type
    and type(record.attributes or record.relationships) == "table"
end

--- Returns the function that encodes the records of an import. It takes a record
--- and its position, and returns the text, or nil and the errors. A whole
--- resource is sent as it is, a flat table as the document builder makes it.
---@param client klaviyo.Client
---@param kind table
---@param seed string  the seed of the unique_ids
function M.encoder(client, kind, seed)
  local member = hyphened(kind.member)

  local function resource_of(record, position)
    if is_resource(kind, record) then
      return record
    elseif kind.wrap then
      if type(record) ~= "table" then
        usage_error.raise("a record must be a table, not %s", usage_error.kind(record))
      end
      record = kind.wrap(record, unique_id.derived(seed, position))
    end
    local document = client:document(kind.operation,
      {[kind.member] = {record}})
    return document.data.attributes[member].data[1]
  end

  return function(record, position)
    local ok, text = pcall(function()
      return packed.encode(resource_of(record, position), position)
    end)
    if ok then
      return text
    end
    return nil, validation_error(kind, text)
  end
end

--- Returns the index (from 1) of the record in a chunk that an error points to;
--- or nil, and whether it points to something that is not a record.
---@param kind table
---@param object table  an error object
---@return integer|nil
---@return boolean elsewhere
function M.pointed(kind, object)
  local source = type(object) == "table" and object.source
  local pointer = type(source) == "table" and source.pointer
  if type(pointer) ~= "string" then
    return nil, false
  end
  local member = hyphened(kind.member):gsub("%-", "%%-")
  local index = pointer:match(member .. "/data/(%d+)")
    or pointer:match(member .. "/(%d+)") or pointer:match("^/data/(%d+)")
  if index then
    return tonumber(index) + 1, false
  end
  return nil, pointer:find("^/data/relationships/") ~= nil
    or (pointer:match("^/data/attributes/([^/]+)") or member) ~=
      hyphened(kind.member) and pointer:find("^/data/attributes/") ~= nil
end

return M
