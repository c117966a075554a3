-- A small OpenAPI document of the kind that Klaviyo publishes.

local M = {}

local function data(kind, more)
  local properties = {type = {type = "string", enum = {kind}}}
  for name, schema in pairs(more or {}) do
    properties[name] = schema
  end
  return {type = "object", required = {"data"}, properties = {
    data = {type = "object", required = {"type", "attributes"}, properties = properties}}}
end

--- Returns the `content` of a request or a response: a resource.
---@param kind string  its type
---@param attributes table|nil  the schema of its attributes
function M.content(kind, attributes)
  return {["application/vnd.api+json"] = {schema = data(kind, {attributes = attributes})}}
end

--- Returns an operation that responds with a gadget.
---@param id string
---@param more table|nil  its other members
function M.operation(id, more)
  local one = {
    operationId = id, description = "", parameters = {},
    responses = {["200"] = {content = M.content "gadget"}},
    ["x-klaviyo-ratelimit"] = {burst = "3/s", steady = "60/m"},
    ["x-klaviyo-scopes"] = {"gadgets:read"},
  }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

--- Returns a document with two operations, get_gadget and create_gadget.
---@param version string|nil
function M.new(version)
  return {
    openapi = "3.0.2", info = {version = version or "2027-01-15"},
    paths = {
      ["/api/gadgets/{id}"] = {get = M.operation "get_gadget"},
      ["/api/gadgets"] = {post = M.operation("create_gadget", {requestBody = {content = M.content("gadget", {
        type = "object", required = {"name"}, properties = {
          name = {type = "string"}, colour = {type = "string", enum = {"red", "green"}},
        },
      })}})},
    },
    components = {schemas = {}},
  }
end

return M
