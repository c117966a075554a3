--- Reads and checks all rows without sending anything: `klaviyo import --dry-run`.

local klaviyo = require "klaviyo"
local records = require "klaviyo.cli.import.records"

local M = {}

-- How many bad rows are shown.
local MAX_SHOWN = 10

-- Returns the message of a validation error, without the line of this program and
-- the list that the caller did not write.
local function words_of(message, member)
  message = tostring(message):gsub("^[^\n]-:%d+: ", "")
  if member then
    local list = member:gsub("%p", "%%%0") .. "%[1%]"
    message = message:gsub(", in " .. list .. ":", ":"):gsub(" in " .. list .. "$",
      ""):gsub(list .. "%.?", "")
  end
  return message
end

--- Returns a function that returns why the service or the library would refuse a
--- record; nil if nothing is known against it.
---@param action table
---@param revision string|nil
---@return fun(record: table): string|nil
function M.checker(action, revision)
  local options = {revision = revision}
  return function(record)
    if type(record.attributes) == "table" then
      return nil  -- a whole resource is sent as it is
    end
    local ok, why
    if action.record then
      ok, why = pcall(klaviyo.document, action.record, record, options)
    else
      ok, why = pcall(klaviyo.document, action.operation,
        {[action.member] = {record}}, options)
    end
    return not ok and words_of(why, action.member) or nil
  end
end

--- Reads all records. Returns {rows =, good =, bad =, shown = {{line =,
--- message =}…}, stopped = the error after which the rest could not be read}.
---@param input table
---@param options table  as of input.open
---@return table
function M.all(input, options)
  local validate = M.checker(options.action, options.revision)
  local complete = records.completer(options)
  local result = {rows = 0, good = 0, bad = 0, shown = {}}
  while true do
    local record, second = input:next()
    if record == nil and second == nil then
      return result
    end
    local message = record == nil and second.message
      or validate(complete(record))
    result.rows = result.rows + 1
    if not message then
      result.good = result.good + 1
    else
      result.bad = result.bad + 1
      if #result.shown < MAX_SHOWN then
        table.insert(result.shown, {message = message,
          line = record == nil and second.line or second})
      end
    end
    if record == nil and second.fatal then
      result.stopped = second
      return result
    end
  end
end

return M
