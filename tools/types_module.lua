--- Makes the classes that are the same in every revision: the module, its parts,
--- and the objects that they return. Their text is that of the doc comments in
--- lua/klaviyo.

local fields = require "reference_fields"
local shapes = require "types_schema"
local tables = require "klaviyo.util.tables"

local M = {}

-- The classes whose methods are functions in the sources: the file, the table
-- that has them, and the separator.
local CLASSES = {
  {"klaviyo.Client", "client.lua", "methods", ":"},
  {"klaviyo.Iterator", "pagination/iterator.lua", "Pages", ":"},
  {"klaviyo.Items", "pagination/iterator.lua", "Items", ":"},
  {"klaviyo.Map", "tasks/map.lua", "Map", ":"},
  {"klaviyo.Task", "tasks/init.lua", "Task", ":", {wait = true, cancel = true}},
  {"klaviyo.CsvRows", "csv/init.lua", "Rows", ":"},
  {"klaviyo.CsvWriter", "csv/writer.lua", "Writer", ":"},
  {"klaviyo.Outbox", "outbox/init.lua", "Outbox", ":"},
  {"klaviyo.Gateway", "gateway/init.lua", "Gateway", ":"},
  {"klaviyo.oauth.App", "oauth/init.lua", "App", ":"},
  {"klaviyo.sandbox.Server", "sandbox/server.lua", "Server", ":"},
  {"klaviyo.json", "json.lua", "M", "."},
  {"klaviyo.json", "values/json.lua", "M", ".", {array = true, is_array = true,
    encode = true}},
  {"klaviyo.csv", "csv/init.lua", "M", "."},
  {"klaviyo.csv", "csv/writer.lua", "M", ".", {encode = true, new = "writer"}},
  {"klaviyo.filter", "values/filter.lua", "M", "."},
  {"klaviyo.webhook", "webhook/init.lua", "M", "."},
  {"klaviyo.webhook", "webhook/signature.lua", "M", ".", {sign = true, verify = true}},
  {"klaviyo.oauth", "oauth/init.lua", "M", "."},
  {"klaviyo.metrics", "metrics/init.lua", "M", "."},
  {"klaviyo.metrics.status", "metrics/status/init.lua", "M", "."},
  {"klaviyo.sandbox", "sandbox/init.lua", "M", "."},
  {"klaviyo.operations", "openapi/init.lua", "M", "."},
  {"klaviyo.outbox", "outbox/init.lua", "M", "."},
  {"klaviyo.gateway", "gateway/init.lua", "M", "."},
  {"klaviyo", "init.lua", "M", "."},
  {"klaviyo", "client.lua", "M", ".", {new = true}},
  {"klaviyo", "operations/revision_lifecycle.lua", "M", ".", {revisions = true}},
  {"klaviyo", "values/json.lua", "M", ".", {array = true}},
  {"klaviyo", "values/dump.lua", "M", ".", {dump = true}},
  {"klaviyo", "values/datetime.lua", "M", ".", {new = "datetime"}},
  {"klaviyo", "tasks/init.lua", "M", ".", {run = true, spawn = true, sleep = true,
    clock = true}},
  {"klaviyo", "file_lock.lua", "M", ".", {file_lock = true}},
  {"klaviyo", "libcurl.lua", "M", ".", {libcurl = true}},
  {"klaviyo", "near_names.lua", "M", ".", {near_names = true}},
}

-- Types of parameters that the sources do not annotate, by name.
local PARAMETERS = {
  operation = "klaviyo.Operation", args = "klaviyo.Args|nil",
  options = "klaviyo.Settings|nil", t = "table", field = "string",
  values = "any[]", value = "any", document = "string", ["..."] = "any",
}

-- Results that the sources do not annotate, or not as exactly.
local RETURNS = {
  ["klaviyo.Client:document"] = {"table document"},
  ["klaviyo.Client:map"] = {"klaviyo.Map map"},
  ["klaviyo.Client:request"] = {"klaviyo.Document? doc", "klaviyo.Error? err"},
  ["klaviyo.Client:call"] = {"klaviyo.Document? doc", "klaviyo.Error? err"},
  ["klaviyo.Client:resource"] = {"klaviyo.AnyResource resource"},
  ["klaviyo.document"] = {"table document"},
}

