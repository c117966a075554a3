--- What belongs to an app, with its secrets. It is not in the app itself: a program
--- that prints an app does not print them.

local M = {}

local by_app = setmetatable({}, {__mode = "k"})

--- Keeps what belongs to an app.
---@param app klaviyo.oauth.App
---@param own table
function M.register(app, own)
  by_app[app] = own
end

--- Returns what belongs to an app, or nil if the value is not an app.
---@param app any
---@return table|nil
function M.of(app)
  return by_app[app]
end

return M
