--- Builds a request from an operation and its arguments.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local settings_known = require "klaviyo.settings"

local form = lazy_require "klaviyo.request.multipart"
local unique_id = lazy_require "klaviyo.request.unique_id"
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

-- Returns the bytes of a body: a string as it is, a table as JSON.
local function bytes_of(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "table" then
    return json.encode_body(value)
  end
  usage_error.raise("body must be a table or a string, not %s", usage_error.kind(value))
end

-- POSTs that upsert: repeating them has no further effect.
local UPSERTS = {
  ["/api/profile-import"] = true,
  ["/api/profile-bulk-import-jobs"] = true,
}

local EVENTS = {
  ["/api/events"] = true, ["/api/event-bulk-create-jobs"] = true,
  ["/client/events"] = true, ["/client/event-bulk-create"] = true,
}

local function is_form(op)
  return op.body and op.body.style == "multipart"
end

-- The members that lead to the attributes of events, and the length of the
-- longest path (data, attributes, events-bulk-create, data, an item,
-- attributes, events, data, an item, attributes).
local PATH = {
  data = true, attributes = true, events = true, ["events-bulk-create"] = true,
}
local MAX_PATH = 10

-- Copies the tables on these paths; all other members are shared.
local function copy(value, levels)
  local class = getmetatable(value)
  if type(value) ~= "table" or levels < 0 or class and class.__tojson then
    return value
  end
  local made = {}
  for key, member in pairs(value) do
    local leads_on = PATH[key] or type(key) == "number"
    made[key] = leads_on and copy(member, levels - 1) or member
  end
  return setmetatable(made, class)
end

-- Adds ids to events: in a copy, because the caller may reuse its table for the
-- next event, which needs another id. In the library's own document of an event
-- only the properties are the caller's tables. Also returns whether all events
-- have an id.
local function with_ids(body, owned)
  if type(body) == "string" then
    return body, unique_id.is_everywhere(json.decode(body))
  elseif type(body) ~= "table" then
    return body, true
  elseif not (owned and body.data.type == "event") then
    if unique_id.is_everywhere(body) then
      return body, true
    end
    body = copy(body, MAX_PATH)
  end
  return body, unique_id.ensure(body)
end

-- Returns the body, and whether the request is idempotent: with every method but
-- POST (RFC 9110, 9.2.2; a PATCH here sets members to values), with upserts, and
-- with events that have an id.
local function prepared_body(op, body, owned)
  if EVENTS[op.path] then
    if owned and type(body) == "userdata" then
      return body, true  -- the encoder gave it an id
    end
    return with_ids(body, owned)
  end
  return body, op.method ~= "POST" or UPSERTS[op.path] or false
end

local function refuse_no_body(op)
  if is_form(op) then
    usage_error.raise("%s needs a body: a table of its fields", op.id)
  elseif op.body then
    usage_error.raise("%s needs a body: body = klaviyo.document(%q, {…})", op.id,
      op.id)
  end
end

local function add_body(request, op, value, owned)
  local body, repeatable = prepared_body(op, value, owned)
  request.repeatable = repeatable
  if body == nil then
    refuse_no_body(op)
  elseif is_form(op) then
    request.form = form.build(op, body)
  elseif owned and type(body) == "userdata" then
    request.body = body
  else
    request.body = bytes_of(body)
    request.document = type(body) == "table" and body
      or op.page and op.page.style == "body" and json.decode(body) or nil
  end
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
    add_body(request, op, args.body, owned)
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
      repeatable = op.method ~= "POST" or UPSERTS[op.path] or EVENTS[op.path]
        or false,
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

local METHODS = {
  GET = true, POST = true, PATCH = true, PUT = true, DELETE = true,
  HEAD = true,
}

local RAW = {
  method = true, path = true, query = true, body = true, headers = true,
}

-- Returns a link with more parameters. Those that it already has stay as they
-- are.
local function with_parameters(url, parameters)
  local all = query.of_url(url)
  local count = #all
  query.raw(parameters, all)
  local more = {}
  for i = count + 1, #all do
    more[#more + 1] = all[i]
  end
  return url .. (core.url("", "", nil, more)
    :gsub("^%?", url:find("?", 1, true) and "&" or "?"))
end

local function raw_url(path, parameters, settings)
  if type(path) ~= "string" then
    usage_error.raise("path must be a string, not %s", usage_error.kind(path))
  end
  if path:match("^%a[%w+.-]*://") then  -- a link from a document
    local url, why = core.rebase(settings.base_url, path)
    if not url then
      usage_error.raise("path is %s", why == "foreign"
        and "a link to another host" or "not a link of the API")
    end
    return with_parameters(url, parameters)
  end
  if not path:match("^/[%w%-._~!$&'()*+,;=:@/%%]*$")
      or path:gsub("%%2[eE]", "."):gsub("/?$", "/", 1):find("/%.?%.?/") then
    usage_error.raise("path must begin with / and contain only characters of a "
      .. "URL's path; pass the query as query = {…}")
  end
  return core.url(settings.base_url, path, nil, query.raw(parameters))
end

--- Returns a request for a path that is not in the table of operations.
---@param args {method: string|nil, path: string, query: table|nil, body: any}
---@param settings klaviyo.Settings
function M.raw(args, settings)
  if type(args) ~= "table" then
    usage_error.raise("request takes a table, not %s", usage_error.kind(args))
  end
  for key in pairs(args) do
    if not RAW[key] then
      usage_error.unknown("argument of request", key, RAW)
    end
  end
  local method = args.method or "GET"
  if not METHODS[method] then
    usage_error.unknown("method", method, METHODS)
  end
  if args.body ~= nil and (method == "GET" or method == "HEAD") then
    usage_error.raise("%s does not take a body", method)
  end
  local url = raw_url(args.path, args.query, settings)
  return {
    method = method,
    url = url,
    body = args.body ~= nil and bytes_of(args.body) or nil,
    repeatable = method ~= "POST",
    -- public calls must not send the private key
    public = url:sub(#settings.base_url + 1):match("^/client/") and true,
  }
end

return M