-- Types of parameters that are more exact than those of the sources.
local PARAMETER_TYPES = {
  ["klaviyo.Client:call"] = {operation = "klaviyo.Operation", args = "klaviyo.Args|nil"},
  ["klaviyo.Client:each"] = {args = "klaviyo.Args|nil"},
  ["klaviyo.Client:pages"] = {args = "klaviyo.Args|nil"},
  ["klaviyo.Client:document"] = {operation = "klaviyo.Operation"},
  ["klaviyo.document"] = {operation = "klaviyo.Operation"},
}

-- Results for arguments that the parameters of the sources do not tell apart.
local RAW = "fun(self, operation: klaviyo.Operation, args: klaviyo.RawArgs, "
  .. "options?: klaviyo.Settings): "
local OVERLOADS = {
  ["klaviyo.Client:each"] = RAW .. "klaviyo.RawItems",
  ["klaviyo.Client:pages"] = RAW .. "klaviyo.RawPages",
}

-- Fields of the modules that are not functions.
local VALUES = {
  klaviyo = {
    {"_VERSION", "string", "the version of the library"},
    {"null", "klaviyo.Null", "JSON null: clears a member; the same value as cjson.null"},
    {"json", "klaviyo.json", "reads and writes JSON"},
    {"csv", "klaviyo.csv", "reads and writes CSV"},
    {"filter", "klaviyo.filter", "makes filters"},
    {"webhook", "klaviyo.webhook", "verifies and receives system webhooks"},
    {"oauth", "klaviyo.oauth", "an app that accounts authorize"},
    {"metrics", "klaviyo.metrics", "what the library did, for Prometheus"},
    {"sandbox", "klaviyo.sandbox", "a local server that behaves like the API"},
    {"operations", "klaviyo.operations", "the table of API operations"},
  },
  ["klaviyo.json"] = {{"null", "klaviyo.Null", "the same value as klaviyo.null"}},
}

-- Fields that the constructors of objects set.
local OBJECTS = {
  ["klaviyo.sandbox.Server"] = {
    {"base_url", "string", "for the setting base_url"},
    {"tls_url", "string", "the same, by HTTPS"},
    {"ca_file", "string", "for the setting ca_file, with tls_url"},
    {"key", "string", "for the setting api_key"},
    {"company_id", "string", "for the setting company_id"},
    {"client_id", "string", "of the app, for klaviyo.oauth.new"},
    {"client_secret", "string", "of the app, for klaviyo.oauth.new"},
    {"dir", "string", "the directory of the server"},
  },
  ["klaviyo.Error"] = {
    {"result?", "klaviyo.BulkResult", "of an import that had to stop: what was done"},
    {"done?", "integer", "of `add` and `remove`: the number of ids that were sent before"},
  },
  ["klaviyo.BulkResult"] = {
    {"failures", "fun(self): fun(): klaviyo.BulkFailure", "iterates over the failures"},
  },
}

-- Tables that a program passes: other names than these are mistakes.
local PASSED = {
  ["klaviyo.Settings"] = true, ["klaviyo.BulkOptions"] = true,
  ["klaviyo.BulkJournal"] = true, ["klaviyo.CsvOptions"] = true,
  ["klaviyo.CsvWriterOptions"] = true, ["klaviyo.OutboxOptions"] = true,
  ["klaviyo.gateway.Options"] = true, ["klaviyo.gateway.Caller"] = true,
  ["klaviyo.DumpOptions"] = true, ["klaviyo.receiver.Options"] = true,
  ["klaviyo.webhook.Request"] = true, ["klaviyo.sandbox.Options"] = true,
  ["klaviyo.sandbox.Fault"] = true, ["klaviyo.oauth.Options"] = true,
  ["klaviyo.metrics.StatusOptions"] = true,
  ["klaviyo.oauth.Callback"] = true, ["klaviyo.oauth.Store"] = true,
}

