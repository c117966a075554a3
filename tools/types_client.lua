--- Makes the classes of a client: its resources with their verbs, and the
--- documents and iterators that they return.

local bulk_verbs = require "klaviyo.bulk.verbs"
local facts = require "klaviyo.openapi.facts"
local kinds = require "klaviyo.bulk.kinds"
local manual = require "reference_manual"
local methods = require "klaviyo.operations.methods"
local spelling = require "klaviyo.document.names"
local schema = require "klaviyo.operations.schema"
local shapes = require "types_schema"
local tables = require "klaviyo.util.tables"

local M = {}

local REFERENCE = "https://developers.klaviyo.com/en/reference/"

local LONG = {
  list = "Returns one page as a document.",
  each = "Iterates over all resources of all pages: `for resource, page in …`.",
  pages = "Iterates over all pages as documents: `for page in …`.",
  first = "Returns the first resource, `nil` if there is none, or `nil, err`.",
  all = "Returns all resources in one list, `max` at the most; or `nil, err`.",
  get = "Returns the resource as a document.",
  create = "Creates a resource.",
  update = "Changes a resource. Attributes that are not passed keep their values; "
    .. "`klaviyo.null` clears one.",
  delete = "Deletes a resource.",
  ids = "Iterates over the ids of the related resources: `for id, identifier, page in …`.",
  add = "Adds related resources.",
  replace = "Replaces the related resources by these.",
  remove = "Removes related resources.",
}

local function underscored(name)
  return (name:gsub("%-", "_"))
end

local summaries

-- Returns the first paragraph of a section of docs/reference.md, as one line; nil
-- if there is no section of that name.
local function summary(name)
  if not summaries then
    summaries = {}
    local file = assert(io.open("docs/reference.md", "rb"))
    for _, section in ipairs(manual.sections(file:read("*a"))) do
      local text = section.text:match("%*%*context:%*%* [^\n]+\n\n(%u.-)\n\n")
      for _, own in ipairs(section.names) do
        summaries[own] = text and text:gsub("\n", " "):gsub("%[(.-)%]%b()", "%1")
      end
    end
    file:close()
  end
  return summaries[name]
end

-- The verbs that do the same as `list`, with more pages.
local SHORT = {each = true, pages = true, first = true, all = true}

