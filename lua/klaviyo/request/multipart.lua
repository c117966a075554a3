--- The body of an upload: the parts of a multipart/form-data form. Files are
--- read completely, so that a retry can send them again.

local usage_error = require "klaviyo.util.usage_error"

local M = {}

local MEDIA_TYPES = {
  jpg = "image/jpeg", jpeg = "image/jpeg", png = "image/png",
  gif = "image/gif",
}

local function read_path(path)
  local file, why = io.open(path, "rb")
  if not file then
    usage_error.raise("cannot read the file to upload: %s", why)
  end
  local data
  data, why = file:read("*a")
  file:close()
  if not data then
    usage_error.raise("cannot read the file to upload: %s", why)
  end
  return data
end

local function read_all(read)
  local chunks = {}
  while true do
    local chunk, why = read()
    if chunk == nil and why ~= nil then
      usage_error.raise("the reader of the file to upload failed: %s",
        tostring(why))
    elseif chunk == nil or chunk == "" then
      return table.concat(chunks)
    end
    chunks[#chunks + 1] = chunk
  end
end

-- A file is a path, {path =}, {data =, filename =} or {reader =, filename =}.
local function file_of(op, value)
  if type(value) == "string" then
    value = {path = value}
  elseif type(value) == "function" then
    value = {reader = value}
  elseif type(value) ~= "table" then
    usage_error.raise("the file of %s must be a path, a function or a table, "
      .. "not %s", op.id, usage_error.kind(value))
  end
  local data = value.data
  if value.path then
    data = read_path(value.path)
  elseif value.reader then
    data = read_all(value.reader)
  end
  if type(data) ~= "string" then
    usage_error.raise("the file of %s needs path, data or reader", op.id)
  end
  if value.type and not tostring(value.type):match("^[%w.+-]+/[%w.+-]+$") then
    usage_error.raise("the type of the file must be a media type, not %q",
      tostring(value.type))
  end
  local filename = value.filename
    or value.path and value.path:match("([^/\\]+)$") or "file"
  return data, filename, value.type
    or MEDIA_TYPES[filename:lower():match("%.(%w+)$") or ""] or false
end

local function add(form, ...)
  for i = 1, 4 do
    form[#form + 1] = select(i, ...) or false
  end
end

--- Returns the form as a flat list for core.submit: name, data, filename, media
--- type.
---@param op table  an operation whose body is a form
---@param t table  its fields
function M.build(op, t)
  local parts = op.body.parts
  if type(t) ~= "table" then
    usage_error.raise("%s takes a table, not %s", op.id, usage_error.kind(t))
  end
  local names = {}
  for name in pairs(t) do
    if not parts[name] then
      usage_error.unknown("field of " .. op.id, name, parts)
    end
    names[#names + 1] = name
  end
  for name, rule in pairs(parts) do
    if rule.required and t[name] == nil then
      usage_error.raise("%s needs %s", op.id, name)
    end
  end
  table.sort(names)
  local form = {}
  for _, name in ipairs(names) do
    if parts[name].type == "file" then
      add(form, name, file_of(op, t[name]))
    else
      add(form, name, tostring(t[name]))
    end
  end
  return form
end

return M
