--- Compares an operation with the same one in another revision. There are two views
--- of the result: all changes, for klaviyo.operations.diff; and whether one of them
--- can break a program that was written for the first revision, which a client asks
--- when Klaviyo serves another revision than the one that it names.
---
--- An addition breaks nothing unless it is required. Known values of attributes do
--- not count, because Klaviyo changes them at any time.

local changes = require "klaviyo.operations.changes"
local schema_diff = require "klaviyo.operations.schema_diff"
local tables = require "klaviyo.util.tables"

local M = {}

---@class klaviyo.Change  what it has besides `change` and `part` depends on the part
---@field change string  "added", "removed" or "changed"
---@field part string  what changed: see the table below
---@field name? string  the parameter, the field of a filter, or the path of the attribute
---@field value? any  the value that was added or removed
---@field property? string  what changed of it: "required", "type", "max", "minute", …
---@field from? any  before the change
---@field to? any  after the change
---@field type? string  the type of a parameter or attribute that was added or removed
---@field required? boolean  whether it is required
---@field values? any[]  its known values, or the operators of a filter's field
---@field with? string  the parameter and value for which a limit holds: "include=lists"
---@field breaks? boolean  true if it can break a program that was written for the earlier
---  revision

local function outer(word)
  return word:match("^(.*)%.[^.]+$")
end

-- Compares dotted names: "status" may be removed with all names below it, or
-- become an object.
local function dotted(found, part, name, a, b)
  local before, now, parents = tables.set(a), tables.set(b), {}
  for word in pairs(before) do
    parents[outer(word) or ""] = true
  end
  for _, word in ipairs(b) do
    local parent = outer(word)
    if parent and before[parent] and not parents[parent] then
      changes.add(found, {change = "changed", part = part, name = name, value = parent,
        property = "type", to = "object", breaks = true})
    end
    if not before[word] and (before[parent] or not now[parent]) then
      changes.add(found, {change = "added", part = part, name = name, value = word})
    end
  end
  for _, word in ipairs(a) do
    local parent = outer(word)
    if not now[word] and not (before[parent] and not now[parent]) then
      changes.add(found, {change = "removed", part = part, name = name, value = word,
        breaks = true})
    end
  end
end

local function body_kind(op)
  local body = op.body
  return body and (body.style == "multipart" and "form"
    or schema_diff.kind_of {document = body.resource, many = body.many}) or "none"
end

local function body(found, op, other)
  local a, b = op.body, other.body
  if not a or not b or a.style ~= b.style or a.many ~= b.many then
    changes.changed(found, "document", nil, "type", body_kind(op), body_kind(other), true)
  elseif a.style == "multipart" then
    schema_diff.named(found, "attributes", "", a.parts, b.parts, schema_diff.parameter)
  else
    schema_diff.resource(found, a.resource, b.resource)
  end
end

-- The parameters that have parts of their own.
local LISTS = {include = true, sort = true}
local OWN_PART = {filter = true, ["page[size]"] = true, ["page[cursor]"] = true,
  page_cursor = true}

local function list_values(op, name)
  local one = op.query[name]
  return one and one.values or {}
end

local function query(found, op, other)
  local a, b, lists = {}, {}, {}
  for _, pair in ipairs {{op, a}, {other, b}} do
    for name, one in pairs(pair[1].query) do
      if LISTS[name] or name:find("^fields%[") or name:find("^additional%-fields%[") then
        lists[name] = true
      elseif not OWN_PART[name] then
        pair[2][name] = one
      end
    end
  end
  for _, name in ipairs(tables.sorted(lists)) do
    local part, kind = name:match("^([%a-]+)%[(.*)%]$")
    part = part and part:gsub("-", "_")
    if kind and op.query[name] and other.query[name] then
      dotted(found, part, kind, list_values(op, name), list_values(other, name))
    elseif kind then -- the whole parameter, with its values
      local now = other.query[name] ~= nil
      changes.add(found, {change = now and "added" or "removed", part = part, name = kind,
        values = list_values(now and other or op, name), breaks = not now})
    else
      changes.values(found, name, nil, list_values(op, name), list_values(other, name),
        "removed")
    end
  end
  -- the names are those of the API
  for _, name in ipairs(tables.sorted(a)) do
    if not b[name] then
      changes.add(found, {change = "removed", part = "query", name = name,
        type = a[name].type, values = a[name].values, breaks = true})
    else
      changes.changed(found, "query", name, "required", a[name].required or false,
        b[name].required or false, b[name].required)
      schema_diff.parameter(found, "query", name, a[name], b[name])
    end
  end
  for _, name in ipairs(tables.sorted(b)) do
    if not a[name] then
      changes.add(found, {change = "added", part = "query", name = name, type = b[name].type,
        values = b[name].values, required = b[name].required,
        breaks = b[name].required})
    end
  end
