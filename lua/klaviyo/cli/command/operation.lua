--- klaviyo operation NAME: what can be asked of an operation.

local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"
local output = require "klaviyo.cli.output"
local suggest = require "klaviyo.cli.suggest"

local M = {}

function M.configure(parser)
  parser:argument("name"):argname("NAME"):args("+")
    :description("The id of an operation, an alias, or the words of its command: "
      .. "create_profile, or profiles create.")
end

-- Returns the operation that words name: an id, an alias, or a command.
local function find(context, words)
  local list = klaviyo.operations.list {revision = context:revision()}
  local name = table.concat(words, " "):gsub("^klaviyo ", "")
  local names = {}
  for _, op in ipairs(list) do
    local command = table.concat(manual.words(op), " ")
    if name == op.id or name == command
        or name == op.method .. " " .. op.path then
      return op.id
    end
    for _, alias in ipairs(op.aliases) do
      if name == alias then
        return op.id
      end
    end
    names[#names + 1], names[#names + 2] = op.id, command
  end
  context:usage('%s has no operation "%s"%s; klaviyo operations WORD finds some',
    context:revision(), name, suggest.text(name, names))
end

function M.run(context, parsed)
  local id = find(context, parsed.name)
  local facts = klaviyo.operations.get(id, {revision = context:revision()})
  local format = output.format(context)
  if context.arguments.output and format ~= "table" then
    local text = klaviyo.json.encode(facts)
    if format == "json" then
      output.write_json(context, text)
    else
      context:out(text .. "\n")
    end
    return exit_status.OK
  end
  local width = context.terminal.stdout and context.terminal:width() or 80
  context:out(("klaviyo %s\n\n%s\n"):format(table.concat(manual.words(facts), " "),
    manual.text(facts, width)))
end

return M
