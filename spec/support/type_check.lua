-- Checks Lua code against the types of a spec.Meta: the methods that it calls on
-- `klaviyo` and on clients exist, and the tables that it writes as their arguments
-- have no unknown names, lack no required ones, and no other values than those that
-- a type lists.

local M = {}

-- Tokens ----------------------------------------------------------------------

local function long_end(text, at)
  local level = text:match("^%[(=*)%[", at)
  return level and assert(select(2, text:find("]" .. level .. "]", at, true)))
end

-- Returns the end of the comment or string that begins here, and its value.
local function end_of_text(text, at)
  if text:find("^%-%-", at) then
    return long_end(text, at + 2) or (text:find("\n", at, true) or #text + 1) - 1
  elseif text:find("^%[=*%[", at) then
    return long_end(text, at), ""
  end
  local quote, stop = text:sub(at, at), at + 1
  while text:sub(stop, stop) ~= quote do
    stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
    assert(stop <= #text, "a string without an end")
  end
  return stop, text:sub(at + 1, stop - 1)
end

-- Returns the tokens of code: {kind = "name"|"string"|"other", text =, line =}.
local function tokens_of(text)
  local list, at, line = {}, 1, 1
  local function add(kind, value)
    list[#list + 1] = {kind = kind, text = value, line = line}
  end
  while at <= #text do
    local c = text:sub(at, at)
    local stop = at
    if c == "\n" then
      line = line + 1
    elseif text:find("^%-%-", at) or c:find("[\"']") or text:find("^%[=*%[", at) then
      local value
      stop, value = end_of_text(text, at)
      if value then
        add("string", value)
      end
      line = line + select(2, text:sub(at, stop):gsub("\n", ""))
    elseif c:find("[%a_]") then
      stop = select(2, text:find("^[%w_]+", at))
      add("name", text:sub(at, stop))
    elseif c:find("%d") then
      stop = select(2, text:find("^[%w.]+", at))
      add("number", text:sub(at, stop))
    elseif not c:find("%s") then
      stop = select(2, text:find("^%.%.%.?", at)) or select(2, text:find("^[=~<>]=", at))
        or at
      add("other", text:sub(at, stop))
    end
    at = stop + 1
  end
  return list
end

-- Checking --------------------------------------------------------------------

local Checker = {}
Checker.__index = Checker

function Checker:problem(token, format, ...)
  self.problems[#self.problems + 1] = {
    line = token.line, message = format:format(...),
  }
end

local function is(token, text)
  return token ~= nil and token.kind == "other" and token.text == text
end

local OPENS = {["("] = ")", ["{"] = "}", ["["] = "]"}
local BLOCKS = {["function"] = true, ["do"] = true, ["then"] = true}

-- Returns the index after the expression that begins here: that of the comma or
-- the bracket that ends it.
function Checker:after(at)
  local depth, blocks = 0, 0
  while self.tokens[at] do
    local token = self.tokens[at]
    if token.kind == "other" and blocks == 0 then
      if depth == 0 and (token.text == "," or token.text == ";" or token.text == ")"
          or token.text == "}" or token.text == "]") then
        return at
      elseif OPENS[token.text] then
        depth = depth + 1
      elseif token.text == ")" or token.text == "}" or token.text == "]" then
        depth = depth - 1
      end
    elseif token.kind == "name" and BLOCKS[token.text] then
      blocks = blocks + 1
    elseif token.kind == "name" and token.text == "end" then
      blocks = blocks - 1
    end
    at = at + 1
  end
  return at
end

-- Returns the item type of a list type, or nil.
local function items_of(part)
  local inner = part:match("^(.*)%[%]$")
  return inner and (inner:match("^%((.*)%)$") or inner)
end

-- Returns the fields of an inline table type: { size?: integer }.
local function inline_fields(part)
  local body = part:match("^{ ?(.-) ?}$")
  if not body then
    return nil
  end
  local fields = {}
  for name, mark, kind in body:gmatch("([%w_]+)(%??): ?([^,]+)") do
    fields[name] = {kind = kind, optional = mark == "?"}
  end
  return fields
end

-- Checks a literal string against a type that lists values.
function Checker:string(token, kind)
  local listed = {}
  for _, part in ipairs(self.meta:resolved(kind)) do
    local value = part:match('^"(.*)"$')
    if value then
      listed[value] = true
    elseif part == "string" or part == "any" then
      return
    end
  end
  if next(listed) ~= nil and not listed[token.text] then
    self:problem(token, "%q is not among the values of %s", token.text, kind)
  end
end

-- Checks an expression: a literal string or a table; others pass.
function Checker:value(at, stop, kind)
  local token = self.tokens[at]
  if token.kind == "string" and at == stop - 1 then
    self:string(token, kind)
  elseif is(token, "{") and self:after_table(at) == stop then
    self:table(at, stop, kind)
  end
end

-- Returns the index after the table that begins here.
function Checker:after_table(at)
  local stop = at + 1
  while not is(self.tokens[stop], "}") do
    stop = self:after(stop)
    if is(self.tokens[stop], ",") or is(self.tokens[stop], ";") then
      stop = stop + 1
    end
  end
  return stop + 1
end

-- Returns the members of a table: {key = token or nil, at =, stop =}.
function Checker:members(at, stop)
  local list, first = {}, at + 1
  while first < stop - 1 do
    local member = {at = first, stop = self:after(first)}
    local token, following = self.tokens[first], self.tokens[first + 1]
    if token.kind == "name" and is(following, "=") then
      member.key, member.at = token, first + 2
    elseif is(token, "[") and self.tokens[first + 1].kind == "string" then
      member.key, member.at = self.tokens[first + 1], first + 4
    elseif is(token, "[") then
      member.is_computed, member.at = true, first
    end
    list[#list + 1] = member
    first = member.stop + 1
  end
  return list
end

-- Returns the problems of a table, if it is of this type; nil if it cannot be.
function Checker:table_problems(at, stop, part)
  local own = setmetatable({problems = {}}, {__index = self})
  local item = items_of(part)
  local mapped = part:match("^table<string, ?(.*)>$")
  local class = self.meta.classes[part]
  local inline = not class and inline_fields(part)
  if part == "table" or part == "any" then
    return {}
  elseif not item and not mapped and not class and not inline then
    return nil
  end
  local present = {}
  for _, member in ipairs(self:members(at, stop)) do
    local name = member.key and member.key.text
    local field
    if mapped then
      field = {kind = mapped}
    elseif name and class then
      field = self.meta:member("fields", part, name)
    elseif name and inline then
      field = inline[name]
    elseif item and not name then
      field = {kind = item}
    end
    if name then
      present[name] = true
    end
    if field then
      own:value(member.at, member.stop, field.kind)
    elseif name and (item or inline or class.is_exact) then
      own:problem(member.key, "%s has no %s", part, name)
    end
  end
  local base = class
  while base do
    for name, field in pairs(base.fields) do
      if not field.optional and not present[name] and base.is_exact then
        own:problem(self.tokens[at], "%s lacks %s", part, name)
      end
    end
    base = self.meta.classes[base.base]
  end
  return own.problems
end

-- Checks a table against the type of the union that it suits best.
function Checker:table(at, stop, kind)
  local best
  for _, part in ipairs(self.meta:resolved(kind)) do
    local problems = self:table_problems(at, stop, part)
    if problems and (not best or #problems < #best) then
      best = problems
    end
  end
  for _, problem in ipairs(best or {}) do
    self.problems[#self.problems + 1] = problem
  end
end

-- Whether a table has a literal value that a class names: raw = true.
function Checker:has_literal(at, kind)
  local fields = self.meta.classes[kind].fields
  for _, member in ipairs(self:members(at, self:after_table(at))) do
    local field = member.key and fields[member.key.text]
    if field and field.kind == self.tokens[member.at].text then
      return true
    end
  end
  return false
end

-- Returns the overload of a method for these arguments, or nil.
function Checker:overload(at, method)
  local is_list = is(self.tokens[at], "(")
  local position = 0
  at = is_list and at + 1 or at
  while method.overloads[1] and self.tokens[at] and not is(self.tokens[at], ")") do
    position = position + 1
    for _, overload in ipairs(is(self.tokens[at], "{") and method.overloads or {}) do
      if self:has_literal(at, overload.kinds[position]) then
        return overload
      end
    end
    if not is_list then
      return nil
    end
    at = self:after(at)
    at = is(self.tokens[at], ",") and at + 1 or at
  end
end

-- Checks the arguments of a call that begin here, and returns the index after them.
function Checker:arguments(at, method)
  local token = self.tokens[at]
  if token and (token.kind == "string" or is(token, "{")) then
    local stop = is(token, "{") and self:after_table(at) or at + 1
    local first = method.names[1]
    if not first then
      self:problem(token, "it takes no argument")
    else
      self:value(at, stop, method.parameters[first].kind)
    end
    return stop
  elseif not is(token, "(") then
    return at
  end
  local position, first = 0, at + 1
  while not is(self.tokens[first], ")") do
    position = position + 1
    local stop = self:after(first)
    local name = method.names[position] or (method.names[#method.names] == "..." and "...")
    if not name then
      self:problem(token, "too many arguments")
    elseif name ~= "..." then
      self:value(first, stop, method.parameters[name].kind)
    end
    first = is(self.tokens[stop], ",") and stop + 1 or stop
  end
  return first + 1
end

-- Follows `a.b:c(…).d` from a value of a class, and returns the class of the
-- whole, if it is known, and the index after it.
function Checker:path(at, class)
  while class do
    local token, name = self.tokens[at], self.tokens[at + 1]
    if not (is(token, ".") or is(token, ":")) or name.kind ~= "name" then
      return class, at
    end
    local method = self.meta:member("methods", class, name.text)
    local field = not method and self.meta:member("fields", class, name.text)
    if method then
      self.calls = self.calls + 1
      if method.separator ~= token.text then
        self:problem(name, "%s%s%s", class, token.text, name.text)
      end
      local overload = self:overload(at + 2, method)
      at = self:arguments(at + 2, method)
      class = self.meta:class_of((overload or method).result)
    elseif field then
      class = self.meta:class_of(field.kind)
      at = at + 2
    else
      self:problem(name, "%s has no %s", class, name.text)
      return nil
    end
  end
  return nil, at
end

local function is_word(token, text)
  return token ~= nil and token.kind == "name" and token.text == text
end

-- Follows the value that begins here, also through the `assert` around it. Returns
-- its class, if it is known.
function Checker:follow(at, stop, class)
  local next_at
  class, next_at = self:path(stop, class)
  if is(self.tokens[at - 1], "(") and is_word(self.tokens[at - 2], "assert") then
    if not is(self.tokens[next_at], ")") then
      return nil
    end
    class, next_at = self:path(next_at + 1, class)
  end
  -- `a and b` has the value of b
  return not is_word(self.tokens[next_at], "and") and class or nil
end

-- Returns the names to which the value of the expression that begins here is
-- assigned, and the word before them.
function Checker:targets(at)
  local tokens, names = self.tokens, {}
  at = at - 1
  if is(tokens[at], "(") and is_word(tokens[at - 1], "assert") then
    at = at - 2
  end
  local sign = tokens[at]
  if not (is(sign, "=") or sign and sign.kind == "name" and sign.text == "in") then
    return names
  end
  repeat
    at = at - 1
    local token = tokens[at]
    if not token or token.kind ~= "name" then
      return {}
    end
    table.insert(names, 1, token.text)
    at = at - 1
  until not is(tokens[at], ",")
  return names, sign.text
end

-- Notes the classes of the variables that get the value of an expression.
function Checker:assign(at, class)
  local names, sign = self:targets(at)
  local classes = sign == "in" and class and self.meta:values_of(class) or {class}
  for i, name in ipairs(names) do
    self.variables[name] = classes[i]
  end
end

-- Returns the class of the value that begins here, and the index after it.
function Checker:root(at)
  local tokens, token = self.tokens, self.tokens[at]
  local before, following = tokens[at - 1], tokens[at + 1]
  if token.kind ~= "name" or is(before, ".") or is(before, ":") then
    return nil
  elseif token.text == "require" then
    local stop = is(following, "(") and at + 4 or at + 2
    return self.meta:class_of(tokens[stop - (is(following, "(") and 2 or 1)].text), stop
  elseif not is(following, "=") and not is(following, ",") then
    return self.variables[token.text], at + 1
  end
end

--- Returns the problems of code, and how many calls were checked.
---@param meta spec.Meta
---@param text string
---@return {line: integer, message: string}[] problems
---@return integer calls
function M.check(meta, text)
  local self = setmetatable({meta = meta, tokens = tokens_of(text), problems = {},
    calls = 0, variables = {klaviyo = "klaviyo", client = "klaviyo.Client"}}, Checker)
  for at, token in ipairs(self.tokens) do
    local class, stop = self:root(at)
    if class then
      self:assign(at, self:follow(at, stop, class))
    elseif token.kind == "name" and is(self.tokens[at - 1], "=") then
      self:assign(at, nil)
    end
  end
  return self.problems, self.calls
end

return M