-- Classes that other classes extend, or that a `for` loop calls.
local BASES = {
  ["klaviyo.Items"] = "klaviyo.Iterator",
  ["klaviyo.webhook.Error"] = "klaviyo.Error",
  ["klaviyo.openapi.Description"] = "klaviyo.openapi.Facts",
  ["klaviyo.openapi.Facts"] = "klaviyo.openapi.Route",
}
local CALLED = {
  ["klaviyo.Iterator"] = "fun(): any",
  ["klaviyo.Items"] = "fun(): klaviyo.Resource, klaviyo.Document",
  ["klaviyo.Map"] = "fun(): any, any, any",
  ["klaviyo.CsvRows"] = "fun(): table, integer",
}

local COMMON = [[
--- The type of a name that a class does not have: it marks a misspelt name, since
--- no value that a program would pass is of this type.
---@enum klaviyo.UnknownName
local unknown_name = {"unknown name"}

--- JSON null: klaviyo.null
---@class klaviyo.Null: lightuserdata

--- A document that is sent as it is.
---@class (exact) klaviyo.Body
---@field body table|string  a JSON:API document, or its text

--- A resource of a document.
---@class klaviyo.Resource
---@field type string
---@field id string
---@field attributes table<string, any>
---@field relationships? table<string, table>
---@field links? table<string, string>

--- An id, {type =, id =}, or a resource of a response.
---@alias klaviyo.Identifier string|klaviyo.ResourceIdentifier|klaviyo.Resource

---@class klaviyo.ResourceIdentifier
---@field type? string
---@field id string

--- A record that an import could not create. If the service does not name the
--- records, there is no position, but a count.
---@class klaviyo.BulkFailure
---@field position? integer
---@field count? integer
---@field record? any
---@field errors table[]
---@field job? string

---@class klaviyo.Ids: klaviyo.Iterator
---@overload fun(): string, klaviyo.ResourceIdentifier, klaviyo.Document

--- What `each {raw = true}` returns: the text, the id and the type of each
--- resource, and its page, which has no data.
---@class klaviyo.RawItems: klaviyo.Iterator
---@overload fun(): string, string, string, klaviyo.Document
---@field next fun(self): string?, string|klaviyo.Error, string?, klaviyo.Document?

--- A resource of `pages {raw = true}`.
---@class klaviyo.RawResource
---@field id string
---@field type string
---@field text string  its JSON text, byte for byte

---@class klaviyo.RawPage: klaviyo.Document
---@field data klaviyo.RawResource[]

---@class klaviyo.RawPages: klaviyo.Iterator
---@overload fun(): klaviyo.RawPage
---@field next fun(self): klaviyo.RawPage?, klaviyo.Error?

--- Arguments that every operation takes.
---@class (exact) klaviyo.Params
---@field query? table<string, any>  parameters as they are, by their names in the API
---@field headers? table<string, string>  more header fields
---@field only? string[]  the members of resources to decode, such as "attributes.email"

--- The arguments of client:call.
---@class klaviyo.Args: klaviyo.Params
---@field id? string  the path parameter; also by its own name
---@field filter? klaviyo.Filter|string
---@field sort? string|string[]
---@field include? string|string[]
---@field fields? table<string, string[]|string>  by type
---@field additional_fields? table<string, string[]|string>  by type
---@field page? { size?: integer, cursor?: string, number?: integer }
---@field company_id? string  of a public call; default: the setting
---@field body? table|string  a JSON:API document, sent as it is
---@field limit? integer  of client:each, client:pages and client:ids
---@field raw? boolean  of client:each and client:pages: return the JSON text of each resource

---@class klaviyo.RawArgs: klaviyo.Args
---@field raw true
]]

-- The verbs of a resource that no revision has, their parameters and their results.
local VERBS = {
  {"list", "", "klaviyo.Document?, klaviyo.Error?"},
  {"each", "", "klaviyo.Items"},
  {"pages", "", "klaviyo.Iterator"},
  {"first", "", "klaviyo.Resource?, klaviyo.Error?"},
  {"all", "", "klaviyo.Resource[]?, klaviyo.Error?"},
  {"get", "id: string, ", "klaviyo.Document?, klaviyo.Error?"},
  {"create", "t: table, ", "klaviyo.Document?, klaviyo.Error?"},
  {"update", "id: string, t: table, ", "klaviyo.Document?, klaviyo.Error?"},
  {"delete", "id: string, ", "klaviyo.Document?, klaviyo.Error?"},
}

