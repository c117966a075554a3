--- Reads `---@class` and `---@field` in the sources, and writes them as tables in
--- Markdown.

local M = {}

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text:gmatch("[^\n]+")
end

-- Reads "name fun(fd: integer|nil, seconds: number): nil  how to wait": two
-- spaces end the type.
local function field_of(line)
  local name, rest = line:match("^%-%-%-@field ([%w_]+%??) +(.+)$")
  if not name then
    return nil
  end
  local kind, words = rest:match("^(.-)  +(.*)$")
  return {
    name = name:gsub("%?$", ""), optional = name:find("?", 1, true) ~= nil,
    kind = kind or rest, words = words or "",
  }
end

local classes

local function read_class(list, line, file)
  local name = line:match("^%-%-%-@class ([%w_.]+)")
  if name then
    assert(not classes[name], name .. " is declared twice")
    list = {file = file}
    classes[name] = list
  elseif list then
    local field = field_of(line)
    local more = line:match("^%-%-%-  +(.*)$")
    if field then
      list[#list + 1] = field
    elseif more and #list > 0 then
      local last = list[#list]
      last.words = last.words .. (last.words == "" and "" or " ") .. more
    elseif not line:find("^%-%-%-") then
      list = nil
    end
  end
  return list
end

--- Returns the classes of lua/klaviyo: name → list of {name=, optional=, kind=, words=}.
function M.classes()
  if not classes then
    classes = {}
    for path in lines_of("find lua/klaviyo -name '*.lua' | sort") do
      local list
      for line in io.lines(path) do
        list = read_class(list, line, path)
      end
    end
  end
  return classes
end

--- Returns the fields of a class as a table; a "?" follows the name of a field that
--- may be absent.
---@param name string
---@return string
function M.table(name)
  local list = assert(M.classes()[name], "no source declares class " .. name)
  local out = {"| field | type | |", "| --- | --- | --- |"}
  for _, field in ipairs(list) do
    if not field.kind:find("^fun%(self") then
      out[#out + 1] = ("| `%s` | `%s` | %s |"):format(field.name
        .. (field.optional and "?" or ""), field.kind:gsub("|", "\\|"),
        (field.words:gsub("|", "\\|")))
    end
  end
  return table.concat(out, "\n")
end

return M
