--- Reads the revision files. Each section of such a file is one long string of
--- lines; a line is a name, a space, and its definition. `name -` removes a name of
--- the previous revision. The comment before a string is its size, by which
--- klaviyo/operations/revision_file.lua reads it.
---
--- OPERATIONS are route lines; spaces separate the columns:
---
---   get_lists GET /api/lists 200+ list[] limit=75/s,700/m scope=lists:read …
---
---   method, path, success statuses (`+`: with a body), type of the response's
---   data (`[]`: a list of it; `-`: none), then in any order
---
---   limit=75/s,700/m,225/d     calls a second, a minute, a day
---   reduced=PARAM:VALUE:1/s,15/m;…   the limit when a parameter has a value
---   scope=lists:read,…         what a key must be allowed
---   page=cursor:20:1..100      style, default size, least and most
---       cursor (`page[cursor]`), offset, page_cursor (in the query of a POST)
---       or body (`page_cursor` is an attribute of the request)
---   fields=list,profile.2      `fields[list]`, `fields[profile]`: see below
---   additional-fields[T]=a,b   include=a,b
---   sort=a,+b,-c               upwards (a) and downwards (-a); only upwards; only
---                              downwards
---   filter=a(any,=),b(<,>=)    fields with their operators; `filter!`: required
---   query=a:string,b!:string(x,y)    other parameters; `!`: required
---   header=A,B                 optional headers
---   alias=a,b                  other names
---   body=EXPRESSION            always the last; or multipart{name:type,…}
---
--- FIELDS are lists of names, separated by commas, for sparse fieldsets:
--- `profile.2` is another list for the type `profile`.
---
--- SCHEMAS are expressions:
---
---   string  integer/format  string(a,b)   scalars; format; known values (left
---                              out if there are too many); null: only that
---   any  *                     anything; an object with any members
---   [X]  X?  (X|Y)             list; or null; one of several
---   {a!:X b:Y c~:Z}            object; `!` required, `~` set by the service
---   &X  &[X]                   {"data": resource X}, {"data": [resources]}
---   <type id! attributes!:{…} relationships:{a!->t b->[t]} meta:X>
---                              a resource; to-one and to-many linkage
---   Name                       the schema of that line

local M = {}

local LONG_OPERATOR = {
  ["="] = "equals",
  ["<"] = "less-than",
  ["<="] = "less-or-equal",
  [">"] = "greater-than",
  [">="] = "greater-or-equal",
}

local WINDOW = {s = "second", m = "minute", d = "day"}

