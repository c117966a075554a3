--- Compares an operation with the same one in another revision. There are two views
--- of the result: all changes, for klaviyo.operations.diff; and whether one of them
--- can break a program that was written for the first revision, which a client asks
--- when Klaviyo serves another revision than the one that it names.
---
--- An addition breaks nothing unless it is required. Known values of attributes do
--- not count, because Klaviyo changes them at any time.

local schema = require "klaviyo.operations.schema"
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

-- A list of changes. With `only_breaks` it keeps no others, and one is enough.
local function new_list(only_breaks)
  return {only_breaks = only_breaks, known = {}}
end

local function is_enough(found)
  return found.only_breaks and #found > 0
end

local function key_of(entry)
  local out = {}
  for i, name in ipairs {"change", "part", "name", "property", "with", "value"} do
    out[i] = tostring(entry[name])
  end
  return table.concat(out, "\n")
end

-- The records of operations are shared, so a caller gets copies.
local function copied(list)
  return type(list) == "table" and {(table.unpack or unpack)(list)} or list
end

local function add(found, entry)
  entry.breaks = entry.breaks and true or nil
  if found.only_breaks and not entry.breaks then
    return
  end
  local key = key_of(entry)
  local known = found.known[key]
  if known then
    known.breaks = known.breaks or entry.breaks
  else
    for _, field in ipairs {"values", "from", "to"} do
      entry[field] = copied(entry[field])
    end
    found.known[key] = entry
    found[#found + 1] = entry
  end
end

local function changed(found, part, name, property, from, to, breaks)
  if from ~= to then
    add(found, {change = "changed", part = part, name = name, property = property,
      from = from, to = to, breaks = breaks})
  end
end

-- The name of an attribute, as a program writes it.
local function below(path, name)
  name = tostring(name):gsub("-", "_")
  return path == "" and name or path .. "." .. name
end

-- Compares lists of values; `on` is the change that breaks.
local function values(found, part, name, a, b, on)
  local before, now = tables.set(a), tables.set(b)
  for _, value in ipairs(a or {}) do
    if not now[value] then
      add(found, {change = "removed", part = part, name = name, value = value,
        breaks = on == "removed"})
    end
  end
  for _, value in ipairs(b or {}) do
    if not before[value] then
      add(found, {change = "added", part = part, name = name, value = value,
        breaks = on == "added"})
    end
  end
end

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
      add(found, {change = "changed", part = part, name = name, value = parent,
        property = "type", to = "object", breaks = true})
    end
    if not before[word] and (before[parent] or not now[parent]) then
      add(found, {change = "added", part = part, name = name, value = word})
    end
  end
  for _, word in ipairs(a) do
    local parent = outer(word)
    if not now[word] and not (before[parent] and not now[parent]) then
      add(found, {change = "removed", part = part, name = name, value = word,
        breaks = true})
    end
  end
end

local kind_of

-- A list or a union may contain itself.
local MAX_DEPTH = 4

local function union_kind(branches, depth)
  local known, kinds = {}, {}
  for _, branch in ipairs(branches) do
    local kind = kind_of(branch, depth)
    if not known[kind] then
      known[kind] = true
      kinds[#kinds + 1] = kind
    end
  end
  return table.concat(kinds, "|")
end

-- Returns the type of an attribute or a linkage in a word.
function kind_of(member, depth)
  depth = (depth or 0) + 1
  if depth > MAX_DEPTH then
    return "any"
  elseif member.any_of then
    return union_kind(member.any_of, depth)
  elseif member.items then
    return kind_of(member.items, depth) .. "[]"
  elseif member.document then
    return member.document.type .. (member.many and "[]" or "")
  end
  return member.type .. (member.many and "[]" or "")
end

-- Compares members by name: those of one revision only, and those of both by
-- `compare`.
local function named(found, part, path, a, b, compare)
  a, b = a or {}, b or {}
  for _, name in ipairs(tables.sorted(a)) do
    local at, one, other = below(path, name), a[name], b[name]
    if not other then
      add(found, {change = "removed", part = part, name = at, type = kind_of(one),
        values = one.values, required = one.required, breaks = true})
    else
      changed(found, part, at, "required", one.required or false,
        other.required or false, other.required)
      compare(found, part, at, one, other)
    end
  end
  for _, name in ipairs(tables.sorted(b)) do
    local other = b[name]
    if not a[name] then
      add(found, {change = "added", part = part, name = below(path, name),
        type = kind_of(other), values = other.values, required = other.required,
        breaks = other.required})
    end
  end
end

local function parameter(found, part, name, a, b)
  changed(found, part, name, "type", a.type, b.type, true)
  if a.values and b.values and a.type == b.type then
    values(found, part, name, a.values, b.values, "removed")
  end
end

local member, resource

local function linkage(found, part, name, a, b)
  changed(found, part, name, "type", kind_of(a), kind_of(b), true)
end

-- Returns the value that distinguishes a branch of a union from the others, such as
-- "static" for the objects with `method = "static"`, or nil.
local function discriminator(branch)
  local members = branch.members
  local found
  for _, name in ipairs(tables.sorted(members)) do
    local list = members[name].values
    if list and #list == 1 and (name == "type" or not found) then
      found = tostring(list[1])
    end
  end
  return found
end

-- Returns the name of a schema, which ends in "Beta" in a beta revision.
local function name_of(branch)
  return branch.ref and (branch.ref:gsub("Beta$", ""))
end

-- Finds for each branch of `a` the branch of `b` that takes its place: the one with
-- the same discriminator, else one of the same type.
local function match(a, b)
  local partners, taken = {}, {}
  local function each(is_same)
    for _, branch in ipairs(a) do
      for _, other in ipairs(partners[branch] and {} or b) do
        if not taken[other] and not partners[branch] and is_same(branch, other) then
          partners[branch], taken[other] = other, true
        end
      end
    end
  end
  each(function(branch, other)
    local value = discriminator(branch)
    return value ~= nil and value == discriminator(other)
  end)
  each(function(branch, other)
    return branch.ref ~= nil and name_of(branch) == name_of(other)
  end)
  each(function(branch, other)
    return not discriminator(branch) and not discriminator(other)
      and kind_of(branch) == kind_of(other)
  end)
  return partners, taken
end

-- Returns true if every value of `a` is a value of `b`. The results are kept by
-- pair, because unions may contain each other; a pair in progress counts as true.
local function takes_all(a, b, visited)
  a, b = schema.target(a), schema.target(b)
  local known = visited.unions[a] or {}
  visited.unions[a] = known
  if known[b] == nil then
    known[b] = true
    local own = new_list(true)
    member(own, "attributes", "", a, b, {unions = visited.unions})
    known[b] = #own == 0
  end
  return known[b]
end

-- Returns true if every value of a branch is a value of one of the branches `b`. One
-- with another discriminator does not take its values.
local function is_taken(branch, partner, b, visited)
  if partner and takes_all(branch, partner, visited) then
    return true
  end
  local value = discriminator(branch)
  for _, other in ipairs(b) do
    local another = value and discriminator(other)
    if other ~= partner and (not another or another == value)
        and takes_all(branch, other, visited) then
      return true
    end
  end
  return false
end

local function label_of(branch)
  return discriminator(branch) or name_of(branch) or kind_of(branch)
end

-- The path of a branch: "send_strategy(static)", or in a list "conditions[metric]".
local function within(path, value)
  if value and path:sub(-2) == "[]" then
    return ("%s[%s]"):format(path:sub(1, -3), value)
  end
  return value and ("%s(%s)"):format(path, value) or path
end

-- Compares the branches of unions. What a branch loses breaks nothing if another one
-- takes all its values.
local function union(found, part, path, a, b, visited)
  local partners, taken = match(a, b)
  for _, branch in ipairs(a) do
    local partner = partners[branch]
    local breaks = not is_taken(branch, partner, b, visited)
    if not partner then
      add(found, {change = "removed", part = part, name = path,
        value = label_of(branch), property = "type", breaks = breaks})
    elseif breaks or not found.only_breaks then
      local own = breaks and found or new_list()
      visited.harmless = visited.harmless or {unions = visited.unions}
      member(own, part, within(path, discriminator(branch)), branch, partner,
        breaks and visited or visited.harmless)
      for _, entry in ipairs(own ~= found and own or {}) do
        entry.breaks = nil
        add(found, entry)
      end
    end
  end
  for _, other in ipairs(b) do
    if not taken[other] then
      add(found, {change = "added", part = part, name = path, value = label_of(other),
        property = "type"})
    end
  end
end

function member(found, part, path, a, b, visited)
  local pair = schema.target(a)
  if pair == schema.target(b) or visited[pair] -- shared, or recursive
      or is_enough(found) then
    return
  end
  visited[pair] = true
  changed(found, part, path, "nullable", a.nullable or false, b.nullable or false,
    not b.nullable)
  changed(found, part, path, "read_only", a.read_only or false,
    b.read_only or false, b.read_only)
  if b.any_of then
    union(found, part, path, a.any_of or {a}, b.any_of, visited)
  elseif a.any_of or a.type ~= b.type then
    changed(found, part, path, "type", kind_of(a), kind_of(b), true)
  elseif a.members and b.members then
    named(found, part, path, a.members, b.members, function(into, _, at, x, y)
      member(into, part, at, x, y, visited)
    end)
  elseif a.items and b.items then
    member(found, part, path .. "[]", a.items, b.items, visited)
  elseif a.document then
    changed(found, part, path, "type", kind_of(a), kind_of(b),
      a.many ~= b.many or a.document.type ~= b.document.type)
    resource(found, part, path, a.document, b.document, visited)
  elseif a.free ~= b.free then
    changed(found, part, path, "members", a.free and "any" or "known",
      b.free and "any" or "known", a.free)
  elseif not found.only_breaks then
    changed(found, part, path, "format", a.format, b.format)
    if a.values and b.values then
      values(found, part, path, a.values, b.values)
    elseif a.values or b.values then
      changed(found, part, path, "values", a.values, b.values)
    end
  end
end

local function id_of(found, part, path, a, b)
  local name = below(path, "id")
  if a.id and b.id then
    changed(found, part, name, "required", a.id == "required", b.id == "required",
      b.id == "required")
  elseif a.id ~= b.id then
    local one = a.id or b.id
    add(found, {change = a.id and "removed" or "added", part = part, name = name,
      type = "string", required = one == "required" or nil,
      breaks = a.id ~= nil or one == "required"})
  end
end

function resource(found, part, path, a, b, visited)
  local function compare(into, own_part, at, x, y)
    member(into, own_part, at, x, y, visited)
  end
  if path == "" then
    changed(found, "document", nil, "type", a.type, b.type, true)
  end
  id_of(found, part, path, a, b)
  named(found, part, path, a.attributes, b.attributes, compare)
  named(found, part == "attributes" and "meta" or part, below(path, "meta"), a.meta,
    b.meta, compare)
  named(found, part == "attributes" and "relationships" or part, path,
    a.relationships, b.relationships, linkage)
end

local function body_kind(op)
  local body = op.body
  return body and (body.style == "multipart" and "form"
    or kind_of {document = body.resource, many = body.many}) or "none"
end

local function body(found, op, other)
  local a, b = op.body, other.body
  if not a or not b or a.style ~= b.style or a.many ~= b.many then
    changed(found, "document", nil, "type", body_kind(op), body_kind(other), true)
  elseif a.style == "multipart" then
    named(found, "attributes", "", a.parts, b.parts, parameter)
  else
    resource(found, "attributes", "", a.resource, b.resource, {unions = {}})
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
      add(found, {change = now and "added" or "removed", part = part, name = kind,
        values = list_values(now and other or op, name), breaks = not now})
    else
      values(found, name, nil, list_values(op, name), list_values(other, name),
        "removed")
    end
  end
  -- the names are those of the API
  for _, name in ipairs(tables.sorted(a)) do
    if not b[name] then
      add(found, {change = "removed", part = "query", name = name,
        type = a[name].type, values = a[name].values, breaks = true})
    else
      changed(found, "query", name, "required", a[name].required or false,
        b[name].required or false, b[name].required)
      parameter(found, "query", name, a[name], b[name])
    end
  end
  for _, name in ipairs(tables.sorted(b)) do
    if not a[name] then
      add(found, {change = "added", part = "query", name = name, type = b[name].type,
        values = b[name].values, required = b[name].required,
        breaks = b[name].required})
    end
  end
end

local function filter(found, op, other)
  local a, b = op.filter or {fields = {}}, other.filter or {fields = {}}
  changed(found, "filter", nil, "required", a.required or false, b.required or false,
    b.required)
  for _, name in ipairs(tables.sorted(a.fields)) do
    if b.fields[name] then
      values(found, "filter", name, a.fields[name], b.fields[name], "removed")
    else
      add(found, {change = "removed", part = "filter", name = name,
        values = a.fields[name], breaks = true})
    end
  end
  for _, name in ipairs(tables.sorted(b.fields)) do
    if not a.fields[name] then
      add(found, {change = "added", part = "filter", name = name,
        values = b.fields[name]})
    end
  end
end

local function page(found, op, other)
  local a, b = op.page or {}, other.page or {}
  changed(found, "page", nil, "style", a.style, b.style, a.style)
  if a.style == b.style then
    changed(found, "page", nil, "param", a.param, b.param, true)
  end
  local x, y = a.size or {}, b.size or {}
  for _, name in ipairs {"default", "min", "max"} do
    changed(found, "page", nil, name, x[name], y[name],
      name == "max" and x.max and (not y.max or y.max < x.max))
  end
end

local WINDOWS = {"second", "minute", "day"}

local function limits(found, op, other)
  local function compare(a, b, with)
    for _, window in ipairs(WINDOWS) do
      if a[window] ~= b[window] then
        add(found, {change = "changed", part = "limit", property = window, with = with,
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
  changed(found, "route", nil, nil, route(op), route(other), true)
  values(found, "path_params", nil, op.path_params, other.path_params, "removed")
  body(found, op, other)
  if is_enough(found) then
    return found
  end
  query(found, op, other)
  filter(found, op, other)
  page(found, op, other)
  changed(found, "response", nil, "type", response_kind(op), response_kind(other),
    true)
  values(found, "scope", nil, op.scopes, other.scopes, "added")
  if not found.only_breaks then
    changed(found, "id", nil, nil, op.id, other.id)
    limits(found, op, other)
    values(found, "header", nil, tables.sorted(op.headers),
      tables.sorted(other.headers))
    values(found, "status", nil, statuses(op), statuses(other))
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
  local found = compare(new_list(), op, counterpart)
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
  return #compare(new_list(true), op, counterpart) > 0
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
