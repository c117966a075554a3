--- Finds a member of an operation's table by its path: which types its value may
--- have. The sample "profiles[].email" is the member of an item of a list.

local names = require "klaviyo.document.names"
local schema = require "klaviyo.operations.schema"

local M = {}

---@class klaviyo.openapi.Member
---@field types table<string, boolean>  of its value: string, integer, number, boolean, table, list, file, any
---@field items? table<string, boolean>  of the items of a list
---@field values? any[]  the known values
---@field required boolean
---@field nullable boolean
---@field related? string  the type of the resource whose id it is

local STRING = {type = "string"}

-- A node is {resource =} or {member =}; a union is several nodes.
local function add_node(nodes, member)
  member = schema.target(member)
  for _, branch in ipairs(member.any_of or {}) do
    add_node(nodes, branch)
  end
  if not member.any_of then
    nodes[#nodes + 1] = {member = member, many = member.many}
  end
end

local function resource_step(nodes, resource, name)
  local slot = names.slot(resource, name)
  if not slot or slot.part == "type" then
    return
  elseif slot.part == "relationships" then
    nodes[#nodes + 1] = {member = STRING, many = slot.member.many,
      related = slot.member.type, required = slot.member.required}
  elseif slot.part == "id" then
    nodes[#nodes + 1] = {member = STRING, required = resource.id == "required"}
  else
    local first = #nodes + 1
    add_node(nodes, slot.member)
    for i = first, #nodes do
      nodes[i].required = slot.member.required
      nodes[i].nullable = slot.member.nullable
    end
  end
end

-- Adds the nodes that a name leads to.
local function step(nodes, node, name)
  local member = node.member
  if node.resource then
    resource_step(nodes, node.resource, name)
  elseif name == "[]" then
    if node.many then
      nodes[#nodes + 1] = {member = member, related = node.related,
        resource = member.document and schema.target(member.document)}
    elseif member.type == "list" then
      add_node(nodes, member.items)
    end
  elseif node.many then
    return
  elseif member.document then
    resource_step(nodes, schema.target(member.document), name)
  elseif member.members then
    local spelled = names.spelled(member.members, name)
    if spelled then
      local first = #nodes + 1
      add_node(nodes, member.members[spelled])
      for i = first, #nodes do
        nodes[i].required = member.members[spelled].required
        nodes[i].nullable = member.members[spelled].nullable
      end
    end
  elseif member.free or member.type == "any" then
    nodes[#nodes + 1] = {member = {type = "any"}}
  end
end

local function kind_of(member)
  if member.type == "document" or member.type == "object" then
    return "table"
  end
  return member.type
end

local function add_type(out, node)
  local member = node.member
  local types = out.types
  if node.resource then
    types.table = true
    return
  elseif node.many or member.type == "list" then
    types.list = true
    out.items = out.items or {}
    types = out.items
    if member.type == "list" then
      local items = {}
      add_node(items, member.items)
      for _, item in ipairs(items) do
        types[kind_of(item.member)] = true
        out.values = out.values or item.member.values
      end
    else
      types[node.related and "string" or kind_of(member)] = true
    end
  else
    types[kind_of(member)] = true
  end
  out.values = out.values or member.values
end

local function described(nodes)
  local out = {types = {}, required = false, nullable = false}
  for _, node in ipairs(nodes) do
    add_type(out, node)
    out.required = out.required or node.required or false
    out.nullable = out.nullable or node.nullable or node.member.nullable or false
    out.related = out.related or node.related
  end
  return out
end

local function segments(path)
  local list = {}
  for name in path:gmatch("[^.]+") do
    local rest = name
    local plain = rest:match("^[^%[]+")
    if plain then
      list[#list + 1] = plain
      rest = rest:sub(#plain + 1)
    end
    for _ in rest:gmatch("%[%]") do
      list[#list + 1] = "[]"
    end
  end
  return list
end

local function of_form(op, path)
  local part = op.body.parts[path]
  return part and {types = {[part.type] = true}, values = part.values,
    required = part.required or false, nullable = false}
end

--- Returns a member of the table that becomes the document of an operation, or nil
--- if there is none at this path.
---@param op table
---@param path string  "profile.email", "profiles[].email"
---@return klaviyo.openapi.Member|nil
function M.find(op, path)
  if not op.body then
    return nil
  elseif op.body.style == "multipart" then
    return of_form(op, path)
  end
  local resource = schema.target(op.body.resource)
  local nodes = {op.body.many and {member = {document = resource}, many = true}
    or {resource = resource}}
  for _, name in ipairs(segments(path)) do
    local found = {}
    for _, node in ipairs(nodes) do
      step(found, node, name)
    end
    nodes = found
  end
  return #nodes > 0 and described(nodes) or nil
end

return M
