--- Reads and writes CSV.
---
---     local rows = assert(csv.open("customers.csv", {
---       operation = "create_profile"}))
---     for profile, line in rows do … end
---
--- A file of any length is read in constant memory. No row is dropped silently: if
--- a record cannot become a row, there is an error that names its line.

local checker = require "klaviyo.util.options"
local columns = require "klaviyo.csv.columns"
local errors = require "klaviyo.response.errors"
local lazy_require = require "klaviyo.util.lazy_require"
local usage_error = require "klaviyo.util.usage_error"
local parser = require "klaviyo.csv.parser"
local writer = require "klaviyo.csv.writer"

local settings = lazy_require "klaviyo.settings"
local apis = lazy_require "klaviyo.operations.api"

local M = {}

---@class klaviyo.CsvOptions
---@field operation? string  makes tables for this operation, such as "create_profile" or "create_event". A column
---  becomes the attribute of that name, without regard to case, blanks, "_", "-" and "." ("Location City" is
---  `location.city`); its fields get the type of the attribute; an empty field is left out
---@field revision? string  the revision of the operation; default: the default of a client
---@field columns? table<string, string|false>  header → attribute or property, if the names differ; false skips the
---  column
---@field unknown? "properties"|"refuse"|"ignore"  what other columns become: `properties` of that name (the default if
---  the operation has properties), an error (the default if not), or nothing
---@field types? table<string, string>  header → "string", "number", "integer", "boolean", "object" or "list" (JSON)
---@field separator? string  default: the most frequent one of , ; tab | in the first line
---@field header? string[]|false  the names of the columns, if the file has no header line; false: it has none, and rows
---  are lists of fields
---@field decimal? string  the decimal sign of numbers; default "."
---@field trim? boolean  whether blanks around a field are removed; default: true with `operation`, else false
---@field on_error? fun(err: klaviyo.Error)  called with the error of each invalid row; reading then continues. Without
---  it, or if reading cannot continue, the error is raised
---@field max_record_bytes? integer  the maximum size of a row; default 1,000,000

local function check_types(_, types)
  for _, kind in pairs(types) do
    if not columns.KINDS[kind] then
      usage_error.unknown("type of a column", kind, columns.KINDS)
    end
  end
  return types
end

local FIELDS = {
  operation = {type = "text"},
  revision = {type = "text"},
  columns = {type = "table"},
  unknown = {one_of = {"properties", "refuse", "ignore"}},
  types = {type = "table", convert = check_types},
  separator = {test = writer.SEPARATOR.test,
    expected = writer.SEPARATOR.expected},
  header = {type = {"table", "boolean"}, expected = "a list of names, or false"},
  decimal = {one_of = {".", ","}, default = "."},
  trim = {type = "boolean"},
  on_error = {type = "function"},
  max_record_bytes = {type = "integer", unit = "bytes", min = 1,
    default = 1000000},
}

local function checked(options, what)
  options = checker.check(FIELDS, options, what)
  if options.header == false and options.operation then
    usage_error.raise("%s: operation needs the names of the columns: header = {…}",
      what)
  end
  if options.trim == nil then
    options.trim = options.operation ~= nil
  end
  return options
end

local function operation_of(options)
  if not options.operation then
    return nil
  end
  local op = apis.of {
    revision = options.revision or settings.default_revision,
  }:get(options.operation)
  if not (op.body and op.body.resource) then
    usage_error.raise("%s does not take records, so it cannot take rows", op.id)
  end
  return op
end

local function callable(value)
  local mt = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or type(mt) == "table" and mt.__call ~= nil
end

-- Returns a function that returns the next chunk of a source.
local function chunks(source)
  if type(source) == "string" then
    local at = 1 - parser.PIECE
    return function()
      at = at + parser.PIECE
      return at <= #source and source:sub(at, at + parser.PIECE - 1) or nil
    end
  elseif io.type(source) then
    return function()
      return source:read(parser.PIECE)
    end
  elseif callable(source) then
    return function()
      local line = source()
      if line and line:sub(-1) ~= "\n" then
        line = line .. "\n"
      end
      return line
    end
  end
  usage_error.raise("the source of CSV must be a string, an open file or a "
    .. "function that returns the next line, not %s", usage_error.kind(source))
