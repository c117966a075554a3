--- Builds a request from an operation and its arguments.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local settings_known = require "klaviyo.settings"

local bodies = lazy_require "klaviyo.request.body"
local int64 = lazy_require "klaviyo.values.int64"
local json = lazy_require "klaviyo.values.json"
local query = lazy_require "klaviyo.request.query"

local M = {}

-- The arguments besides the path parameters, and the part of the request that
-- each belongs to.
local ARGUMENTS = {
  filter = "query", sort = "query", include = "query", fields = "query",
  additional_fields = "query", page = "query", company_id = "query",
  query = "query", body = "body", headers = "headers", only = "response",
}

local function singular(segment)
  return (segment:gsub("ies$", "y"):gsub("s$", ""))
end

-- `list_id` is another name for the id of /api/lists/{id}, `id` for {job_id}.
local function path_names(op)
  local names = {}
  for _, name in ipairs(op.path_params) do
    names[name] = name
    if #op.path_params == 1 then
      names.id = name
    end
    local segment = op.path:match("([^/]+)/{" .. name .. "}")
    names[singular(segment):gsub("%-", "_") .. "_id"] = name
  end
  return names
end

local function requires_any(parameters)
  for _, parameter in pairs(parameters) do
    if parameter.required then
      return true
    end
  end
  return false
end

-- operation → {names = of its path parameters, needs_no_query = true or false}
local facts_of = setmetatable({}, {
  __mode = "k",
  __index = function(facts_of, op)
    local facts = {
      names = path_names(op), needs_no_query = not requires_any(op.query),
    }
    facts_of[op] = facts
    return facts
  end,
})

local function known_arguments(op)
  local names = {}
  for name in pairs(ARGUMENTS) do
    names[name] = true
  end
  for name in pairs(facts_of[op].names) do
    names[name] = true
  end
  return names
end

-- The keys of the arguments that name a path parameter.
local function keys_for(names, name, args)
  local keys = {}
  for key in pairs(args) do
    if names[key] == name then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  return keys
end

local function path_value(op, key, value)
  if type(value) == "number" and value % 1 == 0 then
    return ("%d"):format(value)
  end
  return int64.digits(value) or usage_error.raise(
    "%s of %s must be a string, not %s", key, op.id, usage_error.kind(value))
end

-- Names that are not arguments, and what to write instead.
local MEANT = {
  limit = "a page has page = {size = …}; limit is an argument of each, pages "
    .. "and ids, max of all",
  max = "a page has page = {size = …}; max is an argument of all",
  raw = "raw is an argument of each and pages; the text of any response is its "
    .. "response.body",
  page_size = "page = {size = …}",
  size = "page = {size = …}",
  per_page = "page = {size = …}",
  cursor = "page = {cursor = …}",
  page_cursor = "page = {cursor = …}",
}

local function refuse_argument(op, key)
  if MEANT[key] and op.method == "GET" then
    usage_error.raise('unknown argument "%s" of %s; %s', key, op.id, MEANT[key])
  end
  if settings_known.has(key) then
    usage_error.raise("%s is not an argument of %s but a setting; pass settings "
      .. "as a separate table after the arguments", key, op.id)
  elseif op.body and op.body.style == "document" then
    usage_error.raise('unknown argument "%s" of %s; attributes go into a '
      .. "document: body = klaviyo.document(%q, {…})", tostring(key),
      op.id, op.id)
  end
  usage_error.unknown("argument of " .. op.id, key, known_arguments(op))
end

-- Returns the path parameters by name, and whether the arguments have anything
-- for the query.
local function path_values(op, args)
  local values, asks = {}, false
  local names = facts_of[op].names
  for key, value in next, args do
    local name = names[key]
    if name then
      value = type(value) == "string" and value or path_value(op, key, value)
      if values[name] and values[name] ~= value then
        local keys = keys_for(names, name, args)
        usage_error.raise("%s: conflicting values for %s (%s) and %s (%s)", op.id,
          keys[1], usage_error.shown(args[keys[1]]), keys[2],
          usage_error.shown(args[keys[2]]))
      end
      values[name] = value
    elseif not ARGUMENTS[key] then
      refuse_argument(op, key)
    elseif ARGUMENTS[key] == "query" then
      asks = true
    end
  end
  for i = 1, #op.path_params do
    local name = op.path_params[i]
    if not values[name] then
      usage_error.raise("%s needs %s", op.id, name)
    end
  end
  return values, asks
end

--- Returns the request for an operation and its arguments.
---@param op table  the record of an operation
---@param api klaviyo.Api
---@param args table|nil
---@param settings klaviyo.Settings
---@param owned boolean|nil  the body was built by the library and may be changed, or
--- is userdata with its bytes
---@return table request  {method, url, body, document, form, repeatable, public,
--- revision, paths}; `body` is a string or of json.encode_body; `revision` is that
--- of an operation which has another than the settings, `paths` the members of its
--- response that are decoded
function M.of_operation(op, api, args, settings, owned)
  args = args or {}
  if type(args) ~= "table" then
    usage_error.raise("the arguments of %s must be a table, not %s", op.id,
      usage_error.kind(args))
  end
  local values, asks = path_values(op, args)
  local today = os.time() < revision_lifecycle.next_day
    and revision_lifecycle.daily[api] or api:today()
  local differing = today.counterparts[op]
  if differing == nil then
    differing = api:differing(op)
  end
  local parameters
  if asks or differing or not facts_of[op].needs_no_query
      or op.query.company_id and settings.company_id then
    parameters = query.write(op, api, args, settings, differing)
  end
  local url, bad = core.url(settings.base_url, op.path, values, parameters)
  if not url then
    usage_error.raise('%s of %s cannot be "%s"', bad, op.id, values[bad])
  end
  local request = {
    method = op.method, url = url, public = op.public, revision = op.revision,
    repeatable = op.method ~= "POST", body = nil,
  }
  if args.only ~= nil then
    request.paths = json.resource_paths(args.only, op.id .. ": only")
  end
  if op.body or args.body ~= nil then
    bodies.add(request, op, args.body, owned)
  end
  return request
end

-- settings → operation → {url =, repeatable =}; false if the URL depends on the
-- arguments or on other settings
local constants_of = setmetatable({}, {__mode = "k"})

local function constants(op, settings)
  local known = constants_of[settings]
  if not known then
    known = {}
    constants_of[settings] = known
  end
  known[op] = false
  if op.path_params[1] == nil and facts_of[op].needs_no_query
      and not op.query.company_id then
    known[op] = {
      url = core.url(settings.base_url, op.path),
      repeatable = bodies.is_repeatable(op, true),
    }
  end
  return known[op]
end

--- Returns the request for the bytes of a document, if the operation needs no
--- other arguments.
---@param op table
---@param bytes userdata  of encoder.lua; an event has a unique_id
---@param settings klaviyo.Settings
---@return table|nil request  as that of `of_operation`
function M.of_bytes(op, bytes, settings)
  local known = constants_of[settings]
  local own = known and known[op]
  if own == nil then
    own = constants(op, settings)
  end
  return own and {
    method = op.method, url = own.url, public = op.public,
    revision = op.revision, repeatable = own.repeatable, body = bytes,
  } or nil
end

return M
