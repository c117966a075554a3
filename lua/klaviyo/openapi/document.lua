--- Reads an OpenAPI document of Klaviyo: returns the lines of a revision in the
--- format that lua/klaviyo/operations/format.lua describes. They contain names and
--- numbers, but not descriptions.

local json = require "klaviyo.values.json"
local operation = require "klaviyo.openapi.operation"
local schema = require "klaviyo.openapi.schema"
local tables = require "klaviyo.util.tables"

local M = {}

local METHODS = {
  get = true, post = true, patch = true, delete = true, put = true, head = true,
  options = true, trace = true,
}

-- Calls fn with the method, the path and each operation of a document, in order.
local function each_operation(spec, fn)
  for _, path in ipairs(tables.sorted(spec.paths)) do
    for _, method in ipairs(tables.sorted(spec.paths[path])) do
      if METHODS[method] then
        fn(method, path, spec.paths[path][method])
      end
    end
  end
end

-- Returns the lists of sparse fields, named by their type: the list that most
-- operations have is named by the type alone, others have a number too. In a beta
-- revision all have a "b", because stable operations have lists of these types.
local function field_lists(spec, is_beta)
  local by_type = {}
  each_operation(spec, function(_, _, one)
    for _, parameter in ipairs(one.parameters or {}) do
      local kind = parameter.name and parameter.name:match("^fields%[(.+)%]$")
      if kind then
        local text = schema.words(parameter.schema.items.enum)
        local uses = by_type[kind] or {}
        by_type[kind] = uses
        uses[text] = (uses[text] or 0) + 1
      end
    end
  end)
  local lists = {lines = {}, names = {}}
  for kind, uses in pairs(by_type) do
    local texts = tables.sorted(uses)
    table.sort(texts, function(a, b)
      if uses[a] ~= uses[b] then
        return uses[a] > uses[b]
      end
      return a < b
    end)
    for i, text in ipairs(texts) do
      local name = i == 1 and kind or kind .. "." .. i
      if is_beta then
        name = ("%s.b%d"):format(kind, i)
      end
      lists.lines[name] = text
      lists.names[kind .. "=" .. text] = name
    end
  end
  function lists:name(kind, values)
    return self.names[kind .. "=" .. schema.words(values)]
  end
  return lists
end

-- A line is read in parts of this size at most (klaviyo/operations/init.lua).
local MAX_LINE = 4000

local function line(writer, method, path, one, lists)
  local id = one.operationId
  assert(type(id) == "string" and id:find("^[%w_]+$"),
    "an operationId that is not a name")
  assert(path:find("^/[%w%-_/{}.]+$"), "a path that is not a path of the API")
  local text = operation.line(writer, method, path, one, lists)
  assert(#text < MAX_LINE and not text:find("[%c]"), "too much to describe in a line")
  return text
end

-- Returns what an assertion in the writer says, without its position.
local function reason(err)
  return (tostring(err):gsub("^[^\n]-:%d+: ", ""):match("^[^\n]*"))
end

local function lines(spec)
  local is_beta = spec.info.version:find("%.pre$") ~= nil
  local writer = schema.new(spec, is_beta and "Beta" or "")
  local made = {operations = {}, schemas = writer.lines}
  local ok, lists = pcall(field_lists, spec, is_beta)
  if not ok then
    return nil, "a sparse fieldset of it cannot be read: " .. reason(lists)
  end
  made.fields = lists.lines
  lists.taken = {}
  each_operation(spec, function(_, _, one)
    local id = tostring(one.operationId)
    lists.taken[id], lists.taken[id:gsub("_beta$", "")] = true, true
  end)
  local problem
  each_operation(spec, function(method, path, one)
    local done, text = pcall(line, writer, method, path, one, lists)
    if done then
      made.operations[one.operationId] = text
    else
      problem = problem or ("its operation %s %s cannot be read: %s"):format(
        method:upper(), path, reason(text))
    end
  end)
  if problem then
    return nil, problem
  end
  return made
end

local function is_table(value)
  return type(value) == "table" and not json.is_array(value)
end

-- Returns why a document is not one of Klaviyo's API, or nil.
local function problem_of(spec)
  if not is_table(spec) or type(spec.openapi) ~= "string"
      or not spec.openapi:find("^3%.") then
    return "it is not an OpenAPI document of version 3"
  elseif not is_table(spec.info) or type(spec.info.version) ~= "string"
      or not spec.info.version:find("^%d%d%d%d%-%d%d%-%d%d$")
      and not spec.info.version:find("^%d%d%d%d%-%d%d%-%d%d%.pre$") then
    return ("its info.version is not the date of a revision (%s), so it is not a "
      .. "document of the Klaviyo API"):format(
      is_table(spec.info) and tostring(spec.info.version) or "none")
  elseif not is_table(spec.paths) or next(spec.paths) == nil then
    return "it has no paths"
  end
  for path, item in pairs(spec.paths) do
    if not is_table(item) then
      return ("its path %s has no operations"):format(tostring(path))
    elseif not path:find("^/api/") and not path:find("^/client/") then
      return ("its path %s is not one of the Klaviyo API"):format(path)
    end
  end
  spec.components = is_table(spec.components) and spec.components or {}
  spec.components.schemas = spec.components.schemas or {}
  return nil
end

--- Reads a document.
---@param text string  JSON
---@return {date: string, operations: table, fields: table, schemas: table}|nil
--- the sections by name; each has its lines by name
---@return string|nil problem
function M.read(text)
  local spec, why = json.decode(text)
  if spec == nil then
    return nil, "it is not JSON: " .. why
  end
  local problem = problem_of(spec)
  if problem then
    return nil, problem
  end
  local made
  made, problem = lines(spec)
  if not made then
    return nil, problem
  end
  made.date = spec.info.version
  return made
end

return M
