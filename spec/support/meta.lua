-- Reads the classes, aliases and functions that files of types for the Lua
-- language server declare.

local M = {}

local function files_of(folder)
  local list = {}
  local pipe = assert(io.popen(("find '%s' -name '*.lua' | LC_ALL=C sort"):format(folder)))
  for path in pipe:lines() do
    list[#list + 1] = path
  end
  pipe:close()
  return list
end

--- Returns a type as its parts: those between the bars outside of brackets and
--- strings.
---@param text string
---@return string[]
function M.parts(text)
  local parts, depth, start, at = {}, 0, 1, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then
      at = text:find('"', at + 1, true)
    elseif c:find("[%(%[{<]") then
      depth = depth + 1
    elseif c:find("[%)%]}>]") then
      depth = depth - 1
    elseif c == "|" and depth == 0 then
      parts[#parts + 1] = text:sub(start, at - 1)
      start = at + 1
    end
    at = at + 1
  end
  parts[#parts + 1] = text:sub(start)
  return parts
end

-- Returns the type at the beginning of a text, without the words after it.
local function type_at(text)
  local depth, at = 0, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then
      at = text:find('"', at + 1, true)
    elseif c:find("[%(%[{<]") then
      depth = depth + 1
    elseif c:find("[%)%]}>]") then
      depth = depth - 1
    elseif c == " " and depth == 0 and not text:sub(1, at - 1):find("[:,]$") then
      return text:sub(1, at - 1)
    end
    at = at + 1
  end
  return text
end

local function read_field(class, line)
  local rest = line:match("^%-%-%-@field (.*)$")
  local name, kind = rest:match('^%["([^"]+)"%]%?? (.*)$')
  local optional = rest:find('^%["[^"]+"%]%?') ~= nil
  if not name then
    local unknown = rest:match("^%[string%] (.*)$")
    if unknown then
      class.is_closed = true
      return
    end
    local mark
    name, mark, kind = rest:match("^([%w_]+)(%??) (.*)$")
    optional = mark == "?"
  end
  assert(name, line)
  assert(not class.fields[name], class.name .. " has two fields " .. name)
  class.fields[name] = {kind = type_at(kind), optional = optional}
end

local function read_file(self, path)
  local class, parameters, alias, result
  local overloads = {}
  for line in io.lines(path) do
    local head, count = line:gsub("^(%-%-%-@class )%(exact%) ", "%1")
    local name, base = head:match("^%-%-%-@class ([%w_.]+):? ?([%w_.]*)")
    if name then
      assert(not self.classes[name], "two classes " .. name)
      class = {name = name, base = base ~= "" and base or nil, fields = {},
        methods = {}, is_exact = count > 0}
      self.classes[name], parameters = class, {}
    elseif line:find("^%-%-%-@alias ") then
      local alias_name, kind = line:match("^%-%-%-@alias ([%w_.]+) ?(.*)$")
      assert(not self.aliases[alias_name], "two aliases " .. alias_name)
      self.aliases[alias_name], alias = kind, alias_name
    elseif alias and line:find("^%-%-%-| ") then
      self.aliases[alias] = self.aliases[alias] .. "|" .. line:sub(6)
    elseif line:find("^%-%-%-@field ") then
      read_field(class, line)
    elseif line:find("^%-%-%-@param ") then
      local own, mark, kind = line:match("^%-%-%-@param ([%w_.]+)(%??) (.*)$")
      parameters[own] = {kind = type_at(kind), optional = mark == "?"
        or type_at(kind):find("|nil", 1, true) ~= nil}
    elseif line:find("^%-%-%-@return ") then
      result = result or type_at(line:match("^%-%-%-@return (.*)$"))
    elseif line:find("^%-%-%-@overload ") then
      local arguments, returned = line:match("^%-%-%-@overload fun%(self, (.-)%): (.*)$")
      if arguments then
        local kinds = {}
        for kind in arguments:gmatch("[%w_]+%??: ([%w_.]+)") do
          kinds[#kinds + 1] = kind
        end
        overloads[#overloads + 1] = {kinds = kinds, result = (returned:gsub(", .*", ""))}
      else
        class.values = line:match("^%-%-%-@overload fun%(%): (.*)$")
      end
    elseif line:find("^function ") then
      local separator, method, list = line:match("^function %a+([.:])([%w_]+)%((.-)%) end$")
      assert(method, line)
      assert(not class.methods[method], ("two methods %s of %s"):format(method, class.name))
      local names = {}
      for own in list:gmatch("[%w_.]+") do
        names[#names + 1] = own
        assert(parameters[own], ("%s:%s has no type of %s"):format(class.name, method, own))
      end
      class.methods[method] = {separator = separator, names = names,
        parameters = parameters, result = result, overloads = overloads}
      parameters, result, overloads = {}, nil, {}
    end
    if not line:find("^%-%-%-") then
      alias = nil
    end
  end
end

---@class spec.Meta
---@field classes table<string, table>  name → {fields =, methods =, base =, …}
---@field aliases table<string, string>
local Meta = {}
Meta.__index = Meta

--- Returns what the files below a folder declare.
---@param folder string
---@return spec.Meta
function M.read(folder)
  local self = setmetatable({classes = {}, aliases = {}}, Meta)
  for _, path in ipairs(files_of(folder)) do
    read_file(self, path)
  end
  return self
end

--- Returns a member of a class, or of a class that it extends.
---@param part "fields"|"methods"
---@param class string
---@param name string
---@return table|nil
function Meta:member(part, class, name)
  local one = self.classes[class]
  while one do
    if one[part][name] then
      return one[part][name]
    end
    one = self.classes[one.base]
  end
end

--- Returns a type with its aliases replaced, as its parts.
---@param kind string
---@return string[]
function Meta:resolved(kind)
  local out = {}
  for _, part in ipairs(M.parts(kind)) do
    local inner = part:match("^%((.*)%)$")
    local alias = self.aliases[part]
    if inner or alias then
      for _, other in ipairs(self:resolved(inner or alias)) do
        out[#out + 1] = other
      end
    elseif part ~= "" then
      out[#out + 1] = part
    end
  end
  return out
end

--- Returns the class of a type, if it is one, or nil.
---@param kind string|nil
---@return string|nil
function Meta:class_of(kind)
  local name = kind and kind:gsub("%?$", ""):gsub("|nil$", "")
  return self.classes[name] and name or nil
end

--- Returns the classes of the values that a `for` loop gets from an iterator.
---@param class string
---@return table<integer, string>
function Meta:values_of(class)
  local list, at = {}, 1
  while class and self.classes[class] and not self.classes[class].values do
    class = self.classes[class].base
  end
  for kind in (class and self.classes[class].values or ""):gmatch("[^, ]+") do
    list[at] = self:class_of(kind)
    at = at + 1
  end
  return list
end

--- Returns the names in a type that nothing declares.
---@param kind string
---@return string[]
function Meta:undeclared(kind)
  local list = {}
  for name in kind:gsub('"[^"]*"', ""):gmatch("%f[%w]klaviyo%.[%w_.]*[%w_]") do
    if not self.classes[name] and not self.aliases[name]
        and name ~= "klaviyo.UnknownName" then
      list[#list + 1] = name
    end
  end
  return list
end

return M
