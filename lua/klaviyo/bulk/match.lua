--- Finds the record that caused an error by the payload that came with it.
--- The service may return the payload in another form: an e-mail address in
--- lower case, a phone number without blanks, members that are null.

local json = require "klaviyo.values.json"

local M = {}

local IDENTIFIERS = {"id", "email", "phone_number", "external_id",
  "unique_code"}

local FORM = {
  email = string.lower,
  phone_number = function(text)
    return (text:gsub("[^%d+]", ""))
  end,
}

-- Returns a value in the form in which two values are compared.
local function normalized(name, value)
  if value == nil or value == json.null then
    return nil
  elseif type(value) == "string" then
    local text = value:match("^%s*(.-)%s*$")
    return FORM[name] and FORM[name](text) or text
  end
  return value
end

local function is_same(name, a, b)
  a, b = normalized(name, a), normalized(name, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not is_same(key, value, b[key]) then
      return false
    end
  end
  for key, value in pairs(b) do
    if a[key] == nil and normalized(key, value) ~= nil then
      return false
    end
  end
  return true
end

-- Returns the members of a record, a payload or a resource, by flat names.
local function members_of(value)
  if type(value) ~= "table" then
    return {id = value}
  elseif type(value.attributes) ~= "table" then
    return value
  end
  local members = {id = value.id}
  for name, member in pairs(value.attributes) do
    members[name] = member
  end
  return members
end

---@class klaviyo.BulkMatch
---@field records any[]
---@field index table<string, integer[]>|nil  by name and value of an identifier
local Match = {}
Match.__index = Match

---@param records any[]
---@return klaviyo.BulkMatch
function M.new(records)
  return setmetatable({records = records}, Match)
end

local function each_identifier(members, call)
  for _, name in ipairs(IDENTIFIERS) do
    local value = normalized(name, members[name])
    if type(value) == "string" or type(value) == "number" then
      call(name .. " " .. value)
    end
  end
end

local function index_of(self)
  if not self.index then
    self.index = {}
    for i, record in ipairs(self.records) do
      each_identifier(members_of(record), function(key)
        local list = self.index[key] or {}
        self.index[key] = list
        list[#list + 1] = i
      end)
    end
  end
  return self.index
end

-- Returns the number of members that agree, minus those that differ.
local function likeness(payload, record)
  local score = 0
  for name, value in pairs(payload) do
    if is_same(name, value, record[name]) then
      score = score + (normalized(name, value) ~= nil and 1 or 0)
    else
      score = score - 1
    end
  end
  return score
end

-- Returns the records that share an identifier with a payload and are most
-- similar to it.
local function most_alike(self, payload)
  local best, list, visited = -math.huge, {}, {}
  local index = index_of(self)
  each_identifier(payload, function(key)
    for _, i in ipairs(index[key] or {}) do
      local score = not visited[i]
        and likeness(payload, members_of(self.records[i])) or -math.huge
      visited[i] = true
      if score > best then
        best, list = score, {i}
      elseif score == best and score > -math.huge then
        list[#list + 1] = i
      end
    end
  end)
  return list
end

--- Returns the index of the record that a payload belongs to; nil if there is
--- none, or if several different records match. Of several records with the
--- same members it returns the first that does not have this error already,
--- which `is_taken` tells.
---@param payload any
---@param is_taken fun(i: integer): boolean
---@return integer|nil
function Match:find(payload, is_taken)
  if type(payload) ~= "table" then
    return nil
  end
  local list = most_alike(self, members_of(payload))
  local first = list[1]
  for _, i in ipairs(list) do
    if not is_same(nil, members_of(self.records[i]),
        members_of(self.records[first])) then
      return nil
    end
  end
  for _, i in ipairs(list) do
    if not is_taken(i) then
      return i
    end
  end
  return first
end

--- Returns whether a payload has identifiers, and the record has none of them.
---@param payload any
---@param i integer  the index of the record
---@return boolean
function Match:contradicts(payload, i)
  if type(payload) ~= "table" then
    return false
  end
  local own, any, agrees = {}, false, false
  each_identifier(members_of(self.records[i]), function(key)
    own[key] = true
  end)
  each_identifier(members_of(payload), function(key)
    any, agrees = true, agrees or own[key] ~= nil
  end)
  return any and not agrees
end

return M
