--- Writers of records, in the format of --output.

local klaviyo = require "klaviyo"

local json = klaviyo.json

local M = {}

---@class klaviyo.cli.RecordOptions
---@field columns? string[]  the columns of a table or of CSV, unless --columns names others
---@field is_single? boolean  there is one record: a table has a line for each member
---@field is_document? boolean  JSON is a document with `data` and `included`, as the API has it; else a list
---@field is_live? boolean  records come slowly: the first is written at once

---@class klaviyo.cli.Writer
---@field format "table"|"json"|"jsonl"|"csv"
---@field takes_raw boolean  whether `add_raw` costs less than `add`
---@field count integer  the records so far

local function split(text)
  local list = {}
  for name in text:gmatch("[^,]+") do
    list[#list + 1] = name:match("^%s*(.-)%s*$")
  end
  return list
end

local function at(record, path)
  local value = record
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then
      return nil
    end
    value = value[name]
  end
  return value
end

--- Returns a member of a record by its path; "email" is short for
--- "attributes.email".
---@param record table
---@param path string
function M.value(record, path)
  local value = at(record, path)
  if value == nil and type(record.attributes) == "table" then
    value = at(record.attributes, path)
  end
  return value
end

-- Returns the JSON of a record: of the chosen columns, in their order, or of all its
-- members.
local function json_of(self, record)
  if not self.is_chosen then
    return json.encode(record)
  end
  local parts = {}
  for i, path in ipairs(self.columns) do
    local value = M.value(record, path)
    parts[i] = json.encode(path) .. ":"
      .. (value == nil and "null" or json.encode(value))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- JSON Lines ------------------------------------------------------------------------

local Lines = {format = "jsonl", takes_raw = true}
Lines.__index = Lines

function Lines:add(record)
  self:write(json_of(self, record))
end

function Lines:add_raw(text)
  self:write(self.is_chosen and json_of(self, (json.decode(text))) or text)
end

function Lines:write(text)
  self.count = self.count + 1
  -- a line feed in JSON is only between its tokens
  if text:find("\n", 1, true) then
    text = text:gsub("%s*\n%s*", "")
  end
  self.context:out(text .. "\n")
  if self.is_live then
    self.context:flush()
  end
end

function Lines.finish() end

-- JSON ------------------------------------------------------------------------------

local Json = {format = "json", takes_raw = true}
Json.__index = Json

local function pretty(context, text, depth)
  return require("klaviyo.cli.pretty").json(text,
    {colour = context.terminal:colour(), depth = depth})
end

-- Keeps the related resources of a page, each once.
local function add_included(self, page)
  if page == self.page or type(page) ~= "table"
      or type(page.included) ~= "table" then
    return
  end
  self.page = page
  for _, one in ipairs(page.included) do
    local key = tostring(one.type) .. " " .. tostring(one.id)
    if not self.included[key] then
      self.included[key] = true
      table.insert(self.included, one.text or json.encode(one))
    end
  end
end

function Json:add(record, page)
  self:write(json_of(self, record), page)
end

function Json:add_raw(text, _, _, page)
  self:write(self.is_chosen and json_of(self, (json.decode(text))) or text, page)
end

function Json:write(text, page)
  local depth = self.is_document and 2 or 1
  local indent = ("  "):rep(depth)
  if self.count == 0 then
    self.context:out(self.is_document and '{\n  "data": [\n' or "[\n")
  else
    self.context:out(",\n")
  end
  self.count = self.count + 1
  self.context:out(indent .. pretty(self.context, text, depth))
  add_included(self, page)
end

function Json:finish()
  local context = self.context
  if self.count == 0 then
    context:out(self.is_document and '{\n  "data": []' or "[]\n")
  else
    context:out(self.is_document and "\n  ]" or "\n]\n")
  end
  if not self.is_document then
    return
  end
  for i, text in ipairs(self.included) do
    context:out((i == 1 and ',\n  "included": [\n    ' or ",\n    ")
      .. pretty(context, text, 2))
  end
  context:out((#self.included > 0 and "\n  ]" or "") .. "\n}\n")
end

--- Writes a JSON text with a line for each member.
---@param context klaviyo.cli.Context
---@param text string
function M.write_json(context, text)
  context:out(pretty(context, text, 0) .. "\n")
end

-- CSV -------------------------------------------------------------------------------

local Csv = {format = "csv", takes_raw = false}
Csv.__index = Csv

-- The first records decide about the columns.
local SAMPLE = 200

function Csv:add_raw(text)
  self:add((json.decode(text)))
end

-- Notes the attributes of a record that have no column.
local function look_for_others(self, record)
  for name in pairs(type(record.attributes) == "table" and record.attributes or {}) do
    if not self.known[name] then
      self.known[name] = true
      table.insert(self.others, name)
    end
  end
end

local function write_row(self, record)
  local cells = {n = #self.columns}
  for i, path in ipairs(self.columns) do
    cells[i] = M.value(record, path)
  end
  self.context:out(klaviyo.csv.encode(cells))
  if self.known then
    look_for_others(self, record)
  end
end

-- Chooses the columns by the first records. Tables are written as JSON.
local function choose(self)
  self.columns = require("klaviyo.cli.table").columns_of(self.first, true)
  self.known, self.others = {}, {}
  for i, path in ipairs(self.columns) do
    self.columns[i] = path:gsub("^attributes%.", "")
    self.known[self.columns[i]] = true
  end
end

local function begin(self)
  if not self.columns then
    choose(self)
  end
  if #self.columns > 0 then
    self.context:out(klaviyo.csv.encode(self.columns))
  end
  for _, record in ipairs(self.first) do
    write_row(self, record)
  end
  self.first, self.has_begun = nil, true
end

function Csv:add(record)
  self.count = self.count + 1
  if self.has_begun then
    write_row(self, record)
    return
  end
  table.insert(self.first, record)
  if #self.first == SAMPLE or self.is_live then
    begin(self)
  end
end

function Csv:finish()
  if not self.has_begun then
    begin(self)
  end
  if self.others and #self.others > 0 then
    self.context:note(("later records have other attributes, too: %s; name the "
      .. "columns with --columns"):format(table.concat(self.others, ", ")))
  end
end

-- Writers ---------------------------------------------------------------------------

local CLASSES = {jsonl = Lines, json = Json, csv = Csv}

--- Returns the format of the output.
---@param context klaviyo.cli.Context
---@return "table"|"json"|"jsonl"|"csv"
function M.format(context)
  return context.arguments.output
    or context.terminal.stdout and "table" or "jsonl"
end

--- Returns a writer.
---@param context klaviyo.cli.Context
---@param options klaviyo.cli.RecordOptions|nil
---@return klaviyo.cli.Writer
function M.new(context, options)
  options = options or {}
  local chosen = context.arguments.columns
  local self = {
    context = context, count = 0, first = {}, included = {}, value = M.value,
    columns = chosen and split(chosen) or options.columns,
    is_chosen = chosen ~= nil, is_single = options.is_single,
    is_document = options.is_document, is_live = options.is_live,
  }
  local class = CLASSES[M.format(context)]
  return class and setmetatable(self, class)
    or require("klaviyo.cli.table").new(self)
end

return M
