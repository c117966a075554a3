--- Writes CSV as RFC 4180 defines it: a field that another program could misread
--- is quoted, its quotes are doubled, and each row ends with CRLF.

local checker = require "klaviyo.util.options"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"

local M = {}

local function text_of(value)
  if value == nil or value == json.null then
    return ""
  elseif type(value) == "string" then
    return value
  end
  local mt = type(value) == "table" and getmetatable(value)
  if type(mt) == "table" and mt.__tojson then
    value = mt.__tojson(value)
    return type(value) == "string" and value or json.encode(value)
  end
  return json.encode(value)
end

local function quoted(text, separator)
  if text:find('[\r\n"]') or text:find(separator, 1, true)
      or text:find("^%s") or text:find("%s$") then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

local function is_separator(value)
  return value == "\t"
    or type(value) == "string" and value:find('^[^%w%s"]$') ~= nil
end

-- The rule of a separator.
M.SEPARATOR = {test = is_separator, default = ",",
  expected = 'one character, such as "," or ";"'}

--- Returns a row of CSV with its line end. nil and klaviyo.null become empty
--- fields, tables become JSON.
---@param fields table  a list; `n` fields if it has holes
---@param separator string|nil  default ","
---@return string
function M.encode(fields, separator)
  separator = checker.value(M.SEPARATOR, "separator", separator or ",")
  local texts = {}
  for i = 1, fields.n or #fields do
    texts[i] = quoted(text_of(fields[i]), separator)
  end
  if #texts == 1 and texts[1] == "" then
    texts[1] = '""'  -- an empty line would not be a row
  end
  return table.concat(texts, separator) .. "\r\n"
end

---@class klaviyo.CsvWriterOptions
---@field columns string[]  the members that are written; with a dot, a member of a table ("attributes.email")
---@field separator? string  default ","
---@field header? boolean  false: the names of the columns are not written before the first record

---@class klaviyo.CsvWriter
local Writer = {}
Writer.__index = Writer

local FIELDS = {
  columns = {type = "list", expected = "a list of names",
    items = {type = "text"}, required = true},
  separator = M.SEPARATOR,
  header = {type = "boolean", default = true},
}

--- Returns a writer of records.
---@param out file*|fun(text: string)
---@param options klaviyo.CsvWriterOptions
---@return klaviyo.CsvWriter
function M.new(out, options)
  local self = checker.check(FIELDS, options, "csv.writer")
  self.out = out
  return setmetatable(self, Writer)
end

local function put(self, fields)
  local text = M.encode(fields, self.separator)
  if type(self.out) == "function" then
    self.out(text)
    return
  end
  local ok, why = self.out:write(text)
  if not ok then
    error(errors.new {kind = "csv",
      message = "the CSV cannot be written: " .. tostring(why)}, 0)
  end
end

local function member(record, path)
  local value = record[path]
  if value ~= nil then
    return value
  end
  for name in path:gmatch("[^.]+") do
    if type(record) ~= "table" then
      return nil
    end
    record = record[name]
  end
  return record
end

--- Writes a record. The first call writes the header before it, unless `header` is
--- false.
---@param record table
function Writer:write(record)
  if self.header then
    self.header = false
    put(self, self.columns)
  end
  local fields = {n = #self.columns}
  for i, path in ipairs(self.columns) do
    fields[i] = member(record, path)
  end
  put(self, fields)
end

return M
