--- Parsers of argparse, whose help and errors go through this command: nothing
--- ends the process, and help is written like any other output.

local argparse = require "argparse"
local suggest = require "klaviyo.cli.suggest"

local M = {}

-- What argparse does not tell of its parsers: their commands, and their path.
local commands_of = setmetatable({}, {__mode = "k"})
local path_of = setmetatable({}, {__mode = "k"})

-- Makes the errors of an option's values name the option.
local function named_in_errors(option, name)
  local convert = option.convert
  function option:convert(fn)
    return convert(self, function(text)
      local value, why = fn(text)
      if value == nil then
        why = ("%s: %s"):format(name, why or ('"%s" is not a number'):format(text))
      end
      return value, why
    end)
  end
  return option
end

-- Makes --help of a parser, and of the commands that are added to it, raise
-- {help = text}, which `main` writes.
local function prepare(parser, path)
  local function show()
    error({help = parser:get_help() .. "\n"}, 0)
  end
  commands_of[parser], path_of[parser] = {}, path
  parser:add_help(false)
  parser:add_help {name = "-h --help", description = "Show this help.",
    action = show}
  local add_option = parser.option
  function parser:option(name, ...)
    local option = add_option(self, name, ...)
    return type(name) == "string"
      and named_in_errors(option, name:match("%-%-[%w-]+") or name) or option
  end
  local add_command = parser.command
  function parser:command(name)
    table.insert(commands_of[self], name:match("^%S+"))
    return prepare(add_command(self, name), path .. " " .. name:match("^%S+"))
  end
  return parser
end

-- Returns the names of the commands, as many as a line takes.
local MAX_NAMED = 30

local function named(names)
  if #names == 0 or #names > MAX_NAMED then
    return ""
  end
  table.sort(names)
  return ": " .. table.concat(names, ", ")
end

-- Returns an error of the command line in the words of this program.
local function message_of(parser, message)
  local names = commands_of[parser] or {}
  local path = path_of[parser] or "klaviyo"
  local unknown = message:match("^unknown command '(.-)'")
  if unknown then
    local near = suggest.text(unknown, names)
    message = ('unknown command "%s" of %s%s'):format(unknown, path,
      near ~= "" and near or named(names):gsub("^:", "; there are:"))
  elseif message == "a command is required" then
    message = ("%s needs a command%s"):format(path, named(names))
  else
    message = message:gsub("\nDid you mean", "; did you mean")
  end
  return ("%s; see %s --help"):format(message, path)
end

--- Returns the parser of a program.
---@param name string
function M.new(name)
  local parser = prepare(argparse(name), name)
  function parser.error(current, message)
    error({usage = message_of(current, message)}, 0)
  end
  return parser
end

return M
