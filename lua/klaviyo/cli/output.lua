--- Writers of records, in the format of --output.

local klaviyo = require "klaviyo"

local json = klaviyo.json

local M = {}

---@class klaviyo.cli.RecordOptions
---@field columns string[]|nil  the columns of a table or of CSV, unless --columns names others

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

-- Returns the value at a path: "attributes.email", or short "email".
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

--- Returns the text of a value in a cell.
---@param value any
---@return string
function M.text(value)
  if value == nil or value == klaviyo.null then
    return ""
  elseif type(value) == "string" then
    return value
  end
  return json.encode(value)
end

--- Returns the columns of some records: the id and the scalar attributes.
---@param records table[]
---@return string[]
function M.columns_of(records)
  local known, names = {}, {}
  for _, record in ipairs(records) do
    for name, value in pairs(type(record.attributes) == "table"
        and record.attributes or {}) do
      if type(value) ~= "table" and not known[name] then
        known[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  local columns = {"id"}
  for i, name in ipairs(names) do
    columns[i + 1] = "attributes." .. name
  end
  return columns
end

-- JSON Lines --------------------------------------------------------------------

local Lines = {format = "jsonl", takes_raw = true}
Lines.__index = Lines

function Lines:add(record)
  self:add_raw(json.encode(record))
end

function Lines:add_raw(text)
  self.count = self.count + 1
  -- a line feed in JSON is only between its tokens
  self.context:out((text:find("\n", 1, true) and text:gsub("%s*\n%s*", "") or text)
    .. "\n")
end

function Lines.finish() end

-- JSON --------------------------------------------------------------------------

local Json = {format = "json", takes_raw = true}
Json.__index = Json

function Json:add(record)
  self:add_raw(json.encode(record))
end

function Json:add_raw(text)
  self.context:out((self.count == 0 and "[\n" or ",\n") .. text)
  self.count = self.count + 1
end

function Json:finish()
  self.context:out(self.count == 0 and "[]\n" or "\n]\n")
end

-- CSV and tables ------------------------------------------------------------------

-- The first records decide about the columns and their widths.
local SAMPLE = 200

local Rows = {takes_raw = false}
Rows.__index = Rows

function Rows:add_raw(text)
  self:add(assert(json.decode(text)))
end

function Rows:add(record)
  self.count = self.count + 1
  if self.write then
    self:write(record)
    return
  end
  self.first[#self.first + 1] = record
  if #self.first == SAMPLE then
    self:begin()
  end
end

function Rows:finish()
  if not self.write then
    self:begin()
  end
end

local function cells_of(self, record)
  local cells = {n = #self.columns}
  for i, path in ipairs(self.columns) do
    cells[i] = M.value(record, path)
  end
  return cells
end

function Rows:begin()
  self.columns = self.columns or M.columns_of(self.first)
  self:open()
  for _, record in ipairs(self.first) do
    self:write(record)
  end
  self.first = nil
end

local Csv = setmetatable({format = "csv"}, {__index = Rows})
Csv.__index = Csv

function Csv:open()
  local encode = klaviyo.csv.encode
  self.context:out(encode(self.columns))
  function self.write(_, record)
    self.context:out(encode(cells_of(self, record)))
  end
end

local Table = setmetatable({format = "table"}, {__index = Rows})
Table.__index = Table

function Table:open()
  local context, widths, rows = self.context, {}, {}
  for i, path in ipairs(self.columns) do
    widths[i] = #path
  end
  for r, record in ipairs(self.first) do
    rows[r] = cells_of(self, record)
    for i in ipairs(self.columns) do
      widths[i] = math.max(widths[i], #M.text(rows[r][i]))
    end
  end
  local function line(cells)
    local texts = {}
    for i, width in ipairs(widths) do
      texts[i] = ("%-" .. width .. "s"):format(M.text(cells[i]))
    end
    context:out(table.concat(texts, "  "):gsub("%s+$", "") .. "\n")
  end
  line(self.columns)
  function self.write(_, record)
    line(cells_of(self, record))
  end
end

local CLASSES = {jsonl = Lines, json = Json, csv = Csv, table = Table}

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
  return setmetatable({context = context, count = 0, first = {},
    columns = chosen and split(chosen) or options.columns},
    CLASSES[M.format(context)])
end

return M
