-- Sends the cases of a file through the client, one after another, each by its
-- natural way: a verb of its resource where it has one, else by its operation.
--
--   lua5.4 spec/contract/operations.lua cases.json base_url
--
-- Says per case that went wrong, on a line of its own: its number, a tab, why.

local cjson = require "cjson"
local klaviyo = require "klaviyo"

local cases_file, base_url = arg[1], arg[2]
local file = assert(io.open(cases_file, "rb"))
local work = cjson.decode(file:read("*a"))
file:close()

local client = klaviyo.new {
  api_key = "pk_contract", base_url = base_url, revision = work.revision,
}

local function underscored(name)
  return (name:gsub("-", "_"))
end

-- A term of the case by the filter builder.
local function term(t)
  local build, value = klaviyo.filter[underscored(t.operator)], t.value
  if t.operator == "has" then
    return build(t.field)
  end
  if t.date then
    value = type(value) == "table" and {klaviyo.datetime(value[1])}
      or klaviyo.datetime(value)
  end
  return build(t.field, value)
end

local function arguments(case)
  local args = {}
  for name, value in pairs(case.args) do
    args[name] = value
  end
  if type(args.filter) == "table" then
    local list = {}
    for i, t in ipairs(args.filter) do
      list[i] = term(t)
    end
    args.filter = klaviyo.filter.all((table.unpack or unpack)(list))
  end
  return args
end

local function without(args, name)
  local rest = {}
  for key, value in pairs(args) do
    if key ~= name then
      rest[key] = value
    end
  end
  return rest
end

-- The only page, as a loop walks it.
local function walk(iterator, ...)
  for _ in iterator, ... do end  -- luacheck: ignore 542
  return true
end

local COLLECTION = {GET = "list", POST = "create"}
local MEMBER = {GET = "get", PATCH = "update", DELETE = "delete"}
local LINKAGE = {GET = "ids", POST = "add", PATCH = "replace", DELETE = "remove"}

local function by_resource(case, args, options)
  local path, method = case.template, case.method
  local name = path:match("^/api/([%w-]+)$")
  if name and COLLECTION[method] then
    local resource = client[underscored(name)]
    if method == "GET" then
      return resource:list(args, options)
    end
    return resource:create(case.flat, args, options)
  end
  name = path:match("^/api/([%w-]+)/{%w+}$")
  if name and MEMBER[method] then
    local resource = client[underscored(name)]
    local id = args.id or args.job_id
    args = without(without(args, "id"), "job_id")
    if method == "PATCH" then
      return resource:update(id, without(case.flat, "id"), args, options)
    end
    return resource[MEMBER[method]](resource, id, args, options)
  end
end

local function by_relation(case, args, options)
  local name, relation = case.template:match("^/api/([%w-]+)/{%w+}/(.+)$")
  local linkage = relation:match("^relationships/(.+)$")
  local place = client[underscored(name)]:at(args.id or args.job_id)
  local related = place[underscored(linkage or relation)]
  args = without(without(args, "id"), "job_id")
  if not linkage then
    return related:list(args, options)
  elseif case.method == "GET" then
    return walk(related:ids(args, options))
  end
  return related[LINKAGE[case.method]](related, case.flat, options)
end

local function by_operation(case, args, options)
  if case.flat ~= nil then
    args.body = klaviyo.document(case.operation, case.flat,
      {revision = work.revision})
  end
  return client:call(case.operation, args, options)
end

local function natural(case)
  local path = case.template
  if path:find("/relationships/", 1, true) then
    return by_relation
  elseif path:find("^/api/[%w-]+/{%w+}/[%w-]+$") then
    return case.method == "GET" and by_relation or by_operation
  elseif path:find("^/api/[%w-]+$") or path:find("^/api/[%w-]+/{%w+}$") then
    return by_resource
  end
  return by_operation
end

local sent = {}
for _, case in ipairs(work.cases) do
  local way = natural(case)
  local headers = {["X-Case"] = tostring(case.n)}
  for name, value in pairs(case.headers) do
    headers[name] = value
  end
  local ok, doc, err = pcall(function()
    return way(case, arguments(case), {headers = headers})
  end)
  if not ok or not doc then
    print(case.n .. "\t" .. tostring(not ok and doc or err):gsub("%s+", " "))
  end
  sent[way] = (sent[way] or 0) + 1
end
