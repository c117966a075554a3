--- Reports the tracked events that were lost: as a warning, at most once a
--- second, with the reasons and without any key.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"
local warning = require "klaviyo.util.warning"

local M = {}

local GAP = 1  -- seconds between reports

--- The time of the next report, by core.clock().
M.due = 0

local reasons  -- why the events of the last report were lost
local latest   -- the settings of the event that was tracked last

-- The keys used last. The service may repeat one, and a report must not show it.
local secrets, MAX_SECRETS = {}, 8

--- Keeps the settings and the key of an event that was tracked: the report uses
--- their on_warning, and does not show the key.
---@param settings klaviyo.Settings
---@param secret string
function M.remember(settings, secret)
  latest = settings
  for _, known in ipairs(secrets) do
    if known == secret then
      return
    end
  end
  table.insert(secrets, 1, secret)
  secrets[MAX_SECRETS + 1] = nil
end

-- Returns the text without the secret. The text may end in the middle of the
-- secret: then that part is removed, too.
local function without(text, secret)
  for size = math.min(#secret - 1, #text), 4, -1 do
    if text:sub(-size) == secret:sub(1, size) then
      text = text:sub(1, -size - 1)
      break
    end
  end
  return errors.excerpt(text, secret, #text + 1)
end

local function describe(failure)
  local text = failure.detail or ""
  for _, secret in ipairs(secrets) do
    text = without(text, secret)
  end
  text = text:gsub("[%c%s]+", " ")
  if failure.status then
    return ("%d %s"):format(failure.status, text)
  end
  return failure.reason
end

--- Returns the text of a report.
---@param count integer  of events
---@return string
function M.text(count)
  return ("%d tracked %s not delivered%s"):format(count,
    count == 1 and "event was" or "events were",
    reasons and ": " .. reasons or "")
end

--- Gives a warning of the events that were lost since the last report.
function M.run()
  M.due = core.clock() + GAP
  if not latest then
    return
  end
  local failures, lost = core.failures()
  if lost == 0 then
    return
  end
  local is_listed, list = {}, {}
  for _, failure in ipairs(failures) do
    local text = describe(failure)
    if not is_listed[text] then
      is_listed[text] = true
      list[#list + 1] = text
    end
  end
  reasons = table.concat(list, "; ")
  warning.say(latest, M.text(lost))
end

return M
