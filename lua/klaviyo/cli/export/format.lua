--- How the records of a page become text: lines of JSON, as the service sent each
--- record, or rows of CSV.

local klaviyo = require "klaviyo"

local M = {}

-- Members of a resource, besides its attributes.
local OUTER = {id = true, type = true, attributes = true, relationships = true,
  links = true}

local function list_of(data)
  return type(data) == "table" and data or {}
end

-- Newlines of a JSON text are only between its tokens.
local function one_line(text)
  return (text:gsub("[\r\n]+", " "))
end

local Lines = {args = {raw = true}}

--- Returns the text of a page of raw resources, and the number of its records. The
--- resources that are included follow those of the page.
---@param page klaviyo.Document
---@param most number|nil
---@return string text
---@return integer count
function Lines.text_of(_, page, most)
  local data, lines, find = list_of(page.data), {}, string.find
  local count = math.min(#data, most or #data)
  for i = 1, count do
    lines[i] = data[i].text
  end
  for _, resource in ipairs(list_of(page.included)) do
    lines[#lines + 1] = resource.text
  end
  if #lines == 0 then
    return "", 0
  end
  for i, line in ipairs(lines) do
    -- a plain search is many times faster than one for a class of characters
    lines[i] = find(line, "\n", 1, true) and one_line(line) or line
  end
  lines[#lines + 1] = ""
  local text = table.concat(lines, "\n")
  if find(text, "\r", 1, true) then
    text = text:gsub("\r", " ")
  end
  return text, count
end

--- Returns the format of JSON Lines.
function M.lines()
  return Lines
end

--- The columns, by type of resource, that are the ids of related resources.
M.LINKS = {event = {"metric_id", "profile_id"}}

-- Returns the path of a column in a resource: "email" is an attribute.
local function path_of(column, kind)
  for _, link in ipairs(M.LINKS[kind] or {}) do
    if link == column then
      return ("relationships.%s.data.id"):format(column:match("^(.*)_id$"))
    end
  end
  return OUTER[column:match("^[^.]*")] and column or "attributes." .. column
end

local Rows = {}
Rows.__index = Rows

--- Returns the text of a page, and the number of its records.
function Rows:text_of(page, most)
  local data, rows = list_of(page.data), {}
  local count = math.min(#data, most or #data)
  local writer = klaviyo.csv.writer(function(text)
    rows[#rows + 1] = text
  end, {columns = self.paths, header = false})
  for i = 1, count do
    writer:write(data[i])
  end
  return table.concat(rows), count
end

--- Returns the format of CSV. A column is an attribute ("email",
--- "location.city"), "id", "type", or a path in the resource.
---@param columns string[]
---@param kind string|nil  the type of the resources
function M.rows(columns, kind)
  local self = setmetatable({paths = {}, header = klaviyo.csv.encode(columns)}, Rows)
  local only = {}
  for i, column in ipairs(columns) do
    self.paths[i] = path_of(column, kind)
    if self.paths[i] ~= "id" and self.paths[i] ~= "type" then
      only[#only + 1] = self.paths[i]
    end
  end
  self.args = {only = only}
  return self
end

return M
