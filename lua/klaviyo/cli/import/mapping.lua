--- Decides what the columns of a CSV file become: what `--map` says, the attribute
--- of the same name, an attribute that the column is another name for, or a
--- property.

local klaviyo = require "klaviyo"
local kinds = require "klaviyo.cli.import.kinds"

local M = {}

--- The columns that a file of rejected rows has in addition. An import skips them.
M.LINE, M.ERROR = "import_line", "import_error"

--- Reads `HEADER=VALUE` texts. The header may contain "=".
---@param texts string[]|nil
---@return table<string, string>|nil
---@return string|nil  the text that is not of this form
function M.pairs_of(texts)
  local map = {}
  for _, text in ipairs(texts or {}) do
    local header, value = text:match("^(.+)=([^=]*)$")
    if not header then
      return nil, text
    end
    map[header] = value
  end
  return map
end

local function trimmed(text)
  return text:match("^%s*(.-)%s*$")
end

-- Returns the names with a name of its own for each column without one, and for
-- each that another column has; `by_number` has the names that "#N" means.
local function unique_names(names)
  local own, by_number, first = {}, {}, {}
  for i, name in ipairs(names) do
    name = trimmed(name)
    local key = kinds.folded(name)
    if name ~= "" and first[key] then
      name = ("%s (column %d)"):format(name, i)
    elseif name ~= "" then
      first[key] = i
    end
    own[i], by_number["#" .. i] = name, name
  end
  return own, by_number, first
end

-- Returns the name of the column that a header of the command line means.
local function named(header, names, by_number)
  if by_number[header] then
    return by_number[header], tonumber(header:sub(2))
  end
  local key = kinds.folded(header)
  for i, name in ipairs(names) do
    if kinds.folded(name) == key then
      return name, i
    end
  end
end

local function apply_options(self, map, by_number, what)
  local found = {}
  for header, value in pairs(map) do
    local name, index = named(header, self.names, by_number)
    if not name then
      return nil, ("--%s: there is no column %q; the columns are: %s"):format(
        what, header, table.concat(self.names, ", "))
    end
    if name == "" then  -- only a column with a name can be mapped
      name = "column " .. index
      self.names[index] = name
    end
    found[name] = value
  end
  return found
end

-- Returns an error if a column that occurs twice is not mapped.
local function check_repeated(self, first)
  for i, name in ipairs(self.names) do
    local original = trimmed(self.header[i])
    if name ~= original and original ~= "" and self.columns[name] == nil then
      return ("columns %d and %d are both named %q; say what one of them becomes "
        .. "with --map '#%d=ATTRIBUTE', or skip it with --map '#%d='"):format(
        first[kinds.folded(original)], i, original, i, i)
    end
  end
end

local EXPORTED = "^[Aa]ttributes%."

-- Maps the columns of an exported file: attributes.NAME, links.NAME and so on.
local function map_exported(self)
  local exported = {}
  for _, name in ipairs(self.names) do
    if self.columns[name] == nil and name:find(EXPORTED) then
      exported[name] = name:gsub(EXPORTED, "")
      self.columns[name] = exported[name]
    end
  end
  if next(exported) then
    local read_only = {}
    for _, attribute in ipairs(self.kind.read_only or {}) do
      read_only[attribute] = true
    end
    for _, name in ipairs(self.names) do
      local attribute = exported[name]
      if attribute and read_only[attribute:match("^[^.]*")]
          or name == "type" or name:find("^links%.")
          or name:find("^relationships%.") then
        self.columns[name] = false
      end
    end
  end
end

-- Maps the columns whose names are other names for an attribute, unless another
-- column is that attribute.
local function map_known(self)
  local taken = {}
  for _, name in ipairs(self.names) do
    taken[kinds.folded(self.columns[name] or name)] = true
  end
  for _, name in ipairs(self.names) do
    local attribute = self.kind.names[kinds.folded(name)]
    if name == M.LINE or name == M.ERROR then
      self.columns[name] = false
    elseif attribute and self.columns[name] == nil
        and not taken[kinds.folded(attribute)] then
      self.columns[name] = attribute
      taken[kinds.folded(attribute)] = true
    end
  end
end

-- Returns an error message of klaviyo.csv, with what to do on the command line
-- instead of in a program.
local function on_command_line(message)
  local what = message:match("^(.-); map it with columns")
  if what then
    local name = what:match('column "(.-)" is not') or "HEADER"
    return ("%s; map it with --map '%s=ATTRIBUTE', or skip it with --map '%s='")
      :format(what, name, name)
  end
  local both, second = message:match('^(.- and %d+ %("(.-)"%) both become .-); ')
  if both then
    return ("%s; skip one with --map '%s='"):format(both, second)
  end
  local none, attribute = message:match('^(.-); map one of them with .-"(.-)"}')
  if none then
    return ("%s; map one of them with --map 'HEADER=%s'"):format(none, attribute)
  end
  return message
end

--- Returns the options for klaviyo.csv: {columns =, types =, names =, mapped =},
--- where `mapped` are the columns as klaviyo.csv maps them; or nil and an error
--- message.
---@param header string[]  the names in the file
---@param options klaviyo.cli.ImportOptions
---@return table|nil
---@return string|nil
function M.of(header, options)
  local names, by_number, first = unique_names(header)
  local self = {header = header, names = names, kind = options.kind}
  local types, why
  self.columns, why = apply_options(self, options.map, by_number, "map")
  if self.columns then
    types, why = apply_options(self, options.types, by_number, "type")
  end
  why = why or check_repeated(self, first)
  if why then
    return nil, why
  end
  for name, attribute in pairs(self.columns) do
    self.columns[name] = attribute ~= "" and attribute
  end
  map_exported(self)
  map_known(self)
  local csv_options = {
    operation = options.action.operation, revision = options.revision,
    header = names, columns = self.columns, types = types,
    unknown = options.skip_unknown and "ignore" or nil,
  }
  local rows = klaviyo.csv.rows("", csv_options)
  local _, err = rows:next()
  if err then
    return nil, on_command_line(err.message)
  end
  csv_options.mapped = rows.columns
  return csv_options
end

--- Returns the mapping as rows {column, attribute, type}.
---@param mapped table[]
---@param header string[]
---@return string[][]
function M.rows_of(mapped, header)
  local list = {}
  for i, column in ipairs(mapped) do
    local skipped = column.kind == "ignored" or column.kind == "unnamed"
    list[i] = {trimmed(header[i]) ~= "" and trimmed(header[i]) or "#" .. i,
      skipped and "(skipped)" or table.concat(column.path, "."),
      skipped and "" or column.kind}
  end
  return list
end

return M
