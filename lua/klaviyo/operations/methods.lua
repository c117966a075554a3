--- Finds the method that calls an operation: `client.lists:create`,
--- `client.lists:at(id).profiles:ids`, `client.templates:render`.

local actions = require "klaviyo.operations.actions"

local M = {}

-- The verbs by HTTP method, for each form of a path.
local COLLECTION = {
  GET = {"list", "each", "pages", "first", "all"}, POST = {"create"},
}
local MEMBER = {GET = {"get"}, PATCH = {"update"}, DELETE = {"delete"}}
local RELATED_MANY = {GET = {"list", "each", "pages", "first", "all"}}
local RELATED_ONE = {GET = {"get"}}
local LINKAGE = {
  GET = {"ids"}, POST = {"add"}, PATCH = {"replace"}, DELETE = {"remove"},
}

local function underscored(name)
  return (name:gsub("%-", "_"))
end

local by_route = {}
for root, resources in pairs(actions) do
  for resource, list in pairs(resources) do
    for verb, route in pairs(list) do
      by_route[route] = {
        resource = resource, verbs = {verb}, action = true,
        public = root == "client" or nil,
      }
    end
  end
end

---@class klaviyo.ClientMethod
---@field resource string  "catalog_items"
---@field relation? string  of one resource: at(id).categories
---@field verbs string[]  the methods that call it, the simplest first
---@field member? boolean  the first argument is the resource's id
---@field action? boolean  whether the operation is not CRUD
---@field public? boolean  below client.public

--- Returns the method that the form of an operation's path gives; nil if no verb
--- has paths of that form.
---@param op table
---@return klaviyo.ClientMethod|nil
function M.by_path(op)
  local root, resource, rest = op.path:match("^/(%l+)/([%l-]+)(.*)$")
  local linked = rest:match("^/{[%l_]+}/relationships/([%l-]+)$")
  local related = rest:match("^/{[%l_]+}/([%l-]+)$")
  local verbs = rest == "" and COLLECTION
    or rest:find("^/{[%l_]+}$") and MEMBER
    or linked and LINKAGE
    or related and (op.many and RELATED_MANY or RELATED_ONE)
  if not verbs or not verbs[op.method] then
    return nil
  end
  local relation = linked or related
  return {
    resource = underscored(resource),
    relation = relation and underscored(relation),
    verbs = verbs[op.method],
    member = verbs == MEMBER,
    public = root == "client" or nil,
  }
end

--- Returns the method that calls an operation; nil if there is none.
---@param op table
---@return klaviyo.ClientMethod|nil
function M.of(op)
  local action = by_route[op.method .. " " .. op.path]
  if action then
    action.member = #op.path_params > 0
    return action
  end
  return M.by_path(op)
end

--- Returns the name of a method: "client.lists:at(id).profiles:ids".
---@param method klaviyo.ClientMethod
---@param verb string|nil
function M.full_name(method, verb)
  return ("client%s.%s%s:%s"):format(method.public and ".public" or "",
    method.resource, method.relation and ":at(id)." .. method.relation or "",
    verb or method.verbs[1])
end

return M
