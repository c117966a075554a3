--- From an operation and its arguments to what goes over the wire.

local core = require "klaviyo.core"
local filter = require "klaviyo.filter"
local json = require "klaviyo.json"
local misuse = require "klaviyo.misuse"

local M = {}

-- The arguments that are not path parameters.
local ARGUMENTS = {
  filter = true, sort = true, include = true, fields = true,
  additional_fields = true, page = true, company_id = true,
  query = true, body = true,
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

local names_of = setmetatable({}, {__mode = "k"})

local function path_names_of(op)
  local names = names_of[op]
  if not names then
    names = path_names(op)
    names_of[op] = names
  end
  return names
end

local function known_arguments(op)
  local names = {}
  for name in pairs(ARGUMENTS) do
    names[name] = true
  end
  for name in pairs(path_names_of(op)) do
    names[name] = true
  end
  return names
end

local function path_values(op, args)
  local values = {}
  local names = path_names_of(op)
  for key, value in pairs(args) do
    local name = names[key]
    if name then
      if type(value) == "number" and value % 1 == 0 then
        value = ("%d"):format(value)
      elseif type(value) ~= "string" then
        misuse.raise("%s of %s must be a string, not %s", key, op.id,
          type(value))
      end
      values[name] = value
    elseif not ARGUMENTS[key] then
      if op.body and op.body.style == "document" then
        misuse.raise('unknown argument "%s" of %s; attributes go into a '
          .. "document: body = klaviyo.document(%q, {…})", tostring(key),
          op.id, op.id)
      end
      misuse.unknown("argument of " .. op.id, key, known_arguments(op))
    end
  end
  for _, name in ipairs(op.path_params) do
    if not values[name] then
      misuse.raise("%s needs %s", op.id, name)
    end
  end
  return values
end

local function scalar(value, what)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return value % 1 == 0 and ("%d"):format(value) or tostring(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
  misuse.raise("%s must be a string, a number or a boolean, not %s", what,
    kind)
end

-- A list stays one: its commas are not to be escaped.
local function listed(value, what)
  if type(value) ~= "table" then
    return scalar(value, what)
  end
  local list = {}
  for i, item in ipairs(value) do
    list[i] = scalar(item, what)
  end
  if #list == 0 or next(value, #list) ~= nil then
    misuse.raise("%s must be a list that is not empty", what)
  end
  return list
end

local function add(pairs_, name, value)
  pairs_[#pairs_ + 1] = name
  pairs_[#pairs_ + 1] = value
end

local function takes(op, name, what)
  if not op.query[name] then
    misuse.raise("%s takes no %s", op.id, what or name)
  end
end

local function sorted_keys(t, what)
  if type(t) ~= "table" then
    misuse.raise("%s must be a table, not %s", what, type(t))
  end
  local keys = {}
  for key in pairs(t) do
    if type(key) ~= "string" then
      misuse.raise("%s must be a table with names as keys", what)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- fields = {profile = {"email"}} is fields[profile]=email.
local function add_family(pairs_, op, argument, family, value)
  for _, key in ipairs(sorted_keys(value, argument)) do
    local name = ("%s[%s]"):format(family, key:gsub("_", "-"))
    if not op.query[name] then
      local allowed = {}
      for known in pairs(op.query) do
        if known:sub(1, #family + 1) == family .. "[" then
          allowed[#allowed + 1] = known:sub(#family + 2, -2)
        end
      end
      misuse.unknown(("type for %s of %s"):format(argument, op.id), key,
        allowed)
    end
    add(pairs_, name, listed(value[key], ("%s.%s"):format(argument, key)))
  end
end

local function add_page(pairs_, op, page)
  for _, key in ipairs(sorted_keys(page, "page")) do
    local name = ("page[%s]"):format(key)
    -- offset pages are in the service's prose alone, not in its parameters
    if not op.query[name] and not (op.page and op.page.style == "offset"
        and key == "number") then
      misuse.raise("%s takes no page.%s", op.id, key)
    end
    local size = key == "size" and op.page and op.page.size
    if size and size.max and type(page.size) == "number"
        and page.size > size.max then
      misuse.raise("page.size of %s is at most %d, not %s", op.id, size.max,
        tostring(page.size))
    end
    add(pairs_, name, scalar(page[key], "page." .. key))
  end
end

local function filter_text(value)
  if type(value) == "string" or filter.is(value) then
    return tostring(value)
  end
  misuse.raise("filter must be a string or made by klaviyo.filter, not %s",
    type(value))
end

local function query(op, args, settings)
  local pairs_ = {}
  if args.filter ~= nil then
    takes(op, "filter")
    add(pairs_, "filter", filter_text(args.filter))
  end
  if args.fields then
    add_family(pairs_, op, "fields", "fields", args.fields)
  end
  if args.additional_fields then
    add_family(pairs_, op, "additional_fields", "additional-fields",
      args.additional_fields)
  end
  for _, name in ipairs {"include", "sort"} do
    if args[name] ~= nil then
      takes(op, name)
      add(pairs_, name, listed(args[name], name))
    end
  end
  if args.page then
    add_page(pairs_, op, args.page)
  end
  local company_id = args.company_id
  if op.query.company_id then
    company_id = company_id or settings.company_id
  end
  if company_id ~= nil then
    takes(op, "company_id")
    add(pairs_, "company_id", scalar(company_id, "company_id"))
  end
  for _, name in ipairs(sorted_keys(args.query or {}, "query")) do
    add(pairs_, name, listed(args.query[name], "query." .. name))
  end
  return pairs_
end

local function check_required(op, pairs_)
  local given = {}
  for i = 1, #pairs_, 2 do
    given[pairs_[i]] = true
  end
  for name, rule in pairs(op.query) do
    if rule.required and not given[name] then
      misuse.raise("%s needs %s", op.id, name)
    end
  end
end

--- A body as it goes out: a string as it is, a table as JSON.
function M.body(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "table" then
    return json.encode(value)
  end
  misuse.raise("body must be a table or a string, not %s", type(value))
end

local function body_of(op, args)
  if args.body ~= nil then
    return M.body(args.body)
  end
  if op.body then
    misuse.raise("%s needs a body: body = klaviyo.document(%q, {…})", op.id,
      op.id)
  end
end

--- The request that an operation and its arguments make.
---@param op table  an operation of the catalogue
---@param args table|nil
---@param settings klaviyo.settings
---@return {method: string, url: string, body: string|nil, public: boolean|nil}
function M.of_operation(op, args, settings)
  args = args or {}
  if type(args) ~= "table" then
    misuse.raise("the arguments of %s must be a table, not %s", op.id,
      type(args))
  end
  local values = path_values(op, args)
  local pairs_ = query(op, args, settings)
  check_required(op, pairs_)
  local url, bad = core.url(settings.base_url, op.path, values, pairs_)
  if not url then
    misuse.raise('%s of %s cannot be "%s"', bad, op.id, values[bad])
  end
  return {
    method = op.method,
    url = url,
    body = body_of(op, args),
    public = op.public,
  }
end

local METHODS = {
  GET = true, POST = true, PATCH = true, PUT = true, DELETE = true,
  HEAD = true,
}

local RAW = {
  method = true, path = true, query = true, body = true, headers = true,
}

local function raw_url(path, pairs_, settings)
  if type(path) ~= "string" then
    misuse.raise("path must be a string, not %s", type(path))
  end
  if path:match("^%a[%w+.-]*://") then  -- a link out of a document
    local url, why = core.rebase(settings.base_url, path)
    if not url then
      misuse.raise("path is %s", why == "foreign"
        and "a link to another host" or "not a link of the service's")
    end
    return url .. (core.url("", "", nil, pairs_)
      :gsub("^%?", url:find("?", 1, true) and "&" or "?"))
  end
  if not path:match("^/[%w%-._~!$&'()*+,;=:@/%%]*$")
      or (path .. "/"):find("/%.%.?/") then
    misuse.raise("path must begin with / and hold what a URL's path may "
      .. "hold; the query goes into query")
  end
  return core.url(settings.base_url, path, nil, pairs_)
end

--- The request that is said in full, for what no catalogue knows.
---@param args {method: string|nil, path: string, query: table|nil, body: any}
---@param settings klaviyo.settings
function M.raw(args, settings)
  if type(args) ~= "table" then
    misuse.raise("request takes a table, not %s", type(args))
  end
  for key in pairs(args) do
    if not RAW[key] then
      misuse.unknown("argument of request", key, RAW)
    end
  end
  local method = args.method or "GET"
  if not METHODS[method] then
    misuse.unknown("method", method, METHODS)
  end
  local pairs_ = {}
  for _, name in ipairs(sorted_keys(args.query or {}, "query")) do
    add(pairs_, name, listed(args.query[name], "query." .. name))
  end
  local url = raw_url(args.path, pairs_, settings)
  return {
    method = method,
    url = url,
    body = args.body ~= nil and M.body(args.body) or nil,
    -- the public calls take no key, and must not be given one
    public = url:sub(#settings.base_url + 1):match("^/client/") and true,
  }
end

return M
