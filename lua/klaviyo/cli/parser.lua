--- Parsers of argparse, whose help and errors go through this command: nothing
--- ends the process, and help is written like any other output.

local argparse = require "argparse"

local M = {}

-- Makes --help of a parser, and of the commands that are added to it, raise
-- {help = text}, which `main` writes.
local function prepare(parser)
  local function show()
    error({help = parser:get_help() .. "\n"}, 0)
  end
  parser:add_help(false)
  parser:add_help {name = "-h --help", description = "Show this help.",
    action = show}
  local add_command = parser.command
  function parser:command(...)
    return prepare(add_command(self, ...))
  end
  return parser
end

--- Returns the parser of a program.
---@param name string
function M.new(name)
  local parser = prepare(argparse(name))
  function parser.error(_, message)
    error({usage = message}, 0)
  end
  return parser
end

return M
