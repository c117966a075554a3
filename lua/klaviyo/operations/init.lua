--- The table of API operations of every revision. Each part of a revision is read
--- once, when it is first used. All clients share the records, which must not be
--- changed.
---
--- tools/revision.lua writes the files in klaviyo/operations/revisions/; their
--- format is described in klaviyo/operations/format.lua. The file of a revision
--- contains the differences from the revision before it.

local format = require "klaviyo.operations.format"
local index = require "klaviyo.operations.revisions.index"
local keys = require "klaviyo.util.tables"
local revision_file = require "klaviyo.operations.revision_file"

local M = {}

-- No line of an operation is longer; a spec checks that.
local MAX_LINE = 4000

local Revision = {}
Revision.__index = Revision

-- Returns the text after a name at the beginning of a line, from the newest file
-- that has the name.
local function line(self, section, name)
  local data, key = self.data, "\n" .. name .. " "
  while data do
    local text = data[section]
    -- A long string loses its first newline.
    local start, stop
    if text:sub(1, #key - 1) == key:sub(2) then
      start, stop = 1, #key - 1
    else
      start, stop = text:find(key, 1, true)
    end
    if start then
      local found = text:sub(stop + 1, text:find("\n", stop, true) - 1)
      return found ~= "-" and found or nil
    end
    data = data.before
  end
  return nil
end

-- Returns all names of a section with their lines.
local function lines(self, section)
  local out, removed = {}, {}
  local data = self.data
  while data do
    for name, text in data[section]:gmatch("(%S+) ([^\n]*)\n") do
      if text == "-" then
        removed[name] = removed[name] or out[name] == nil
      elseif out[name] == nil and not removed[name] then
        out[name] = text
      end
    end
    data = data.before
  end
  return out
end

--- Returns all lines of the revision, as if it had one file of its own, for the
--- tool that writes the file of the next revision.
function Revision:lines()
  return {
    operations = lines(self, "operations"),
    fields = lines(self, "fields"),
    schemas = lines(self, "schemas"),
  }
end

-- Returns the ids whose lines contain a text, those of the newest file first.
local function ids_with(self, text)
  local ids, data = {}, self.data
  while data do
    local operations = data.operations
    local at, stop = operations:find(text, 1, true)
    while at do
      local before = operations:sub(math.max(1, at - MAX_LINE), at - 1)
      local newline = before:reverse():find("\n", 1, true)
      ids[#ids + 1] = operations:match("^[%w_]+", newline and at - newline + 1)
      at, stop = operations:find(text, stop + 1, true)
    end
    data = data.before
  end
  return ids
end

local function by_alias(self, name)
  for _, before in ipairs {"=", ","} do
    for _, after in ipairs {",", " ", "\n"} do
      for _, id in ipairs(ids_with(self, before .. name .. after)) do
        -- the line may be of an operation that was removed since
        local op = line(self, "operations", id) and self:operation(id)
        for _, alias in ipairs(op and op.aliases or {}) do
          if alias == name then
            return op
          end
        end
      end
    end
  end
end

--- Returns an operation by its id or an alias, or nil.
---@param name string
---@return table|nil operation shared; not to be changed
function Revision:operation(name)
  local op = self.records[name]
  if op then
    return op
  elseif type(name) ~= "string" or not name:find("^[%w_]+$") then
    return nil
  end
  local text = line(self, "operations", name)
  if text then
    op = format.operation(name, text, self.field_line, self.read_schema)
    -- a beta revision has operations of its own; the others are stable ones
    op.revision = self.stable and not name:find("_beta$") and self.stable or nil
  else
    local beta = name .. "_beta"
    op = self.stable and line(self, "operations", beta) and self:operation(beta)
      or by_alias(self, name)
  end
  self.records[name] = op
  return op
end

-- Returns true if two revisions have the same lines of the schemas that a text
-- names, and of those that they name. Other words of the text have no lines.
local function has_same_schemas(self, other, text, known)
  for name in text:gmatch("%f[%w_]%u%w*") do
    if not known[name] then
      known[name] = true
      local own = line(self, "schemas", name)
      if own ~= line(other, "schemas", name)
          or own and not has_same_schemas(self, other, own, known) then
        return false
      end
    end
  end
  return true
end

--- Returns true if the lines of an operation are the same in another revision. That
--- finds most equal operations without reading them.
---@param other table a revision
---@param id string
---@return boolean
function Revision:has_alike(other, id)
  local text = line(self, "operations", id)
  if not text or text ~= line(other, "operations", id) then
    return false
  end
  for name in (text:match(" fields=(%S+)") or ""):gmatch("[^,]+") do
    if self.field_line(name) ~= other.field_line(name) then
      return false
    end
  end
  local body = text:match(" body=(.*)$")
  return not body or has_same_schemas(self, other, body, {})
end

--- Returns all operation ids, sorted.
function Revision:names()
  self.ids = self.ids or keys.sorted(lines(self, "operations"))
  return self.ids
end

--- Returns the routes of all operations, sorted by id: {id, method, path, …}. They
--- are part of the records, which are not read for it.
---@return table[]
function Revision:routes()
  if not self.all_routes then
    local routes = {}
    for id, text in pairs(lines(self, "operations")) do
      local route = format.route(id, text)
      route.aliases = format.list(text:match(" alias=(%S+)") or "")
      routes[#routes + 1] = route
    end
    table.sort(routes, function(a, b)
      return a.id < b.id
    end)
    self.all_routes = routes
  end
  return self.all_routes
end

--- Returns all operation ids and aliases, sorted.
function Revision:all_names()
  if not self.ids_and_aliases then
    local set = {}
    for id, text in pairs(lines(self, "operations")) do
      set[id] = true
      for name in (text:match(" alias=(%S+)") or ""):gmatch("[^,]+") do
        set[name] = true
      end
    end
    self.ids_and_aliases = keys.sorted(set)
  end
  return self.ids_and_aliases
end

--- Returns an operation by its method and its path template, or nil.
---@param method string
---@param template string e.g. "/api/lists/{id}"
---@return table|nil
function Revision:find(method, template)
  local route = method .. " " .. template
  local op = self.by_route[route]
  if not op then
    -- without a space before it, at which the search would stop in each word
    for _, id in ipairs(ids_with(self, route .. " ")) do
      local one = self:operation(id)
      if one and one.method == method and one.path == template then
        op = one
        break
      end
    end
    self.by_route[route] = op
  end
  return op
end

--- Returns the operation for a request. Segments stay percent-encoded; a slash at
--- the end is ignored.
---@param method string
---@param path string without the query
---@return table|nil operation
---@return table params the path's parameters; if there is no operation, the
--- methods of the path (an empty list if the path does not exist)
function Revision:route(method, path)
  self.router = self.router or
    require("klaviyo.operations.router").new(lines(self, "operations"))
  local id, params = self.router:route(method, path)
  return id and self:operation(id), params
end

-- The schemas are in a separate file, because a request without a document does
-- not need them.
local function read_section(data, name)
  if name == "schemas" then
    data.schemas = revision_file.load("klaviyo.operations.revisions.schemas."
      .. data.date:gsub("%.", "-"))
    return data.schemas
  end
end

-- The revisions that the library has, and those that a program added; the newest
-- stable one that was made from a document; and those that were not.
local stable = {(table.unpack or unpack)(index)}
local betas = {(table.unpack or unpack)(index.betas)}
local documented = index.documented
local provisional = keys.set(keys.sorted(index.provisional))

-- The data of revisions that a program added, by date.
local added = {}

local function read_data(date)
  local data = added[date]
    or revision_file.load("klaviyo.operations.revisions." .. date:gsub("%.", "-"))
  if data.follows and not data.before then
    data.before = read_data(data.follows)
  end
  return setmetatable(data, {__index = read_section})
end

-- Opens a revision with the data of `known`, which is the same one if the
-- library has it.
local function open(date, known)
  local schemas = {}
  local self = setmetatable({date = date, known = known, data = read_data(known),
    records = {}, by_route = {}}, Revision)
  self.stable = date:match("^(.*)%.pre$")
  if self.stable then
    self.is_lenient = date ~= known
  else
    self.is_lenient = date > documented or provisional[known] == true
  end
  -- the date whose life cycle it has
  self.since = date > stable[1] and not self.is_lenient and known or date
  self.field_line = function(name)
    return line(self, "fields", name)
  end
  local function named(name)
    local schema = schemas[name]
    if not schema then
      schema = self.read_schema(line(self, "schemas", name))
      schemas[name] = schema
    end
    return schema
  end
  self.read_schema = function(text)
    return require("klaviyo.operations.schema").read(text, named)
  end
  return self
end

local function is_date(text)
  local month, day = text:match("^%d%d%d%d%-(%d%d)%-(%d%d)$")
  month, day = tonumber(month), tonumber(day)
  return month and month >= 1 and month <= 12 and day >= 1 and day <= 31
end

-- Returns the latest of these dates that is not after a date, or the first one.
local function latest(dates, date)
  local found = dates[1]
  for _, one in ipairs(dates) do
    if one <= date then
      found = one
    end
  end
  return found
end

-- Returns the revision of the library that is used for a date, or nil if the text
-- is not the name of a revision.
local function known_for(text)
  local date, suffix = text:match("^([%d-]+)(.*)$")
  if not date or not is_date(date) then
    return nil
  elseif suffix == ".pre" then
    return latest(betas, text)
  end
  return suffix == "" and latest(stable, date) or nil
end

local opened = {}

--- Returns a revision. Klaviyo answers a date between two revisions as the earlier
--- one: so does this function. It returns the newest known revision for a later
--- date; `is_lenient` is true then, because the service may know more names.
---@param date string  "2024-10-15", or "2026-07-15.pre" for a beta revision
---@return {date: string, known: string, is_lenient: boolean}|nil revision  nil if
--- the text is not a date; `known` is the revision of the library that is used
function M.revision(date)
  local self = opened[date]
  if not self and type(date) == "string" then
    local known = known_for(date)
    self = known and open(date, known)
    opened[date] = self
  end
  return self
end

--- Returns the dates of the stable revisions, the oldest first.
---@return string[]
function M.revisions()
  return {(table.unpack or unpack)(stable)}
end

--- Returns true if no OpenAPI document of a stable revision is known: what is known
--- of it was made from a beta.
---@param date string
---@return boolean
function M.is_provisional(date)
  return provisional[date] == true
end

--- Returns the names of the beta revisions, the oldest first.
---@return string[]
function M.betas()
  return {(table.unpack or unpack)(betas)}
end

local function add_date(dates, date)
  for _, known in ipairs(dates) do
    if known == date then
      return
    end
  end
  dates[#dates + 1] = date
  table.sort(dates)
end

--- Returns the newest stable revision that is not after a date, for the data of a
--- beta revision.
---@param date string
---@return string
function M.latest(date)
  return latest(stable, date)
end

--- Adds a revision, or replaces one. Revisions that were opened before stay as they
--- are: clients that use them are not affected.
---@param data {date: string, follows: string|nil, operations: string, fields: string, schemas: string}
function M.add(data)
  added[data.date] = data
  if data.date:find("%.pre$") then
    add_date(betas, data.date)
  else
    add_date(stable, data.date)
    provisional[data.date] = nil
    documented = data.date > documented and data.date or documented
  end
  opened = {}
end

return M
