--- Reads the records of a source: rows of CSV, or lines of JSON.
---
--- `input:next()` returns a record and its line; nil at the end; nil and an error
--- {line =, message =, fatal =} for a row that is not a record. After a fatal one,
--- the rest cannot be read.

local klaviyo = require "klaviyo"
local mapping = require "klaviyo.cli.import.mapping"

local M = {}

---@class klaviyo.cli.ImportOptions
---@field kind table  see kinds.lua
---@field action table
---@field map table<string, string>  of --map
---@field types table<string, string>  of --type
---@field revision string|nil
---@field skip_unknown boolean|nil  whether no properties are made
---@field channels string[]|nil  of --channel
---@field format "csv"|"jsonl"|nil
---@field separator string|nil
---@field decimal string|nil

local BOM = "\239\187\191"

-- CSV ---------------------------------------------------------------------------

local CsvInput = {format = "csv"}
CsvInput.__index = CsvInput

-- Reads the header, and puts empty lines in its place, so that the numbers of the
-- other lines stay. Returns the names and the separator, or nil and a message.
local function read_header(source, separator)
  local lines = 0
  local rows = klaviyo.csv.rows(function()
    local line = source:line()
    lines = lines + (line and 1 or 0)
    return line
  end, {header = false, separator = separator})
  local names, err = rows:next()
  if not names then
    return nil, err and err.message or "the file is empty: it has no header"
  end
  source:push(("\n"):rep(lines))
  return names, rows.separator
end

local function open_rows(self, read)
  local options = {separator = self.separator, decimal = self.options.decimal,
    trim = true}
  for name, value in pairs(self.csv_options) do
    options[name] = value
  end
  options.mapped = nil
  self.rows = klaviyo.csv.rows(read, options)
end

function CsvInput:next()
  local row, second = self.rows:next()
  if row == nil and second == nil and self.fatal then
    return nil
  elseif row == nil and second then
    -- klaviyo.csv ends the rows after an error that hides where the next begins
    self.fatal = second.message:find("is not closed before the end", 1, true)
      or second.message:find("is longer than", 1, true)
      or second.message:find("the text cannot be read", 1, true)
    return nil, {line = second.line, last_line = second.last_line,
      fatal = self.fatal ~= nil, message = second.message:gsub("^lines? [%d to]+: ", "")}
  end
  return row, second
end

local function open_csv(source, options)
  local names, separator = read_header(source, options.separator)
  if not names then
    return nil, separator
  end
  local csv_options, why = mapping.of(names, options)
  if not csv_options then
    return nil, why
  end
  local self = setmetatable({
    source = source, names = names, separator = separator, options = options,
    csv_options = csv_options, mapped = csv_options.mapped,
  }, CsvInput)
  if source:restart() then
    -- the file itself takes less memory than pieces of it; its first record is
    -- the header
    open_rows(self, source.file)
    local _, err = self:next()
    if self.fatal then
      return nil, "the header cannot be read: " .. err.message
    end
  else
    open_rows(self, function()
      return source:piece()
    end)
  end
  return self
end

function CsvInput:again()
  if not self.source:rewind() then
    return false
  end
  read_header(self.source, self.separator)
  self.source:count_lines()
  self.fatal = nil
  open_rows(self, function()
    return self.source:line()
  end)
  return true
end

--- Returns the columns that a file of rejected rows has.
function CsvInput:columns()
  local columns = {}
  for i, name in ipairs(self.names) do
    columns[i] = name
  end
  return columns
end

--- Returns the fields of a row as they are in the file.
---@param first integer  the line on which it begins
---@param last integer|nil  the line on which it ends, of a row that is not a record
function CsvInput:fields(first, last)
  local text = self.source:text(first, last)
  local rows = klaviyo.csv.rows(text, {header = false, separator = self.separator})
  local fields = rows:next()
  if not fields or #fields > #self.names then
    fields = {(text:gsub("[\r\n]+$", ""))}
  end
  for i = #fields + 1, #self.names do
    fields[i] = ""
  end
  return fields
end

-- JSON Lines --------------------------------------------------------------------

local JsonInput = {format = "jsonl"}
JsonInput.__index = JsonInput

-- Returns an exported resource as a flat table, without what an import cannot
-- send. Another record stays as it is.
local function without_read_only(record, kind)
  if type(record.attributes) ~= "table" or type(record.links) ~= "table" then
    return record
  end
  local flat = {id = record.id}
  for name, value in pairs(record.attributes) do
    flat[name] = value
  end
  for _, name in ipairs(kind.read_only or {}) do
    flat[name] = nil
  end
  return flat
end

local function rename(record, map)
  for from, to in pairs(map) do
    local value = record[from]
    if value ~= nil then
      record[from] = nil
      local property = to:match("^properties%.(.+)")
      if property then
        record.properties = record.properties or {}
        record.properties[property] = value
      elseif to ~= "" then
        record[to] = value
      end
    end
  end
  return record
end

local function record_of(self, text)
  local record, why = klaviyo.json.decode(text)
  if type(record) ~= "table" or not text:find("^%s*{") then
    return nil, why and "not JSON: " .. tostring(why) or "not a JSON object"
  end
  return rename(without_read_only(record, self.options.kind), self.options.map)
end

function JsonInput:next()
  while true do
    local text = self.source:line()
    if not text then
      return nil
    end
    self.line = self.line + 1
    if self.line == 1 and text:sub(1, 3) == BOM then
      text = text:sub(4)
    end
    if text:find("%S") then
      local record, why = record_of(self, text)
      if not record then
        return nil, {line = self.line, message = why}
      end
      return record, self.line
    end
  end
end

function JsonInput:again()
  self.line = 0
  return self.source:rewind()
end

function JsonInput.columns()
  return {"record"}
end

function JsonInput:fields(line)
  local text = self.source:text(line, line)
  return {(text:gsub("^" .. BOM, ""):match("^%s*(.-)%s*$"))}
end

local function open_jsonl(source, options)
  return setmetatable({source = source, options = options, line = 0,
    names = {}}, JsonInput)
end

-- Formats -----------------------------------------------------------------------

local BY_EXTENSION = {
  csv = "csv", tsv = "csv", txt = "csv",
  jsonl = "jsonl", ndjson = "jsonl", json = "jsonl",
}

-- Returns the format by the extension, or by the first character.
local function format_of(source)
  local extension = not source.is_stdin and source.name:match("%.(%w+)$")
  local format = extension and BY_EXTENSION[extension:lower()]
  if format then
    return format
  end
  local first = source:piece() or ""
  source:push(first)
  return first:gsub("^" .. BOM, ""):find("^%s*{") and "jsonl" or "csv"
end

--- Returns the input of a source; nil and a message if the file has no header, or
--- one that does not fit.
---@param source klaviyo.cli.ImportSource
---@param options klaviyo.cli.ImportOptions
---@return table|nil
---@return string|nil
function M.open(source, options)
  local format = options.format or format_of(source)
  return (format == "csv" and open_csv or open_jsonl)(source, options)
end

return M
