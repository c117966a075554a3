--- A sandbox without nginx: requests go directly to the handler.

local json = require "klaviyo.sandbox.json"
local handler = require "klaviyo.sandbox.handler"
local state = require "klaviyo.sandbox.state"

local M = {}

local Sandbox = {}
Sandbox.__index = Sandbox

--- Returns a sandbox with its own state. The settings are those of sandbox.start.
function M.new(settings)
  local all = {key = "pk_test", company_id = "TestCo", seed = 1, record = 0,
    link_base = "https://a.klaviyo.com", now = 1760000000}
  for name, value in pairs(settings or {}) do
    all[name] = value
  end
  return setmetatable({state = state.new(all)}, Sandbox)
end

--- Sends a request. `body` is a text or a table; `headers` (lower case) replace the defaults, and
--- false removes one.
---@return integer status
---@return table|nil document
---@return table response
function Sandbox:ask(method, target, body, headers)
  local all = {authorization = "Klaviyo-API-Key pk_test",
    revision = "2024-10-15"}
  if target:find("/client/", 1, true) then
    all.authorization = nil
  end
  if body then
    all["content-type"] = "application/vnd.api+json"
  end
  for name, value in pairs(headers or {}) do
    all[name] = value or nil
  end
  local response = handler.handle(self.state, {
    method = method, target = target,
    body = type(body) == "table" and json.encode(body) or body,
    header = function(name) return all[name] end,
  })
  assert(response.raw_error == nil, response.raw_error)
  local document
  if response.body then
    local message
    document, message = json.decode(response.body)
    assert(not message, message)
  end
  return response.status, document, response
end

for name, method in pairs {get = "GET", post = "POST", patch = "PATCH",
  delete = "DELETE"} do
  Sandbox[name] = function(self, ...)
    return self:ask(method, ...)
  end
end

--- Returns the ids of a list of resources.
function M.ids(document)
  local ids = {}
  for i, resource in ipairs(document.data) do
    ids[i] = resource.id
  end
  return ids
end

--- Returns the target of a page's next link, or nil at the end.
function M.next(document)
  local link = document.links.next
  return link ~= json.null and (link:gsub("^https://a%.klaviyo%.com", ""))
    or nil
end

--- Returns the codes and pointers of an error document, as "code pointer" texts.
function M.errors_of(document)
  local list = {}
  for i, entry in ipairs(document.errors) do
    list[i] = entry.code .. " "
      .. (entry.source.pointer or entry.source.parameter or "")
  end
  table.sort(list)
  return list
end

return M
