--- The commands, options and arguments of the command line as plain tables, from
--- argparse's parsers: for completion, the man page and docs/cli.md.

local M = {}

---@class klaviyo.cli.Option
---@field names string[]
---@field value string|nil  what its value is called; nil: it takes none
---@field choices string[]|nil
---@field description string
---@field many boolean  whether it may be repeated

---@class klaviyo.cli.Argument
---@field name string
---@field optional boolean
---@field many boolean
---@field choices string[]|nil
---@field description string

---@class klaviyo.cli.Node
---@field name string
---@field path string  "auth login"; "" for the program
---@field summary string
---@field description string
---@field options klaviyo.cli.Option[]
---@field arguments klaviyo.cli.Argument[]
---@field commands klaviyo.cli.Node[]
---@field parser table  of argparse

local function value_name(element)
  local name = element._argname
  if type(name) == "table" then
    name = name[1]
  end
  return name
end

local function option_of(element)
  return {
    names = element._public_aliases or element._aliases,
    value = element._maxargs > 0
      and (value_name(element) or element:_get_default_argname()) or nil,
    choices = element._choices, description = element._description or "",
    many = element._maxcount > 1,
  }
end

local function argument_of(element)
  return {
    name = value_name(element) or element._name:upper(), choices = element._choices,
    optional = element._minargs == 0, many = element._maxargs > 1,
    description = element._description or "",
  }
end

local function is_hidden(element)
  return element._hidden == true
end

local function node_of(parser, name, path)
  local node = {
    name = name, path = path, parser = parser, summary = parser._summary or "",
    description = parser._description or "", options = {}, arguments = {},
    commands = {},
  }
  for _, element in ipairs(parser._options) do
    if not is_hidden(element) then
      node.options[#node.options + 1] = option_of(element)
    end
  end
  for _, element in ipairs(parser._arguments) do
    node.arguments[#node.arguments + 1] = argument_of(element)
  end
  for _, element in ipairs(parser._commands) do
    if not is_hidden(element) then
      local child = element._name
      node.commands[#node.commands + 1] = node_of(element, child,
        path == "" and child or path .. " " .. child)
    end
  end
  return node
end

--- Returns the tree of a parser.
---@param parser table  of klaviyo.cli.parser
---@return klaviyo.cli.Node
function M.of(parser)
  return node_of(parser, "klaviyo", "")
end

--- Calls a function with a node and all below it.
---@param node klaviyo.cli.Node
---@param fn fun(node: klaviyo.cli.Node)
function M.each(node, fn)
  fn(node)
  for _, child in ipairs(node.commands) do
    M.each(child, fn)
  end
end

return M
