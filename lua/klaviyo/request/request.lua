--- From an operation and its arguments to what goes over the wire.

local core = require "klaviyo.core"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local settings_known = require "klaviyo.settings"

local form = lazy_require "klaviyo.request.multipart"
local unique_id = lazy_require "klaviyo.request.unique_id"
local int64 = lazy_require "klaviyo.values.int64"
local json = lazy_require "klaviyo.values.json"
local query = lazy_require "klaviyo.request.query"

local M = {}

-- The arguments that are not path parameters, and where they go.
local ARGUMENTS = {
  filter = "query", sort = "query", include = "query", fields = "query",
  additional_fields = "query", page = "query", company_id = "query",
  query = "query", body = "body", headers = "headers",
}

local function singular(segment)
  return (segment:gsub("ies$", "y"):gsub("s$", ""))
end

-- `list_id` may be said for the id of /api/lists/{id}, `id` for {job_id}.
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

-- operation → {names = of what is in its path, may_ask_nothing = of its query}
local known = setmetatable({}, {__mode = "k"})

local function known_of(op)
  local facts = known[op]
  if not facts then
    facts = {
      names = path_names(op), may_ask_nothing = not requires_any(op.query),
    }
    known[op] = facts
  end
  return facts
end

local function known_arguments(op)
  local names = {}
  for name in pairs(ARGUMENTS) do
    names[name] = true
  end
  for name in pairs(known_of(op).names) do
    names[name] = true
  end
  return names
end

-- The keys of the arguments that say a path parameter.
local function said(names, name, args)
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
  if type(value) == "string" then
    return value
  elseif type(value) == "number" and value % 1 == 0 then
    return ("%d"):format(value)
  end
  return int64.digits(value) or usage_error.raise(
    "%s of %s must be a string, not %s", key, op.id, usage_error.kind(value))
end

-- What is often meant by a name that is no argument.
local MEANT = {
  limit = "a page has page = {size = …}; limit is an argument of each, pages "
    .. "and ids, max of all",
  max = "a page has page = {size = …}; max is an argument of all",
  page_size = "page = {size = …}",
  size = "page = {size = …}",
  per_page = "page = {size = …}",
  cursor = "page = {cursor = …}",
  page_cursor = "page = {cursor = …}",
}

local function refuse_argument(op, key)
  if MEANT[key] and op.method == "GET" then
    usage_error.raise('unknown argument "%s" of %s: say %s', key, op.id, MEANT[key])
  end
  if settings_known.has(key) then
    usage_error.raise("%s is no argument of %s but a setting: settings are a "
      .. "table of their own, after the arguments", key, op.id)
  elseif op.body and op.body.style == "document" then
    usage_error.raise('unknown argument "%s" of %s; attributes go into a '
      .. "document: body = klaviyo.document(%q, {…})", tostring(key),
      op.id, op.id)
  end
  usage_error.unknown("argument of " .. op.id, key, known_arguments(op))
end

-- What stands in the path, by its names there; and whether anything was said
-- that stands in the query.
local function path_values(op, args)
  local values, asks = {}, false
  local names = known_of(op).names
  for key, value in next, args do
    local name = names[key]
    if name then
      value = path_value(op, key, value)
      if values[name] and values[name] ~= value then
        local keys = said(names, name, args)
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

