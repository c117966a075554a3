--- Builds responses: one resource, a page of resources, identifiers, or no
--- body.

local json = require "klaviyo.sandbox.json"
local fields = require "klaviyo.sandbox.fields"
local filter = require "klaviyo.sandbox.filter"
local page = require "klaviyo.sandbox.page"
local query = require "klaviyo.sandbox.query"
local relations = require "klaviyo.sandbox.relations"
local render = require "klaviyo.sandbox.render"

local M = {}

local DOCUMENT = json.shape {"data", "included", "links", "meta"}

-- Page sizes of the service for listings without page[size].
local FIXED_SIZE = {
  list = 10, segment = 10, template = 10, event = 200, metric = 200, tag = 50,
  ["tag-group"] = 25, ["tracking-setting"] = 1, profile = 20, flow = 50,
}
local OTHER_SIZE = 100

-- Statuses that the service sends although its documentation differs, and
-- whether there is a body.
local STATUS = {
  ["DELETE /api/templates/{id}"] = {200, false},
  ["POST /api/template-clone"] = {200, true},
  ["POST /api/template-render"] = {200, true},
  ["POST /api/profile-merge"] = {202, true},
}

--- Returns the success status of an operation.
---@param op table
---@param preferred integer|nil used if the operation has it
---@return integer status
---@return boolean has_body
function M.status(op, preferred)
  local exception = STATUS[op.method .. " " .. op.path]
  if exception then
    return exception[1], exception[2]
  end
  local least
  for status in pairs(op.success) do
    least = math.min(least or status, status)
  end
  local status = op.success[preferred] ~= nil and preferred or least or 204
  return status, op.success[status] == true
end

--- Returns the status of a response without a body.
function M.empty(call)
  return (M.status(call.op))
end

