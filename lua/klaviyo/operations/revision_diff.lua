--- Describes how an operation differs in a later revision: the changes that can
--- break a program that was written for the earlier one. Additions count only if
--- they are required. Known values of attributes do not count, because Klaviyo
--- changes them at any time.

local schema = require "klaviyo.operations.schema"

local M = {}

local MAX_NAMED = 5

local function add(found, path, what)
  local text = path .. " " .. what
  if not found[text] then
    found[text] = true
    found[#found + 1] = text
  end
end

local function below(path, name)
  name = tostring(name):gsub("-", "_")
  return path == "" and name or path .. "." .. name
end

local function sorted(t)
  local names = {}
  for name in pairs(t or {}) do
    names[#names + 1] = name
  end
  table.sort(names, function(x, y) return tostring(x) < tostring(y) end)
  return names
end

-- Compares members by name: finds those that were removed and those that are now
-- required; `compare` compares the others.
local function named(found, path, a, b, compare)
  a, b = a or {}, b or {}
  for _, name in ipairs(sorted(a)) do
    local at = below(path, name)
    if not b[name] then
      add(found, at, "was removed")
    else
      compare(found, at, a[name], b[name])
    end
  end
  for _, name in ipairs(sorted(b)) do
    local before = a[name]
    if b[name].required and not (before and before.required) then
      add(found, below(path, name), "is now required")
    end
  end
end

local function outer(word)
  return word:match("^(.*)%.[^.]+$")
end

-- Compares dotted names: "status" may be removed with all names below it, or
-- become an object.
local function words(found, path, a, b)
  local before, now, parents = {}, {}, {}
  for _, word in ipairs(a) do
    before[word] = true
    parents[outer(word) or ""] = true
  end
  for _, word in ipairs(b) do
    now[word] = true
    local parent = outer(word)
    if parent and before[parent] and not parents[parent] then
      add(found, below(path, parent), "is now an object")
    end
  end
  for _, word in ipairs(a) do
    local parent = outer(word)
    if not now[word] and not (before[parent] and not now[parent]) then
      add(found, below(path, word), "was removed")
    end
  end
end

local function parameter(found, path, a, b)
  if a.type ~= b.type then
    add(found, path, ("has the type %s instead of %s"):format(b.type, a.type))
  elseif a.values and b.values then
    words(found, path, a.values, b.values)
  end
end

local function operators(found, path, a, b)
  words(found, path, a, b)
end

local function page(found, a, b)
  if a and not b then
    add(found, "page", "was removed")
  elseif a then
    if a.style ~= b.style or a.param ~= b.param then
      local differing = a.style ~= b.style and "style" or "param"
      add(found, "page", ("uses %s instead of %s"):format(b[differing],
        a[differing]))
    end
    local most, now = a.size and a.size.max, b.size and b.size.max
    if most and now and now < most then
      add(found, "page.size", ("is limited to %d instead of %d"):format(now, most))
    end
  end
end

local member, resource

local function linkage(found, path, a, b)
  if a.type ~= b.type or a.many ~= b.many then
    add(found, path, b.many and ("is now a list of %s"):format(b.type)
      or ("is now one %s"):format(b.type))
  end
end

-- Returns true if every value of `a` is a value of `b`. The results are kept by
-- pair, because unions may contain each other; a pair in progress counts as true.
local function takes_all(a, b, visited)
  a, b = schema.target(a), schema.target(b)
  local known = visited.unions[a] or {}
  visited.unions[a] = known
  if known[b] == nil then
    known[b] = true
    local own = {}
    member(own, "", a, b, {unions = visited.unions})
    known[b] = #own == 0
  end
  return known[b]
end

local function union(found, path, a, b, visited)
  for _, branch in ipairs(a) do
    local kept = false
    for _, other in ipairs(b) do
      kept = kept or takes_all(branch, other, visited)
    end
    if not kept then
      return add(found, path, "accepts other types of values")
    end
  end
end

function member(found, path, a, b, visited)
  local pair = schema.target(a)
  if pair == schema.target(b) or visited[pair] then -- shared, or recursive
    return
  end
  visited[pair] = true
  if a.nullable and not b.nullable then
    add(found, path, "must not be null")
  end
  if b.any_of then
    union(found, path, a.any_of or {a}, b.any_of, visited)
  elseif a.any_of or a.type ~= b.type then
    add(found, path, "has another type")
  elseif a.members and b.members then
    named(found, path, a.members, b.members, function(into, at, x, y)
      member(into, at, x, y, visited)
    end)
  elseif a.items and b.items then
    member(found, path .. "[]", a.items, b.items, visited)
  elseif a.document then
    if a.many ~= b.many then
      add(found, path, b.many and "is now a list" or "is now one resource")
    end
    resource(found, path, a.document, b.document, visited)
  elseif a.free and not b.free then
    add(found, path, "accepts only known members")
  end
end

function resource(found, path, a, b, visited)
  if a.type ~= b.type then
    add(found, below(path, "type"), ("is %s instead of %s"):format(b.type, a.type))
  end
  if b.id == "required" and a.id ~= "required" then
    add(found, below(path, "id"), "is now required")
  end
  for _, part in ipairs {"attributes", "meta"} do
    named(found, path, a[part], b[part], function(into, at, x, y)
      member(into, at, x, y, visited)
    end)
  end
  named(found, path, a.relationships, b.relationships, linkage)
end

local function body(found, a, b)
  if not a or not b or a.style ~= b.style then
    if a or b then
      add(found, "body", not b and "was removed" or not a and "is new"
        or "has another type")
    end
  elseif a.style == "multipart" then
    named(found, "", a.parts, b.parts, parameter)
  elseif a.many ~= b.many then
    add(found, "data", b.many and "is now a list" or "is now one resource")
  else
    resource(found, "", a.resource, b.resource, {unions = {}})
  end
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

--- Returns the differences of two records of an operation in words; "" if there
--- are none.
---@param op table
---@param counterpart table
---@return string
function M.between(op, counterpart)
  local found = {}
  if op.method ~= counterpart.method or op.path ~= counterpart.path then
    add(found, op.path, ("is now %s %s"):format(counterpart.method,
      counterpart.path))
  end
  body(found, op.body, counterpart.body)
  named(found, "", op.query, counterpart.query, parameter)
  if op.filter and counterpart.filter then
    named(found, "filter", op.filter.fields, counterpart.filter.fields, operators)
  end
  page(found, op.page, counterpart.page)
  local response_text = M.response(op, counterpart)
  if response_text then
    found[#found + 1] = response_text
  end
  if #found > MAX_NAMED then
    found[MAX_NAMED] = ("… (%d in all)"):format(#found)
  end
  return table.concat(found, ", ", 1, math.min(#found, MAX_NAMED))
end

return M