local function doc_lines(out, first, op, verb)
  if SHORT[verb] then
    out[#out + 1] = ("--- %s ([%s](%s%s))"):format(first, op.id, REFERENCE, op.id)
    return
  end
  out[#out + 1] = "--- " .. first
  out[#out + 1] = "---"
  local known = facts.of(op)
  local lines = {("[%s](%s%s): %s %s"):format(op.id, REFERENCE, op.id, op.method,
    op.path)}
  if known.limits[1] then
    lines[#lines + 1] = "Limits: " .. table.concat(known.limits, "; ")
  end
  if known.scopes[1] then
    lines[#lines + 1] = "Scopes: " .. table.concat(known.scopes, ", ")
  end
  for i, line in ipairs(lines) do
    out[#out + 1] = "--- " .. line .. (i < #lines and "\\" or "")
  end
end

-- Arguments -------------------------------------------------------------------

local function filter_words(op)
  local known = facts.of(op)
  local parts = {}
  for i, filter in ipairs(known.filters) do
    parts[i] = ("`%s` (%s): %s"):format(filter.name, filter.type,
      table.concat(filter.operators, ", "))
  end
  return (known.filter_required and "required; " or "") .. table.concat(parts, "; ")
end

-- Returns the class of the parameters of one family: {profile?: …}. Operations with
-- the same ones share it.
local function family(self, op, prefix)
  local parts, keys = {}, {}
  for _, name in ipairs(tables.sorted(op.query)) do
    local key = name:match("^" .. prefix:gsub("%-", "%%-") .. "%[(.+)%]$")
    if key then
      keys[#keys + 1] = underscored(key)
      local alias = self:names_of(key, op.query[name].values)
      parts[#parts + 1] = shapes.field(underscored(key), ("string|%s[]"):format(alias),
        {optional = true})
    end
  end
  local content = table.concat(parts, "\n")
  local class = self.families[content]
  if content ~= "" and not class then
    local base = ("klaviyo.%s.%s"):format(underscored(prefix):gsub("fields$", "fieldset"),
      table.concat(keys, "."))
    local number = 1
    class = base
    while self.classes.names[class] do
      number = number + 1
      class = base .. "_" .. number
    end
    local lines = self.classes:exact(class)
    self.families[content] = class
    lines[#lines + 1] = content
  end
  return class
end

-- Returns an alias for the values of a parameter.
local function alias(self, op, name, values)
  local class = ("klaviyo.%s.%s"):format(op.id, name)
  self.classes:begin(class, ("---@alias %s %s"):format(class, shapes.literals(values)))
  return class
end

local function page_type(op)
  local parts = {}
  if op.page and op.page.size then
    parts[1] = "size?: integer"
  end
  if op.page and op.page.style == "cursor" then
    parts[#parts + 1] = "cursor?: string"
  elseif op.page and op.page.style == "offset" then
    parts[#parts + 1] = "number?: integer"
  end
  return parts[1] and "{ " .. table.concat(parts, ", ") .. " }" or nil
end

local function page_words(op)
  local size = op.page and op.page.size
  return size and ("size: %d to %d, %d by default"):format(size.min or 1,
    size.max or 0, size.default or 0) or ""
end

-- Parameters that have no argument of their own.
local function other_parameters(op)
  local list = {}
  for _, one in ipairs(facts.of(op).parameters) do
    if one.name ~= "company_id" then
      list[#list + 1] = ("`%s`%s: %s"):format(one.name,
        one.required and " (required)" or "", one.kind)
    end
  end
  return table.concat(list, "; ")
end

local function add(lines, name, kind, words, is_required)
  if kind then
    lines[#lines + 1] = shapes.field(name, kind, {optional = not is_required,
      words = words})
  end
end

-- Returns the class of the arguments of an operation.
function M.params(self, op)
  local name = ("klaviyo.%s.params"):format(op.id)
  if next(op.query) == nil then
    return "klaviyo.Params"
  end
  local lines = self.classes:exact(name, "klaviyo.Params")
  if not lines then
    return name
  end
  local query = op.query
  if op.filter then
    add(lines, "filter", "klaviyo.Filter|string", filter_words(op), op.filter.required)
  end
  if query.sort then
    local kind = alias(self, op, "sort", query.sort.values)
    add(lines, "sort", ("%s|%s[]"):format(kind, kind))
  end
  if query.include then
    local kind = alias(self, op, "include", query.include.values)
    add(lines, "include", ("string|%s|%s[]"):format(kind, kind))
  end
  add(lines, "fields", family(self, op, "fields"))
  add(lines, "additional_fields", family(self, op, "additional-fields"))
  add(lines, "page", page_type(op), page_words(op))
  if query.company_id then
    add(lines, "company_id", "string", "default: the setting")
  end
  local others = other_parameters(op)
  if others ~= "" then
    add(lines, "query", "table<string, any>", others)
  end
  return name
end

-- Returns the class of the arguments with one more, `limit` or `max`; and, if raw
-- resources can be asked for, the class of those that do so.
local function params_with(self, op, name, words)
  local base = M.params(self, op)
  local class = base == "klaviyo.Params" and base .. "." .. name
    or ("klaviyo.%s.%s"):format(op.id, name)
  local lines = self.classes:exact(class, base)
  local raw = not op.path:find("/relationships/", 1, true) and class .. ".raw"
  if lines then
    lines[#lines + 1] = shapes.field(name, "integer", {optional = true, words = words})
    if raw then
      lines[#lines + 1] = shapes.field("raw", "boolean", {optional = true,
        words = "return the JSON text of each resource"})
      self.classes:begin(raw, ("---@class (exact) %s: %s\n---@field raw true"):format(
        raw, class))
    end
  end
  return class, raw or nil
end

-- Returns the type of the table that becomes the document of an operation.
local function table_type(self, op, skip_id)
  local class = "klaviyo." .. op.id
  local lines = self.classes:exact(class)
  if lines then
    if op.body.style == "multipart" then
      for _, name in ipairs(tables.sorted(op.body.parts)) do
        local part = op.body.parts[name]
        add(lines, name, part.type == "file" and "any" or part.type,
          part.required and "required" or nil, part.required)
      end
      return class
    end
    shapes.add_resource(self.classes, lines, schema.target(op.body.resource), class,
      skip_id)
  end
  return op.body.style == "multipart" and class or class .. "|klaviyo.Body"
end

-- Documents -------------------------------------------------------------------

-- Returns the classes of the documents of a type of resource.
local function document_classes(self, kind)
  if not kind then
    return "klaviyo.Document", "klaviyo.Document", "klaviyo.Resource", "klaviyo.Items"
  end
  local name = underscored(kind)
  local one, many = "klaviyo.Document." .. name, "klaviyo.Page." .. name
  local resource, items = "klaviyo.Resource." .. name, "klaviyo.Items." .. name
  local lines = self.classes:begin(resource, ("---@class %s: klaviyo.Resource"):format(
    resource))
  if lines then
    lines[2] = ("---@field type %q"):format(kind)
    lines[3] = "---@field attributes " .. self:attributes(kind)
    self.classes:begin(one, ("---@class %s: klaviyo.Document\n---@field data %s"):format(
      one, resource))
    self.classes:begin(many, ("---@class %s: klaviyo.Document\n---@field data %s[]"):format(
      many, resource))
    self.classes:begin(items, (
      "---@class %s: klaviyo.Items\n---@overload fun(): %s, %s\n"
      .. "---@field next fun(self): %s?, %s|klaviyo.Error"):format(items, resource,
      many, resource, many))
    self.classes:begin(items .. ".pages", (
      "---@class %s.pages: klaviyo.Iterator\n---@overload fun(): %s\n"
      .. "---@field next fun(self): %s?, klaviyo.Error?"):format(items, many, many))
  end
  return one, many, resource, items
end

-- Methods ---------------------------------------------------------------------

-- What the methods that read a collection return with `raw = true`.
local RAW_RESULTS = {
  each = "klaviyo.RawItems", pages = "klaviyo.RawPages",
  all = "string[]?, klaviyo.Error?",
}

local function method_lines(out, class, name, parameters, returns, first, op, raw)
  doc_lines(out, first, op, name)
  local names = {}
  for i, parameter in ipairs(parameters) do
    names[i] = parameter[1]
    out[#out + 1] = ("---@param %s%s %s"):format(parameter[1],
      parameter.required and "" or "?", parameter[2])
  end
  for _, value in ipairs(returns) do
    out[#out + 1] = "---@return " .. value
  end
  if raw then
    out[#out + 1] = ("---@overload fun(self, params: %s, options?: klaviyo.Settings): %s")
      :format(raw, RAW_RESULTS[name])
  end
  out[#out + 1] = ("function %s:%s(%s) end\n"):format(class, name,
    table.concat(names, ", "))
end

local OPTIONS = {"options", "klaviyo.Settings"}
local ID = {"id", "string", required = true}

local function document_returns(class)
  return {class .. "? doc", "klaviyo.Error? err"}
end

local function requires_any(members)
  for _, member in pairs(members or {}) do
    if member.required then
      return true
    end
  end
  return false
end

local READING = {list = true, each = true, pages = true, first = true, all = true}

-- Returns the parameters and the results of a method that reads, and the class of
-- the arguments that ask for raw resources.
local function reading(self, verb, op)
  local one, many, resource, items = document_classes(self, op.type)
  local params, returns, raw
  if verb == "each" then
    params, raw = params_with(self, op, "limit", "the greatest number of resources, or of pages")
    returns = {items}
  elseif verb == "pages" then
    params, raw = params_with(self, op, "limit", "the greatest number of resources, or of pages")
    returns = {op.type and items .. ".pages" or "klaviyo.Iterator"}
  elseif verb == "first" then
    params = M.params(self, op)
    returns = {resource .. "? resource", "klaviyo.Error? err"}
  elseif verb == "all" then
    params, raw = params_with(self, op, "max", "the greatest number of resources")
    returns = {resource .. "[]? list", "klaviyo.Error? err"}
  else
    params = M.params(self, op)
    returns = document_returns(op.many and many or one)
  end
  return {{"params", params, required = requires_any(op.query)
    and not op.public}, OPTIONS}, returns, raw
end

-- Returns the parameters and the results of a method that sends a table.
local function sending(self, method, op, returns)
  local parameters = {}
  local takes_id = method.member
  if takes_id then
    parameters[1] = ID
  end
  if op.body then
    local kind, may_be_absent = table_type(self, op, takes_id), false
    if method.action and takes_id then
      may_be_absent = true
    elseif method.action and op.body.resource and op.body.resource.id then
      kind = "string|" .. kind
    end
    parameters[#parameters + 1] = {"t", kind, required = not may_be_absent}
  elseif method.action then
    parameters[#parameters + 1] = {"t", "table"}
  end
  parameters[#parameters + 1] = {"params", M.params(self, op)}
  parameters[#parameters + 1] = OPTIONS
  return parameters, returns
end

local function add_method(self, out, class, verb, method, op)
  local one = document_classes(self, op.type)
  local first = not method.action and LONG[verb]
    or summary(methods.full_name(method, verb))
    or ("Calls the operation `%s`."):format(op.id)
  local parameters, returns, raw
  if method.relation and op.path:find("/relationships/", 1, true) then
    if verb == "ids" then
      local params = params_with(self, op, "limit", "the greatest number of ids")
      parameters, returns = {{"params", params}, OPTIONS}, {"klaviyo.Ids"}
    else
      local kind = op.body.many and "klaviyo.Identifier|klaviyo.Identifier[]"
        or "klaviyo.Identifier"
      parameters = {{"ids", kind, required = true}, OPTIONS}
      returns = document_returns("klaviyo.Document")
    end
  elseif method.relation then
    parameters, returns, raw = reading(self, verb, op)
  elseif op.method == "POST" and (verb == "each" or verb == "pages") then
    -- the pages of a report
    local _, many, _, items = document_classes(self, op.type)
    parameters = {{"params", table_type(self, op), required = true}, OPTIONS}
    returns = {verb == "each" and items or op.type and items .. ".pages"
      or many and "klaviyo.Iterator"}
  elseif READING[verb] then
    parameters, returns, raw = reading(self, verb, op)
  elseif verb == "get" or verb == "delete" then
    parameters = {ID, {"params", M.params(self, op)}, OPTIONS}
    returns = document_returns(verb == "get" and one or "klaviyo.Document")
  else
    parameters, returns = sending(self, method, op, document_returns(one))
  end
  method_lines(out, class, verb, parameters, returns, first, op, raw)
end

local function add_bulk(self, out, class, resource)
  local verbs = bulk_verbs[resource] or {}
  for _, verb in ipairs(tables.sorted(verbs)) do
    local kind = kinds[verbs[verb]]
    local op = self.revision:operation(kind.operation)
    if op then
      local record
      if verbs[verb] ~= "events" then
        local members = schema.target(op.body.resource).attributes
        local member = members[spelling.spelled(members, kind.member)]
        local inner = shapes.type(self.classes, member, "klaviyo." .. op.id
          .. "." .. kind.member)
        record = inner:gsub("|klaviyo%.Null$", ""):gsub("%[%]$", "")
      else
        local create = self.revision:operation("create_event")
        table_type(self, create)
        record = "klaviyo.create_event"
      end
      method_lines(out, class, verb, {
        {"source", ("%s[]|fun(): %s?"):format(record, record), required = true},
        {"options", "klaviyo.BulkOptions"},
      }, {"klaviyo.BulkResult? result", "klaviyo.Error? err"},
        "Imports a source of any length, and returns the outcome of each record.", op)
    end
  end
end

local function add_track(self, out, class)
  local op = self.revision:operation("create_event")
  method_lines(out, class, "track", {
    {"t", table_type(self, op), required = true}, OPTIONS,
  }, {"true? ok", "klaviyo.Error? err"},
    "Sends an event in the background, with retries, or puts it into the outbox.", op)
end

-- Resources -------------------------------------------------------------------

local function by_id(a, b)
  return a.op.id < b.op.id
end

-- The verbs of the pages of a report, which a POST returns.
local PAGES = {"each", "pages"}

local function add_call(resources, op, method)
  local name = (method.public and "public." or "") .. method.resource
  local resource = resources[name] or {calls = {}, relations = {}}
  resources[name] = resource
  local calls = resource.calls
  if method.relation then
    calls = resource.relations[method.relation] or {}
    resource.relations[method.relation] = calls
  end
  calls[#calls + 1] = {op = op, method = method}
  if op.method == "POST" and op.page and not method.action then
    calls[#calls + 1] = {op = op, method = {verbs = PAGES}}
  end
end

-- Returns the methods of all operations: name of the resource → {calls =, relations =}.
-- An action can also be called as its path says.
local function gather(revision)
  local resources = {}
  for _, id in ipairs(revision:names()) do
    local op = revision:operation(id)
    local method, plain = methods.of(op), methods.by_path(op)
    if method then
      add_call(resources, op, method)
    end
    if plain and method and method.action then
      add_call(resources, op, plain)
    end
  end
  return resources
end

local function add_calls(self, out, class, calls, written)
  table.sort(calls, by_id)
  for _, call in ipairs(calls) do
    for _, verb in ipairs(call.method.verbs) do
      -- two operations of one method: the first one is called
      if not written[verb] then
        written[verb] = true
        add_method(self, out, class, verb, call.method, call.op)
      end
    end
  end
end

local function begin(out, class, words)
  out[#out + 1] = "do"
  out[#out + 1] = words and "--- " .. words
  out[#out + 1] = "---@class " .. class
  return #out
end

--- Returns the text of the classes of all resources, and their names.
---@param self types.Library
---@return string text
---@return string[] names  "profiles", "public.events"
function M.resources(self)
  local out = {}
  local resources = gather(self.revision)
  local names = tables.sorted(resources)
  for _, name in ipairs(names) do
    local resource = resources[name]
    local class = "klaviyo.resource." .. name
    local relations = tables.sorted(resource.relations)
    for _, relation in ipairs(relations) do
      begin(out, ("%s.%s"):format(class, relation))
      out[#out + 1] = "local relation = {}\n"
      add_calls(self, out, "relation", resource.relations[relation], {})
      out[#out + 1] = "end\n"
    end
    if relations[1] then
      out[#out + 1] = ("---@class %s.at"):format(class)
      for _, relation in ipairs(relations) do
        out[#out + 1] = shapes.field(relation, ("%s.%s"):format(class, relation), {})
      end
      out[#out + 1] = ""
    end
    begin(out, class)
    out[#out + 1] = "local resource = {}\n"
    add_calls(self, out, "resource", resource.calls, {})
    if relations[1] then
      out[#out + 1] = "--- Returns one resource, for its relations.\n"
        .. "---@param id string\n"
        .. ("---@return %s.at\nfunction resource:at(id) end\n"):format(class)
    end
    add_bulk(self, out, "resource", not name:find("^public%.") and name or "")
    if name == "events" then
      add_track(self, out, "resource")
    end
    out[#out + 1] = "end\n"
  end
  return table.concat(out, "\n"), names
end

return M