--- A body as it goes out: a string as it is, a table as JSON.
function M.body(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "table" then
    return json.encode(value)
  end
  usage_error.raise("body must be a table or a string, not %s", usage_error.kind(value))
end

-- POSTs that upsert: a second time has the effect of the first.
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

-- The way to the attributes of events, and how long the longest is (data,
-- attributes, events-bulk-create, data, an item, attributes, events, data, an
-- item, attributes).
local PATH = {
  data = true, attributes = true, events = true, ["events-bulk-create"] = true,
}
local MAX_PATH = 10

-- A copy of the tables on that way; what they hold besides is shared.
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

-- Events get their ids in a copy: the caller's table may become the next
-- event, and is to have another. Also: do all have one?
local function with_ids(body)
  if type(body) == "string" then
    return body, unique_id.is_everywhere(json.decode(body))
  elseif type(body) == "table" and not unique_id.is_everywhere(body) then
    body = unique_id.ensure(copy(body, MAX_PATH))
    return body, unique_id.is_everywhere(body)
  end
  return body, true
end

-- The body, and whether sending it twice is sending it once: with every verb
-- but POST (RFC 9110, 9.2.2; a PATCH here sets what it names), with upserts,
-- and with events that have an id.
local function given_body(op, body)
  if EVENTS[op.path] then
    return with_ids(body)
  end
  return body, op.method ~= "POST" or UPSERTS[op.path] or false
end

local function body_of(op, body)
  if body ~= nil then
    return not is_form(op) and M.body(body) or nil
  end
  if is_form(op) then
    usage_error.raise("%s needs a body: a table of its fields", op.id)
  elseif op.body then
    usage_error.raise("%s needs a body: body = klaviyo.document(%q, {…})", op.id,
      op.id)
  end
end

local function add_body(request, op, given)
  local body, repeatable = given_body(op, given)
  request.body = body_of(op, body)
  request.document = type(body) == "table" and body
    or op.page and op.page.style == "body" and json.decode(body) or nil
  request.form = is_form(op) and form.build(op, body) or nil
  request.repeatable = repeatable
end

--- The request that an operation and its arguments make.
---@param op table  an operation of the catalogue
---@param api klaviyo.Api  that it was found in
---@param args table|nil
---@param settings klaviyo.Settings
---@return table request  {method, url, body, document, form, repeatable, public}
function M.of_operation(op, api, args, settings)
  args = args or {}
  if type(args) ~= "table" then
    usage_error.raise("the arguments of %s must be a table, not %s", op.id,
      usage_error.kind(args))
  end
  local values, asks = path_values(op, args)
  local parameters
  if asks or not known_of(op).may_ask_nothing
      or op.query.company_id and settings.company_id then
    parameters = query.write(op, api, args, settings)
  end
  local url, bad = core.url(settings.base_url, op.path, values, parameters)
  if not url then
    usage_error.raise('%s of %s cannot be "%s"', bad, op.id, values[bad])
  end
  local request = {
    method = op.method, url = url, public = op.public,
    repeatable = op.method ~= "POST", body = nil,
  }
  if op.body or args.body ~= nil then
    add_body(request, op, args.body)
  end
  return request
end

local METHODS = {
  GET = true, POST = true, PATCH = true, PUT = true, DELETE = true,
  HEAD = true,
}

local RAW = {
  method = true, path = true, query = true, body = true, headers = true,
}

-- A link and more parameters: those that it has already are left as they are.
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
  if path:match("^%a[%w+.-]*://") then  -- a link out of a document
    local url, why = core.rebase(settings.base_url, path)
    if not url then
      usage_error.raise("path is %s", why == "foreign"
        and "a link to another host" or "not a link of the service's")
    end
    return with_parameters(url, parameters)
  end
  if not path:match("^/[%w%-._~!$&'()*+,;=:@/%%]*$")
      or (path:gsub("%%2[eE]", ".") .. "/"):find("/%.?%.?/") then
    usage_error.raise("path must begin with / and hold what a URL's path may "
      .. "hold; the query goes into query")
  end
  return core.url(settings.base_url, path, nil, query.raw(parameters))
end

--- The request that is said in full, for what no catalogue knows.
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
    usage_error.raise("a %s takes no body", method)
  end
  local url = raw_url(args.path, args.query, settings)
  return {
    method = method,
    url = url,
    body = args.body ~= nil and M.body(args.body) or nil,
    repeatable = method ~= "POST",
    -- the public calls take no key, and must not be given one
    public = url:sub(#settings.base_url + 1):match("^/client/") and true,
  }
end

return M
