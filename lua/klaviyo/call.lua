--- One call: its request is built, sent and awaited. Every call of the public
--- interface ends here, with the record of its operation.

local lazy_require = require "klaviyo.util.lazy_require"
local request = require "klaviyo.request.request"
local revision_warning = require "klaviyo.operations.revision_warning"
local settings = require "klaviyo.settings"
local transport = require "klaviyo.transport.transport"
local usage_error = require "klaviyo.util.usage_error"

local raw_request = lazy_require "klaviyo.request.raw"

local M = {}

--- Returns the settings of one call: those of the client, and in place of them
--- the ones that the caller passed for this call.
---@param values klaviyo.Settings
---@param options table|nil
---@return klaviyo.Settings
function M.settings(values, options)
  if options == nil then
    return values
  elseif type(options) ~= "table" then
    usage_error.raise("settings must be a table, not %s", usage_error.kind(options))
  end
  return settings.with(values, options)
end

--- Returns the request of an operation, and its settings, which have the header
--- fields of the arguments.
---@param values klaviyo.Settings
---@param api klaviyo.Api
---@param op table  the record of the operation
---@param args table|nil  path parameters, filter, fields, …, body
---@param owned boolean|nil  the body was built by the library and may be changed
---@return table request
---@return klaviyo.Settings
function M.build(values, api, op, args, owned)
  local made = request.of_operation(op, api, args, values, owned)
  if args and args.headers then
    values = settings.with(values, {headers = args.headers})
  end
  return made, values
end

--- Returns the same for a request that names no operation.
---@param values klaviyo.Settings
---@param args {method: string|nil, path: string, query: table|nil, body: any, headers: table|nil}
---@return table request
---@return klaviyo.Settings
function M.raw(values, args)
  local made = raw_request.of(args, values)
  if args.headers then
    values = settings.with(values, {headers = args.headers})
  end
  return made, values
end

-- Gives a warning if the operation differs in the revision that Klaviyo serves.
local function check_revision(values, api, op)
  local checked = revision_warning.checked[api]
  if not (checked and checked[op]) then
    revision_warning.check(values, op, api)
  end
end

--- Returns the request of an operation that will be sent.
---@return table request
---@return klaviyo.Settings
function M.prepare(values, api, op, args, owned)
  local made
  made, values = M.build(values, api, op, args, owned)
  check_revision(values, api, op)
  return made, values
end

--- Returns the same for the bytes of a document, and no other arguments.
---@param bytes userdata  of encoder.lua
---@return table request
---@return klaviyo.Settings
function M.prepare_bytes(values, api, op, bytes)
  local made = request.of_bytes(op, bytes, values)
  if not made then
    return M.prepare(values, api, op, {body = bytes}, true)
  end
  check_revision(values, api, op)
  return made, values
end

--- Makes a call and waits for its response. The parameters are those of prepare.
---@return klaviyo.Document|nil
---@return klaviyo.Error|nil
function M.run(values, api, op, args, owned)
  local made
  made, values = M.prepare(values, api, op, args, owned)
  return transport.call(values, made, op)
end

--- Makes the call of prepare_bytes.
---@return klaviyo.Document|nil
---@return klaviyo.Error|nil
function M.run_bytes(values, api, op, bytes)
  local made = M.prepare_bytes(values, api, op, bytes)
  return transport.call(values, made, op)
end

return M