-- Returns a link with the parameters of the request, some of them replaced.
local function link(call, replaced)
  local parts = {}
  for _, pair in ipairs(call.query.list) do
    if replaced[pair[1]] == nil then
      parts[#parts + 1] = query.form_escape(pair[1]) .. "="
        .. query.form_escape(pair[2])
    end
  end
  for name, text in pairs(replaced) do
    if text then
      parts[#parts + 1] = query.form_escape(name) .. "="
        .. query.form_escape(text)
    end
  end
  return call.state.settings.link_base .. call.path
    .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

local function self_link(call)
  return link(call, {})
end

-- Returns the resources that `include` selects, without duplicates.
local function included(call, kind, records)
  local names = call.query.values.include
  if not names then
    return nil
  end
  local list, added = json.array(), {}
  local known = call.model.relationships[kind] or {}
  for _, path in ipairs(names) do
    local name = path:match("^[^.]+")
    local about = known[name]
      or {kind = relations.target_type(name), many = name:find("s$") ~= nil}
    local target = about.kind or relations.target_type(name)
    local sparse = "fields[" .. target .. "]"
    local more = "additional-" .. sparse
    local render_record = render.renderer(call, target, {
      [sparse] = call.query.values[sparse], [more] = call.query.values[more],
    })
    local function add(other)
      if other and not added[target .. other.id] then
        added[target .. other.id] = true
        list[#list + 1] = render_record(other)
      end
    end
    for _, record in ipairs(records) do
      if about.many then
        local sequence = relations.sequence(call.state, kind, record.id, name,
          target)
        for position = 1, sequence.last do
          add(sequence.at(position))
        end
      else
        local id = relations.one(call.state, kind, record.id, name)
        add(id and call.state:get(target, id))
      end
    end
  end
  return list
end

--- Returns a response with one resource.
---@param call table
---@param kind string
---@param record table|nil nil is encoded as null
---@param preferred integer|nil status
function M.one(call, kind, record, preferred)
  local status, has_body = M.status(call.op, preferred)
  if not has_body then
    return status
  end
  local render_record = record and render.renderer(call, kind, call.query.values, true)
  return status, setmetatable({
    data = record and render_record(record) or json.null,
    included = record and included(call, kind, {record}),
    links = render.links {self = self_link(call)},
  }, DOCUMENT)
end

--- Returns a response with one identifier, or null.
function M.identifier(call, kind, id)
  return M.status(call.op), setmetatable({
    data = id and render.identifier(kind, id) or json.null,
    links = render.links {self = self_link(call)},
  }, DOCUMENT)
end

local INDEXED = {id = true, ids = true, email = true, phone_number = true,
  external_id = true}

-- A filter that names ids or e-mail addresses is answered from the index.
local function narrow(sequence, collection, terms)
  for _, term in ipairs(terms or {}) do
    local by_id = term.field == "id" or term.field == "ids"
    if INDEXED[term.field] and sequence.position_of
      and (by_id or collection.found_by[term.field])
      and (term.operator == "equals" or term.operator == "any") then
      local literals = term.operator == "any" and term.value.value
        or {term.value}
      local found, last = {}, 0
      for _, literal in ipairs(literals) do
        local record = type(literal.value) == "string" and (by_id
          and collection:get(literal.value)
          or not by_id and collection:find(term.field, literal.value))
        local position = record and sequence.position_of(record)
        if position then
          found[position] = record
          last = math.max(last, position)
        end
      end
      return {last = last, at = function(position) return found[position] end,
        joined = sequence.joined}
    end
  end
  return sequence
end

local function sort_of(call, kind, sequence)
  local text = call.query.values.sort
  if not text then
    return nil
  end
  local descending, field = text:match("^(%-?)(.*)$")
  return {
    descending = descending == "-", field = field,
    value_of = function(record, position)
      if field == "joined_group_at" then
        return sequence.joined and sequence.joined(position) or 0
      end
      return fields.value(call.state, kind, record, field)
    end,
  }
end

local function test_of(call, kind, sequence)
  local terms = call.query.terms
  return terms and function(record, position)
    return filter.matches(terms, function(field)
      if field == "joined_group_at" then
        return sequence.joined and sequence.joined(position)
          or record.attributes.created
      end
      return fields.value(call.state, kind, record, field)
    end)
  end
end

local function size_of(op, values, kind)
  local bounds = op.page and op.page.size
  return values["page[size]"] or bounds and bounds.default
    or op.page and (FIXED_SIZE[kind] or OTHER_SIZE) or math.huge
end

-- Pages by number: reads all pages up to the number.
local function numbered_page(call, sequence, options)
  local number = call.query.values["page[number]"] or 1
  local size, slice = options.size, nil
  for i = 1, math.max(number, 1) do
    options.cursor = i > 1 and page.read_cursor(slice.next) or nil
    slice = page.slice(sequence, options)
    if i < number and not slice.next then
      slice = {items = {}, positions = {}}
      break
    end
  end
  options.size = size
  return slice, {
    next = slice.next and link(call, {["page[number]"] = tostring(number + 1)}),
    prev = number > 1
      and link(call, {["page[number]"] = tostring(number - 1)}) or nil,
  }
end

-- Listings that have only a self link.
local UNPAGED = {webhook = true, ["webhook-topic"] = true}

-- The first page of lists has a link to an empty previous page.
local function prev_of_first(call, slice)
  if call.op.path ~= "/api/lists" or call.query.cursor or not slice.positions[1] then
    return nil
  end
  return link(call,
    {["page[cursor]"] = page.cursor("prev", slice.positions[1])})
end

--- Returns a response with a page of resources, or of identifiers.
---@param call table
---@param kind string
---@param sequence table
---@param identifiers boolean|nil
function M.page(call, kind, sequence, identifiers)
  local values = call.query.values
  local collection = call.state:collection(kind)
  sequence = narrow(sequence, collection, call.query.terms)
  local options = {
    size = size_of(call.op, values, kind), cursor = call.query.cursor,
    sort = sort_of(call, kind, sequence), test = test_of(call, kind, sequence),
  }
  local slice, links
  if call.op.page and call.op.page.style == "offset"
    and not options.cursor then
    slice, links = numbered_page(call, sequence, options)
  else
    slice = page.slice(sequence, options)
    links = {
      next = slice.next and link(call, {["page[cursor]"] = slice.next}),
      prev = slice.prev and link(call, {["page[cursor]"] = slice.prev}),
    }
  end
  local render_record = identifiers and function(record)
    return render.identifier(kind, record.id)
  end or render.renderer(call, kind, values, true)
  local data = json.array()
  for i, record in ipairs(slice.items) do
    data[i] = render_record(record, sequence.joined
      and sequence.joined(slice.positions[i]))
  end
  links.self = self_link(call)
  if UNPAGED[kind] then
    links.next, links.prev = nil, nil
  else
    links.next = links.next or json.null
    links.prev = links.prev or prev_of_first(call, slice) or json.null
  end
  return M.status(call.op), setmetatable({
    data = data,
    included = included(call, kind, slice.items),
    links = render.links(links),
  }, DOCUMENT)
end

--- Returns a whole collection as a sequence.
function M.all_of(collection)
  collection.sort_cache = collection.sort_cache or {}
  return {
    last = collection.last, version = collection.version,
    sort_cache = collection.sort_cache,
    at = function(position) return collection:at(position) end,
    peek = function(position) return collection:peek(position) end,
    position_of = function(record) return record.position end,
  }
end

--- Returns a document with the given attributes.
function M.content(call, kind, id, attributes)
  local status, has_body = M.status(call.op)
  return status, has_body and setmetatable({
    data = {type = kind, id = id, attributes = attributes,
      links = {self = self_link(call)}},
    links = render.links {self = self_link(call)},
  }, DOCUMENT) or nil
end

--- Returns the response to a query: a single page.
---@param call table
---@param kind string
---@param id string
---@param attributes table
---@param own_link boolean|nil whether the resource has a link
function M.report(call, kind, id, attributes, own_link)
  local status, document = M.content(call, kind, id, attributes)
  document.data.links = own_link and {self = ("%s%s/%s/"):format(
    call.state.settings.link_base, call.path, id)} or nil
  document.links.next, document.links.prev = json.null, json.null
  return status, document
end

return M
