--- klaviyo operations and klaviyo operation: the manual of the API's operations,
--- which needs no network.

local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"
local output = require "klaviyo.cli.output"

local M = {}

function M.configure(parser)
  parser:argument("words"):argname("WORD"):args("*")
    :description("Words that an operation's id, path or command must have.")
end

local function matches(text, words)
  for _, word in ipairs(words) do
    if not text:find(word:lower(), 1, true) then
      return false
    end
  end
  return true
end

--- Returns the operations whose id, aliases, path or command have all words.
---@param context klaviyo.cli.Context
---@param words string[]
---@return {id: string, method: string, path: string, command: string}[]
function M.find(context, words)
  local found = {}
  for _, op in ipairs(klaviyo.operations.list {revision = context:revision()}) do
    local command = table.concat(manual.words(op), " ")
    local text = table.concat({op.id, op.method, op.path, command,
      table.concat(op.aliases, " ")}, " ")
    if matches(text:lower(), words) then
      found[#found + 1] = {id = op.id, method = op.method, path = op.path,
        command = "klaviyo " .. command}
    end
  end
  return found
end

function M.run(context, parsed)
  local found = M.find(context, parsed.words)
  local writer = context:records {columns = {"command", "id", "method", "path"}}
  for _, row in ipairs(found) do
    writer:add(row)
  end
  writer:finish()
  if #found == 0 then
    context:note(("no operation of %s has %s"):format(context:revision(),
      table.concat(parsed.words, " and ")))
  elseif output.format(context) == "table" then
    context:note(("%d operations of %s; klaviyo operation NAME describes one")
      :format(#found, context:revision()))
  end
end

return M