local function any_resource()
  local out = {"--- A resource that may be unknown to the library.",
    "---@class klaviyo.AnyResource"}
  for _, verb in ipairs(VERBS) do
    out[#out + 1] = ("---@field %s fun(self, %sparams?: klaviyo.Args, "
      .. "options?: klaviyo.Settings): %s"):format(verb[1], verb[2], verb[3])
  end
  out[#out + 1] = "---@field at fun(self, id: string): table\n"
  return table.concat(out, "\n")
end

local function read(path)
  local file = assert(io.open("lua/klaviyo/" .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Returns the documented functions of a table: a list of {name =, parameters =,
-- doc =, annotations =}.
local function functions_of(text, owner, separator)
  local list, doc, annotations = {}, {}, {}
  local head = "^function " .. owner .. "%" .. separator .. "(%l[%w_]*)(%b())"
  local assigned = "^" .. owner .. "%.([%l_]+) = "
  local last_type
  for line in text:gmatch("([^\n]*)\n") do
    local name, parameters = line:match(head)
    local annotation = line:match("^%-%-%-(@.*)$")
    if name then
      list[#list + 1] = {name = name, parameters = parameters, doc = doc,
        annotations = annotations}
      doc, annotations = {}, {}
    elseif annotation then
      annotations[#annotations + 1] = annotation
      last_type = annotation:match("^@type (fun.*)$") or last_type
    elseif line:find("^%-%-%-") then
      if #annotations == 0 then
        doc[#doc + 1] = line
      end
    else
      local member = last_type and separator == "." and line:match(assigned)
      if member then
        list[#list + 1] = {name = member, type = last_type}
      elseif line == "" then
        last_type = nil
      end
      doc, annotations = {}, {}
    end
  end
  return list
end

local function parameter_lines(out, key, fn)
  local known = {}
  for _, annotation in ipairs(fn.annotations) do
    local name, rest = annotation:match("^@param ([%w_.]+) (.*)$")
    if name then
      known[name] = rest
    end
  end
  local exact = PARAMETER_TYPES[key] or {}
  for name in fn.parameters:gmatch("[%w_.]+") do
    local kind = exact[name] or known[name]
      or assert(PARAMETERS[name], key .. ": no type of " .. name)
    out[#out + 1] = ("---@param %s %s"):format(name, kind)
  end
end

local function return_lines(out, key, fn)
  if OVERLOADS[key] then
    out[#out + 1] = "---@overload " .. OVERLOADS[key]
  end
  if RETURNS[key] then
    for _, kind in ipairs(RETURNS[key]) do
      out[#out + 1] = "---@return " .. kind
    end
    return
  end
  for _, annotation in ipairs(fn.annotations) do
    if annotation:find("^@return") then
      out[#out + 1] = "---" .. annotation
    end
  end
end

-- Writes the operators of klaviyo.filter, which share a type.
local function typed_lines(out, class, fn)
  local parameters, result = fn.type:match("^fun(%b()): (.+)$")
  local names = {}
  for parameter, kind in parameters:sub(2, -2):gmatch("([%l_]+): ([^,]+)") do
    -- the code calls the second parameter `value` in every operator
    local name = parameter == "values" and "value" or parameter
    names[#names + 1] = name
    out[#out + 1] = ("---@param %s %s"):format(name, kind)
  end
  out[#out + 1] = "---@return " .. result
  out[#out + 1] = ("function %s.%s(%s) end\n"):format(class, fn.name,
    table.concat(names, ", "))
end

local function add_functions(out, row, written)
  local class, file, owner, separator, chosen = row[1], row[2], row[3], row[4], row[5]
  for _, fn in ipairs(functions_of(read(file), owner, separator)) do
    local name = not chosen and fn.name or chosen and chosen[fn.name]
    name = name == true and fn.name or name
    local key = class .. separator .. tostring(name)
    if name and not written[key] then
      written[key] = true
      if fn.type then
        typed_lines(out, "M", fn)
      else
        for _, line in ipairs(fn.doc) do
          out[#out + 1] = line
        end
        parameter_lines(out, key, fn)
        return_lines(out, key, fn)
        out[#out + 1] = ("function M%s%s%s end\n"):format(separator, name,
          fn.parameters)
      end
    end
  end
end

local function value_lines(out, values)
  for _, value in ipairs(values or {}) do
    local name, mark = value[1]:match("^(.-)(%??)$")
    out[#out + 1] = shapes.field(name, value[2], {words = value[3],
      optional = mark == "?"})
  end
end

local function class_fields(out, class, has_methods)
  for _, field in ipairs(fields.classes()[class] or {}) do
    if not (has_methods and field.kind:find("^fun%(self")) then
      out[#out + 1] = shapes.field(field.name, field.kind, {
        optional = field.optional, words = field.words})
    end
  end
end

-- Returns the classes that a text names, each once.
local function mentioned(text)
  local set = {}
  for name in text:gmatch("%f[%w]klaviyo%.[%w_.]*[%w_]") do
    set[name] = true
  end
  return set
end

-- The texts of the aliases in the sources, by name.
local aliases

local function alias_of(name)
  if not aliases then
    aliases = {}
    for _, file in ipairs {"response/errors.lua"} do
      for text, own_name in read(file):gmatch("(%-%-%-@alias ([%w_.]+)\n.-)\n\n") do
        aliases[own_name] = text
      end
    end
  end
  return aliases[name]
end

--- Returns the text of the classes that do not depend on the revision.
---@param client_fields string[]  lines of the resources of a client
---@param resources string  the text of their classes, which names other ones
---@return string
function M.text(client_fields, resources)
  local out, by_class, order = {}, {}, {}
  for _, row in ipairs(CLASSES) do
    if not by_class[row[1]] then
      by_class[row[1]] = {}
      order[#order + 1] = row[1]
    end
    table.insert(by_class[row[1]], row)
  end
  local done, written = {}, {}
  for name in COMMON:gmatch("@%l+ %(?%l*%)? ?(klaviyo[%w_.]+)") do
    done[name] = true
  end
  out[1] = COMMON
  out[2] = any_resource()
  local function add_class(class)
    done[class] = true
    local rows = by_class[class]
    local base = BASES[class] and ": " .. BASES[class] or ""
    if rows then
      out[#out + 1] = "do"
    end
    out[#out + 1] = ("---@class %s%s%s"):format(PASSED[class] and "(exact) " or "",
      class, base)
    out[#out + 1] = PASSED[class] and "---@field [string] " .. shapes.UNKNOWN or nil
    out[#out + 1] = CALLED[class] and "---@overload " .. CALLED[class] or nil
    value_lines(out, VALUES[class])
    value_lines(out, OBJECTS[class])
    class_fields(out, class, rows ~= nil)
    if class == "klaviyo.Client" then
      for _, line in ipairs(client_fields) do
        out[#out + 1] = line
      end
    end
    if rows then
      out[#out + 1] = "local M = {}\n"
      for _, row in ipairs(rows) do
        add_functions(out, row, written)
      end
      out[#out + 1] = "end\n"
    else
      out[#out + 1] = ""
    end
  end
  for _, class in ipairs(order) do
    if class ~= "klaviyo" then
      add_class(class)
    end
  end
  -- the classes that those name, and so on
  local module = #out + 1
  add_class("klaviyo")
  local text_of_module = table.concat(out, "\n", module)
  for i = #out, module, -1 do
    out[i] = nil
  end
  local again = true
  while again do
    again = false
    for _, name in ipairs(tables.sorted(mentioned(table.concat(out, "\n")
        .. text_of_module .. resources))) do
      if not done[name] and fields.classes()[name] then
        add_class(name)
        again = true
      elseif not done[name] and alias_of(name) then
        done[name] = true
        out[#out + 1] = alias_of(name) .. "\n"
        again = true
      end
    end
  end
  -- the module itself is the value of the file
  text_of_module = text_of_module:gsub("^do\n", "", 1):gsub("\nend\n$", "", 1)
  return table.concat(out, "\n") .. "\n" .. text_of_module .. "\nreturn M\n"
end

return M
