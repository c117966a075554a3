--- Records of operations that no revision has: the verbs of JSON:API on a resource
--- that the service may know.

local M = {}

local function singular(name)
  return (name:gsub("ies$", "y"):gsub("s$", ""))
end

--- Returns the record of an operation that takes any parameter, and a document whose
--- attributes are not checked.
---@param method string  "GET"
---@param path string  "/api/gadgets/{id}"
---@return table
function M.operation(method, path)
  local op = {
    id = method .. " " .. path, method = method, path = path, query = {},
    path_params = {}, success = {}, aliases = {}, is_open = true,
    public = path:find("^/client/") ~= nil or nil,
  }
  for name in path:gmatch("{([%w_]+)}") do
    op.path_params[#op.path_params + 1] = name
  end
  local many = path:find("/relationships/", 1, true) ~= nil
  if method == "GET" then
    op.page = {style = "cursor", param = "page[cursor]"}
  elseif method ~= "DELETE" or many then
    local name = path:match("/relationships/([%w-]+)$") or path:match("^/%w+/([%w-]+)")
    op.body = {style = "document", many = many,
      resource = {type = singular(name), is_open = true}}
  end
  return op
end

return M
