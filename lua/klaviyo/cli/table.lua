--- Tables for the terminal. The first records decide which columns there are, and
--- how wide they are; the others then follow as they come.

local cell = require "klaviyo.cli.cell"
local klaviyo = require "klaviyo"
local sorted_keys = require "klaviyo.cli.sorted_keys"

local M = {}

local Table = {format = "table", takes_raw = false}
Table.__index = Table

-- The first line is written when this number of records is there.
local SAMPLE = 100

-- No column takes more, if there are others.
local MAX_WIDTH = 40
local MIN_WIDTH = 6
local GAP = 2

-- The attributes that tell most about a resource, in this order.
local RANK = {}
for i, name in ipairs {"id", "name", "email", "title", "subject", "label",
  "phone_number", "first_name", "last_name", "external_id", "status", "channel",
  "state", "definition_type", "trigger_type", "datetime", "organization", "price",
  "created", "created_at", "updated", "updated_at"} do
  RANK[name] = i
end

local function rank(path)
  return RANK[path:match("[^.]+$")] or #path + 100
end

-- Columns -------------------------------------------------------------------------

local function is_filled(value)
  return value ~= nil and value ~= klaviyo.null and type(value) ~= "table"
    and value ~= ""
end

--- Returns the columns of some records: the id, and the attributes that have a value
--- and are not tables.
---@param records table[]
---@param has_all boolean|nil  also those that are empty or tables
---@return string[]
function M.columns_of(records, has_all)
  local known, columns = {}, {}
  local function add(path, value)
    if not known[path] and (has_all or is_filled(value)) then
      known[path] = true
      columns[#columns + 1] = path
    end
  end
  for _, record in ipairs(records) do
    local attributes = type(record.attributes) == "table" and record.attributes
    add("id", record.id)
    for name, value in pairs(attributes or {}) do
      add("attributes." .. name, value)
    end
    for name, value in pairs(attributes and {} or record) do
      if name ~= "type" and name ~= "links" and name ~= "relationships" then
        add(name, value)
      end
    end
  end
  table.sort(columns, function(a, b)
    local one, other = rank(a), rank(b)
    if one ~= other then
      return one < other
    end
    return a < b
  end)
  return columns
end

local function title_of(path)
  return (path:gsub("^attributes%.", ""))
end

local function total(widths)
  local sum = -GAP
  for _, width in ipairs(widths) do
    sum = sum + width + GAP
  end
  return sum
end

-- Makes the widest columns narrower, until all fit.
local function shrink(widths, size)
  local excess = total(widths) - size
  while excess > 0 do
    local widest, second = 1, MIN_WIDTH
    for i, width in ipairs(widths) do
      widest = width > widths[widest] and i or widest
    end
    for i, width in ipairs(widths) do
      if i ~= widest then
        second = math.max(second, width)
      end
    end
    if widths[widest] <= MIN_WIDTH then
      return
    end
    local step = math.max(1, math.min(excess, widths[widest] - second))
    widths[widest] = widths[widest] - step
    excess = excess - step
  end
end

-- Chooses the columns that fit, and returns the titles of the others.
local function choose(self, size)
  local columns, widths, hidden = {}, {}, {}
  for i, path in ipairs(self.columns) do
    local width = math.min(self.widths[i], MAX_WIDTH)
    widths[#widths + 1] = width
    if total(widths) > size and #columns > 1 then
      widths[#widths] = nil
      hidden[#hidden + 1] = title_of(path)
    else
      columns[#columns + 1] = path
    end
  end
  self.columns, self.widths = columns, widths
  return hidden
end

-- Rows ----------------------------------------------------------------------------

local function line(self, cells, style)
  local texts = {}
  for i in ipairs(self.columns) do
    local text = cell.shortened(cells[i], self.widths[i])
    texts[i] = cell.pad(text, self.widths[i], self.is_right[i])
  end
  local text = table.concat(texts, (" "):rep(GAP)):gsub("%s+$", "")
  if style and self.context.terminal:colour() then
    text = style .. text .. "\27[0m"
  end
  self.context:out(text .. "\n")
end

local function cells_of(self, record)
  local cells = {}
  for i, path in ipairs(self.columns) do
    cells[i] = cell.text(self.value(record, path), self.has_local_times)
  end
  return cells
end

-- Measures the columns by the first records.
local function measure(self)
  self.widths, self.is_right = {}, {}
  for i, path in ipairs(self.columns) do
    local width, numbers, others = cell.width(title_of(path)), 0, 0
    for _, record in ipairs(self.first) do
      local value = self.value(record, path)
      width = math.max(width, cell.width(cell.text(value, self.has_local_times)))
      if type(value) == "number" then
        numbers = numbers + 1
      elseif value ~= nil and value ~= klaviyo.null then
        others = others + 1
      end
    end
    self.widths[i] = width
    self.is_right[i] = numbers > 0 and others == 0
  end
end

-- Puts the marks of the columns in order after some of them were left out.
local function fit(self)
  local context = self.context
  if not context.terminal.stdout then
    return
  end
  local size = context.terminal:width()
  if self.is_chosen then
    shrink(self.widths, size)
    return
  end
  local hidden = choose(self, size)
  shrink(self.widths, size)
  if #hidden > 0 then
    self.hidden = table.concat(hidden, ", ")
  end
end

local function begin(self)
  self.columns = self.columns or M.columns_of(self.first)
  measure(self)
  fit(self)
  local titles = {}
  for i, path in ipairs(self.columns) do
    titles[i] = title_of(path)
  end
  if #self.first > 0 then
    line(self, titles, "\27[1m")
  end
  for _, record in ipairs(self.first) do
    line(self, cells_of(self, record))
  end
  self.first, self.has_begun = nil, true
end

function Table:add_raw(text)
  self:add((klaviyo.json.decode(text)))
end

function Table:add(record)
  self.count = self.count + 1
  if self.has_begun then
    line(self, cells_of(self, record))
    return
  end
  self.first[#self.first + 1] = record
  if #self.first == SAMPLE or self.is_live then
    begin(self)
  end
end

function Table:finish()
  if self.count == 0 and self.context.terminal.stdout then
    self.context:note("there are no records")
  elseif self.is_single and self.count == 1 and not self.is_chosen then
    self:write_single(self.first[1])
  elseif not self.has_begun then
    begin(self)
  end
  if self.hidden then
    self.context:note(("not shown: %s; choose with --columns"):format(self.hidden))
  end
end

-- One record ------------------------------------------------------------------------

local function add_members(rows, prefix, t)
  local names = sorted_keys(t, function(a, b)
    local one, other = rank(a), rank(b)
    if one ~= other and (one < 100 or other < 100) then
      return one < other
    end
    return a < b
  end)
  for _, name in ipairs(names) do
    local value = t[name]
    if type(value) == "table" and not klaviyo.json.is_array(value)
        and next(value) ~= nil then
      add_members(rows, prefix .. name .. ".", value)
    else
      rows[#rows + 1] = {prefix .. name, value}
    end
  end
end

-- Adds the ids of related resources.
local function add_relationships(rows, relationships)
  for _, name in ipairs(sorted_keys(relationships)) do
    local relationship = relationships[name]
    local data = type(relationship) == "table" and relationship.data
    local ids = {}
    if type(data) == "table" then
      for _, one in ipairs(data.id and {data} or data) do
        ids[#ids + 1] = one.id
      end
    end
    if #ids > 0 then
      rows[#rows + 1] = {"→ " .. name, table.concat(ids, ", ")}
    end
  end
end

--- Writes one record, a line for each of its members.
---@param record table
function Table:write_single(record)
  local rows = {}
  if self.columns then
    for i, path in ipairs(self.columns) do
      rows[i] = {path, self.value(record, path)}
    end
  elseif type(record.attributes) == "table" then
    rows[1] = {"id", record.id}
    add_members(rows, "", record.attributes)
    add_relationships(rows, type(record.relationships) == "table"
      and record.relationships or {})
  else
    add_members(rows, "", record)
  end
  local width = 0
  for _, row in ipairs(rows) do
    width = math.max(width, cell.width(row[1]))
  end
  local bold, plain = "", ""
  if self.context.terminal:colour() then
    bold, plain = "\27[1m", "\27[0m"
  end
  for _, row in ipairs(rows) do
    local text = cell.text(row[2], self.has_local_times)
    local name = text == "" and row[1] or cell.pad(row[1], width + GAP)
    self.context:out(bold .. name .. plain .. text .. "\n")
  end
end

--- Returns a writer. `self` has the context, the columns, and `value`, which returns
--- a member of a record by its path.
---@param self table
---@return klaviyo.cli.Writer
function M.new(self)
  self.first = {}
  self.has_local_times = self.context.terminal.stdout
  return setmetatable(self, Table)
end

return M
