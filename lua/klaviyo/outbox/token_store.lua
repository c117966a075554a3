--- The tokens of the accounts of klaviyo.oauth, in a file of SQLite that several
--- processes use.

local phases = require "klaviyo.nginx.phases"
local store = require "klaviyo.outbox.store"
local tasks = require "klaviyo.tasks"

local M = {}

local WAIT, PAUSE = 5, 0.02  -- seconds, while another process writes

local function may_wait()
  return type(ngx) ~= "table" or not ngx.get_phase or phases.can_wait()
end

-- Calls a function of the store until no other process writes.
local function call(name, path, ...)
  local deadline = tasks.clock() + WAIT
  while true do
    local value, what, why = store.tokens[name](path, ...)
    if value then
      return value
    elseif what == "none" then
      return nil
    elseif what ~= "busy" then
      return nil, ("%s: %s"):format(path, why)
    elseif not may_wait() or tasks.clock() >= deadline then
      return nil, ("%s: another process uses it: %s"):format(path, why)
    end
    tasks.sleep(PAUSE)
  end
end

--- Returns the store of a file, for the option `store` of klaviyo.oauth.new.
---@param path string
---@return klaviyo.oauth.Store
function M.new(path)
  return {
    load = function(account)
      return call("load", path, account)
    end,
    save = function(account, text)
      return call("save", path, account, text)
    end,
    list = function()
      local list, why = call("list", path)
      return list or why == nil and {} or nil, why
    end,
    lock_folder = path .. ".locks",
  }
end

return M
