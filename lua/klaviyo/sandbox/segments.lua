--- Serves segments: stores conditions as the service does.

local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"

local M = {}

-- The service stores a time frame with a membership condition, even if it is
-- null.
local function serve_with_timeframe(call)
  local attributes = call.document.data.attributes or {}
  local definition = attributes.definition
  if json.kind(definition) == "object" then
    for _, group in ipairs(definition.condition_groups) do
      for _, condition in ipairs(group.conditions) do
        if condition.type == "profile-group-membership"
          and condition.timeframe_filter == nil then
          condition.timeframe_filter = json.null
        end
      end
    end
  end
  return generic.serve(call)
end

M.routes = {
  ["POST /api/segments"] = serve_with_timeframe,
  ["PATCH /api/segments/{id}"] = serve_with_timeframe,
}

return M