end

local function filter(found, op, other)
  local a, b = op.filter or {fields = {}}, other.filter or {fields = {}}
  changes.changed(found, "filter", nil, "required", a.required or false, b.required or false,
    b.required)
  for _, name in ipairs(tables.sorted(a.fields)) do
    if b.fields[name] then
      changes.values(found, "filter", name, a.fields[name], b.fields[name], "removed")
    else
      changes.add(found, {change = "removed", part = "filter", name = name,
        values = a.fields[name], breaks = true})
    end
  end
  for _, name in ipairs(tables.sorted(b.fields)) do
    if not a.fields[name] then
      changes.add(found, {change = "added", part = "filter", name = name,
        values = b.fields[name]})
    end
  end
end

local function page(found, op, other)
  local a, b = op.page or {}, other.page or {}
  changes.changed(found, "page", nil, "style", a.style, b.style, a.style)
  if a.style == b.style then
    changes.changed(found, "page", nil, "param", a.param, b.param, true)
  end
  local x, y = a.size or {}, b.size or {}
  for _, name in ipairs {"default", "min", "max"} do
    changes.changed(found, "page", nil, name, x[name], y[name],
      name == "max" and x.max and (not y.max or y.max < x.max))
  end
end

local WINDOWS = {"second", "minute", "day"}

local function limits(found, op, other)
  local function compare(a, b, with)
    for _, window in ipairs(WINDOWS) do
      if a[window] ~= b[window] then
        changes.add(found, {change = "changed", part = "limit", property = window, with = with,
          from = a[window], to = b[window]})
      end
    end
  end
  compare(op.limit or {}, other.limit or {})
  local a, b, all = op.reduced or {}, other.reduced or {}, {}
  for _, list in ipairs {a, b} do
    for with in pairs(list) do
      all[with] = true
    end
  end
  for _, with in ipairs(tables.sorted(all)) do
    compare(a[with] or {}, b[with] or {}, with)
  end
end

local function route(op)
  return op.method .. " " .. op.path:gsub("{[^}]*}", "{}")
end

local function response_kind(op)
  return (op.type or "none") .. (op.many and "[]" or "")
end

local function statuses(op)
  local out = {}
  for _, status in ipairs(tables.sorted(op.success)) do
    out[#out + 1] = tostring(status)
  end
  return out
end

local function compare(found, op, other)
  changes.changed(found, "route", nil, nil, route(op), route(other), true)
  changes.values(found, "path_params", nil, op.path_params, other.path_params, "removed")
  body(found, op, other)
  if changes.is_enough(found) then
    return found
  end
  query(found, op, other)
  filter(found, op, other)
  page(found, op, other)
  changes.changed(found, "response", nil, "type", response_kind(op), response_kind(other),
    true)
  changes.values(found, "scope", nil, op.scopes, other.scopes, "added")
  if not found.only_breaks then
    changes.changed(found, "id", nil, nil, op.id, other.id)
    limits(found, op, other)
    changes.values(found, "header", nil, tables.sorted(op.headers),
      tables.sorted(other.headers))
    changes.values(found, "status", nil, statuses(op), statuses(other))
  end
  return found
end

local ORDER = {"part", "name", "with", "value", "property", "change"}

local function is_before(x, y)
  for _, field in ipairs(ORDER) do
    local one, other = tostring(x[field] or ""), tostring(y[field] or "")
    if one ~= other then
      return one < other
    end
  end
  return false
end

--- Returns the changes from an operation to its counterpart, sorted.
---@param op table
---@param counterpart table
---@return klaviyo.Change[]
function M.changes(op, counterpart)
  local found = compare(changes.new(), op, counterpart)
  found.known = nil
  table.sort(found, is_before)
  return found
end

--- Returns true if the counterpart of an operation can break a program that was
--- written for the operation.
---@param op table
---@param counterpart table
---@return boolean
function M.breaks(op, counterpart)
  return #compare(changes.new(true), op, counterpart) > 0
end

--- Returns in words how the response of an operation differs in its counterpart,
--- or nil.
---@param op table
---@param counterpart table
---@return string|nil
function M.response(op, counterpart)
  if op.type ~= counterpart.type or op.many ~= counterpart.many then
    return ("the response is %s%s"):format(counterpart.many and "a list of " or "",
      counterpart.type or "empty")
  end
end

return M
