--- Adds to records what the command line says about all of them: the consent of
--- subscriptions.

local M = {}

local CHANNELS = {email = "email", sms = "sms"}

--- The channels that `--channel` takes.
M.CHANNELS = {"email", "sms"}

-- Returns the subscriptions of a record without its own: one for each channel for
-- which it has an address.
local function subscriptions(record, channels, consent)
  local address = {email = record.email, sms = record.phone_number}
  local list = {}
  for _, channel in ipairs(channels) do
    if CHANNELS[channel] and address[channel] then
      list[channel] = {marketing = {consent = consent}}
    end
  end
  return next(list) and list or nil
end

--- Returns a function that completes a record, and returns it.
---@param options {kind: table, action: table, channels: string[]|nil}
---@return fun(record: table): table
function M.completer(options)
  local consent = options.kind.consent
    and options.kind.consent[options.action.name]
  if not consent then
    return function(record)
      return record
    end
  end
  local channels = options.channels or {"email"}
  return function(record)
    if record.attributes == nil and record.subscriptions == nil then
      record.subscriptions = subscriptions(record, channels, consent)
    end
    return record
  end
end

return M
