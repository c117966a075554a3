--- Serves images: uploads of a multipart form, and imports from a URL.

local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local error_response = require "klaviyo.sandbox.error_response"

local M = {}

local function throw_invalid(detail, name)
  error_response.throw(400, "invalid", detail,
    {pointer = "/data/attributes/" .. (name or "file")})
end

--- Returns the parts of a multipart body by name: `text`, `filename`.
---@param body table `op.body` of the operations table
---@param request table
---@return table
function M.parts(body, request)
  local boundary = request.header("content-type"):match('boundary="?([^";]+)')
  if not boundary then
    throw_invalid("The multipart body has no boundary.")
  end
  local text = "\r\n" .. (request.body or "")
  local delimiter = "\r\n--" .. boundary
  local parts = {}
  local from = text:find(delimiter, 1, true)
  while from do
    local start = from + #delimiter
    if text:sub(start, start + 1) == "--" then
      break
    end
    local stop = text:find(delimiter, start, true)
    local head, data = text:sub(start, (stop or 0) - 1)
      :match("^\r\n(.-)\r\n\r\n(.*)$")
    if not stop or not head then
      throw_invalid("The multipart body is malformed.")
    end
    local name = head:match('[; ]name="([^"]*)"')
    if not name or not body.parts[name] then
      throw_invalid(("Unknown part '%s'."):format(tostring(name)), name)
    end
    parts[name] = {text = data, filename = head:match('filename="([^"]*)"')}
    from = stop
  end
  for name, part in pairs(body.parts) do
    if part.required and not parts[name] then
      throw_invalid(("'%s' is a required part."):format(name), name)
    end
  end
  return {parts = parts}
end

local SIGNATURES = {["\137PNG"] = "png", ["GIF8"] = "gif",
  ["\255\216\255"] = "jpeg"}

local function format_of(text)
  for signature, format in pairs(SIGNATURES) do
    if text:sub(1, #signature) == signature then
      return format
    end
  end
end

local function upload(call)
  local parts = call.document.parts
  local format = format_of(parts.file.text)
  if not format then
    throw_invalid("The file is neither a JPEG, PNG nor GIF image.")
  end
  local image = call.state:make("image", {
    name = parts.name and parts.name.text or parts.file.filename,
    hidden = parts.hidden ~= nil and parts.hidden.text == "true",
    size = #parts.file.text, format = format,
  })
  return response.one(call, "image", image)
end

-- PATCH replaces the whole resource: attributes that are missing are reset.
local function update(call)
  local attributes = call.document.data.attributes or {}
  call.document.data.attributes = attributes
  if attributes.name == nil then
    attributes.name = json.null
  end
  if attributes.hidden == nil then
    attributes.hidden = false
  end
  return generic.serve(call)
end

-- Hidden images are listed only if the filter names `hidden`.
local function list(call)
  call.query.terms = call.query.terms or {}
  for _, term in ipairs(call.query.terms) do
    if term.field == "hidden" then
      return generic.serve(call)
    end
  end
  table.insert(call.query.terms, {operator = "equals", field = "hidden",
    value = {kind = "boolean", value = false}})
  return generic.serve(call)
end

M.routes = {
  ["GET /api/images"] = list,
  ["PATCH /api/images/{id}"] = update,
  ["POST /api/image-upload"] = upload,
}

return M