--- "a,b,c" → {"a", "b", "c"}
function M.list(text)
  local out = {}
  for item in text:gmatch("[^,]+") do
    out[#out + 1] = item
  end
  return out
end

local function limit(text)
  local out = {}
  for figure, window in text:gmatch("(%d+)/(%a)") do
    out[WINDOW[window]] = tonumber(figure)
  end
  return out
end

local function values_of(items)
  return {type = "list", values = M.list(items)}
end

local read = {}

function read.limit(op, text)
  op.limit = limit(text)
end

function read.reduced(op, text)
  op.reduced = {}
  for parameter, value, figures in text:gmatch("([^:;]+):([^:;]+):([^;]+)") do
    op.reduced[parameter .. "=" .. value] = limit(figures)
  end
end

function read.scope(op, text)
  op.scopes = M.list(text)
end

function read.alias(op, text)
  op.aliases = M.list(text)
end

function read.header(op, text)
  op.headers = {}
  for _, name in ipairs(M.list(text)) do
    op.headers[name] = {type = "string"}
  end
end

function read.page(op, text)
  local style, default, least, most =
    text:match("^([%a_]+):?(%d*):?(%d*)%.*(%d*)$")
  local page = {style = style, param = "page[cursor]"}
  if style == "page_cursor" then
    page.style, page.param = "cursor", "page_cursor"
  elseif style == "body" then
    page.param = "page_cursor"
  end
  if default ~= "" then
    page.size = {default = tonumber(default), min = tonumber(least),
      max = tonumber(most)}
    op.query["page[size]"] = {type = "integer"}
  end
  if style == "offset" then
    page.param = "page[number]" -- in links only, no declared parameter
  elseif style ~= "body" then
    op.query[page.param] = {type = "string"}
  end
  op.page = page
end

function read.fields(op, text, fields)
  for name in text:gmatch("[^,]+") do
    local kind = name:match("^[^.]+")
    -- The list of names is long and rarely used, so it is read on demand.
    op.query["fields[" .. kind .. "]"] = setmetatable({type = "list"}, {
      __index = function(parameter, key)
        if key == "values" then
          local values = M.list(fields(name))
          rawset(parameter, "values", values)
          return values
        end
      end,
    })
  end
end

function read.include(op, text)
  op.query.include = values_of(text)
end

function read.sort(op, text)
  local values = {}
  for direction, name in text:gmatch("([+-]?)([^,]+)") do
    if direction ~= "-" then
      values[#values + 1] = name
    end
    if direction ~= "+" then
      values[#values + 1] = "-" .. name
    end
  end
  op.query.sort = {type = "string", values = values}
end

local function filter(op, text, required)
  local fields = {}
  for name, operators in text:gmatch("([^,()]+)(%b())") do
    local list = M.list(operators:sub(2, -2))
    for i, operator in ipairs(list) do
      list[i] = LONG_OPERATOR[operator] or operator
    end
    fields[name] = list
  end
  op.filter = {required = required, fields = fields}
  op.query.filter = {type = "string", required = required}
end

function read.filter(op, text)
  filter(op, text)
end

read["filter!"] = function(op, text)
  filter(op, text, true)
end

function read.query(op, text)
  for name, mark, kind, values in text:gmatch("([^,:!()]+)(!?):(%a+)(%b())")
  do
    op.query[name] = {type = kind, required = mark == "!" or nil,
      values = M.list(values:sub(2, -2))}
  end
  for name, mark, kind in text:gsub("%b()", "()")
    :gmatch("([^,:!()]+)(!?):(%a+)%f[^%a(]") do
    op.query[name] = op.query[name] or
      {type = kind, required = mark == "!" or nil}
  end
end

local function multipart(text)
  local parts = {}
  for name, mark, kind in text:gmatch("([%w_]+)(!?):(%a+)") do
    parts[name] = {type = kind, required = mark == "!" or nil}
  end
  return {style = "multipart", parts = parts}
end

--- Returns the first columns of an operation's line: what names it and its route.
---@param id string
---@param line string  what follows the name
---@return table route  {id, method, path, path_params, type, many, public}
---@return string statuses
---@return string rest  the other columns
function M.route(id, line)
  local method, path, statuses, kind, rest =
    line:match("^(%u+) (%S+) (%S+) (%S+)(.*)$")
  local op = {
    id = id, aliases = {}, method = method, path = path, path_params = {},
    public = path:sub(1, 8) == "/client/" or nil,
    many = kind:sub(-2) == "[]" or nil,
  }
  kind = kind:gsub("%[%]$", "")
  op.type = kind ~= "-" and kind ~= "?" and kind or nil
  for name in path:gmatch("{([^}]+)}") do
    op.path_params[#op.path_params + 1] = name
  end
  return op, statuses, rest
end

--- Returns the record of an operation, read from its line.
---@param id string
---@param line string what follows the name
---@param fields fun(name: string): string the fields' line of that name
---@param schema fun(expression: string): table reads an expression
function M.operation(id, line, fields, schema)
  local route, body = line:match("^(.-) body=(.*)$")
  local op, statuses, rest = M.route(id, route or line)
  op.query, op.scopes, op.success = {}, {}, {}
  for status, has_body in statuses:gmatch("(%d+)(%+?)") do
    op.success[tonumber(status)] = has_body == "+"
  end
  for key, text in rest:gmatch("([^ =]+)=(%S+)") do
    if key:sub(1, 18) == "additional-fields[" then
      op.query[key] = values_of(text)
    else
      read[key](op, text, fields)
    end
  end
  if body then
    if body:sub(1, 9) == "multipart" then
      op.body = multipart(body)
    else
      local member = schema(body)
      op.body = {style = "document", many = member.many,
        resource = member.document}
    end
  end
  return op
end

return M