end

---@class klaviyo.CsvRows
---@field separator string
---@field names string[]|nil  of the columns, as in the header
---@field columns {name: string, kind: string, path: string[]|nil}[]|nil  what the columns become
local Rows = {}
Rows.__index = Rows
Rows.__name = "klaviyo.CsvRows"

-- Reads the header. Returns an error if it is invalid.
local function begin(self)
  local text, options = self.parser, self.options
  local err = text:begin()
  if err then
    return err
  end
  self.separator = text.separator
  local names, line = options.header, nil
  if names == nil or names == true then
    names, line = text:next()
    if not names then
      text.failed = true
      return line or text:error(nil, nil, "the text is empty: it has no header")
    end
  end
  if names then
    local list, wrong = columns.of(names, self.op, options)
    if not list then
      text.failed = true
      return text:error(line, nil, wrong)
    end
    self.columns, self.names = list, names
  end
end

local function row_of(self, fields, line)
  local list, text = self.columns, self.parser
  local wanted = list and #list or self.width or #fields
  self.width = wanted
  if #fields ~= wanted then
    return nil, text:error(line, text.line, ("%d fields, but the %s has %d")
      :format(#fields, list and "header" or "first row", wanted))
  elseif not list then
    return fields
  end
  local row = {}
  for i, column in ipairs(list) do
    local wrong = columns.put(row, column, fields[i], self.options)
    if wrong then
      return nil, text:error(line, text.line, wrong)
    end
  end
  if self.needs_properties then
    row.properties = row.properties or {}
  end
  return row
end

local function read(self)
  if not self.begun then
    self.begun = true
    local err = begin(self)
    if err then
      return nil, err
    end
  end
  local fields, line = self.parser:next()
  if not fields then
    return nil, line
  end
  local row, err = row_of(self, fields, line)
  if not row then
    return nil, err
  end
  return row, line
end

--- Returns the next row and its first line; nil at the end; nil and an error of
--- kind "csv" for an invalid row. The rows after it can still be read, unless the
--- header is invalid or a quote is not closed.
---@return table|nil
---@return integer|klaviyo.Error|nil
function Rows:next()
  local row, second = read(self)
  if row == nil and (second == nil or self.parser.failed) then
    self:close()
  end
  return row, second
end

--- Closes the file that `csv.open` opened. The end of the rows also closes it.
function Rows:close()
  self.parser.failed = true
  if self.file then
    self.file:close()
    self.file = nil
  end
end

-- for row, line in rows do
function Rows:__call()
  while true do
    local row, second = self:next()
    if row ~= nil or second == nil then
      return row, second
    elseif self.parser.failed or not self.options.on_error then
      error(second, 0)
    end
    self.options.on_error(second)
  end
end

local function new(source, options, name)
  local op = operation_of(options)
  local attributes = op and columns.resource_of(op).attributes or nil
  return setmetatable({
    options = options, op = op,
    needs_properties = attributes and attributes.properties
      and attributes.properties.required,
    parser = parser.new(chunks(source), {
      separator = options.separator, name = name,
      max_record_bytes = options.max_record_bytes,
    }),
  }, Rows)
end

--- Returns the rows of CSV as tables, with the names of the header as keys, or as
--- `options.operation` needs them.
---@param source string|file*|fun(): string|nil  the text, an open file, or a function that returns the next line
---@param options klaviyo.CsvOptions|nil
---@return klaviyo.CsvRows
function M.rows(source, options)
  return new(source, checked(options, "csv.rows"))
end

--- Returns the rows of a file.
---@param path string
---@param options klaviyo.CsvOptions|nil
---@return klaviyo.CsvRows|nil
---@return klaviyo.Error|nil
function M.open(path, options)
  if type(path) ~= "string" then
    usage_error.raise("csv.open: path must be a string, not %s",
      usage_error.shown(path))
  end
  options = checked(options, "csv.open")
  local file, why = io.open(path, "rb")
  if not file then
    return nil, errors.new {kind = "csv", message = why}
  end
  local rows = new(file, options, path)
  rows.file = file
  return rows
end

M.encode, M.writer = writer.encode, writer.new

return M
