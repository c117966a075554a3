--- Compares the shapes of two responses: what a program that reads one of them
--- relies on, not the values.

local json = require "klaviyo.sandbox.json"

local M = {}

local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d"

-- The forms of ids, from the most special to the most general.
local FORMS = {
  {"uuid", "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"},
  {"topic", "^event:"},
  {"ulid", "^0[0-9A-HJKMNP-TV-Z]+$", 26},
  {"digits", "^%d+$"},
  {"six letters and digits", "^%w+$", 6},
  {"eleven letters and digits", "^%w+$", 11},
  {"base64 without padding", "^[%w+/]+$"},
}

local function form(id)
  for _, one in ipairs(FORMS) do
    if id:find(one[2]) and (not one[3] or #id == one[3]) then
      return one[1]
    end
  end
  return "other"
end

-- Classifies a text.
local function kind_of_text(text, member, path)
  if text:find(TIME) then
    return text:find("^%.%d+", 20) and "time with fraction" or "time"
  elseif member == "id" then
    return "id: " .. form(text)
  elseif member == "pointer" or member == "parameter" then
    return text
  elseif path:find("/links/") then
    return "link"
  end
  return "string"
end

local function describe(value, member, path)
  local kind = json.kind(value)
  if kind == "string" then
    return kind_of_text(value, member, path)
  elseif kind == "number" then
    return "integer" -- as far as types go, a number
  end
  return kind
end

local compare

-- The recordings went through PHP: `[]` may be an empty object.
local function empty(value)
  return next(value) == nil
end

local function compare_objects(want, have, path, tell)
  for name, value in pairs(want) do
    if have[name] == nil then
      tell(path .. "/" .. name, "absent; the service has it")
    else
      compare(value, have[name], name, path .. "/" .. name, tell)
    end
  end
  for name in pairs(have) do
    if want[name] == nil then
      tell(path .. "/" .. name, "present; the service has none")
    end
  end
end

function compare(want, have, member, path, tell)
  local a, b = describe(want, member, path), describe(have, member, path)
  if a == "array" and empty(want) and b == "object" then
    a = "object"
  end
  if a ~= b then
    tell(path, ("%s; the service has %s"):format(b, a))
  elseif a == "object" then
    compare_objects(want, have, path, tell)
  elseif a == "array" then
    if empty(want) ~= empty(have) then
      tell(path, empty(have) and "empty" or "not empty")
    end
    for i = 1, math.min(#want, #have) do
      compare(want[i], have[i], nil, path .. "/" .. i, tell)
    end
  end
end

-- Included resources come in any order: those of a type are compared with the
-- first of that type.
local function by_type(list)
  local out = {}
  for _, resource in ipairs(list) do
    out[resource.type] = out[resource.type] or resource
  end
  return out
end

-- Listings are compared by their first resource: the sandbox has others.
local function prepared(body)
  if json.kind(body) ~= "object" then
    return body
  end
  local out = {}
  for name, value in pairs(body) do
    out[name] = value
  end
  if json.kind(out.data) == "array" then
    out.data = json.array {out.data[1]}
  end
  if out.included then
    out.included = by_type(out.included)
  end
  return out
end

--- Returns the differences between a recorded response and another.
---@param want table status, headers, body
---@param have table the same of the other
---@return table[] differences path, text
function M.revision_diff(want, have)
  local list = {}
  local function tell(path, text)
    list[#list + 1] = {path = path, text = text}
  end
  if want.status ~= have.status then
    tell("status", ("%s; the service has %s"):format(tostring(have.status),
      tostring(want.status)))
  end
  local a = want.headers["content-type"]
  local b = have.headers["content-type"]
  if a ~= b then
    tell("content-type", tostring(b) .. "; the service has " .. tostring(a))
  end
  compare(prepared(want.body), prepared(have.body), nil, "", tell)
  table.sort(list, function(x, y) return x.path < y.path end)
  return list
end

return M
