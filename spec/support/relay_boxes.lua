--- Outboxes with a relay to a Redis of the spec, which is empty before each of them.

local klaviyo_outbox = require "klaviyo.outbox"
local redis_server = require "spec.support.redis_server"

local M = {}

--- Returns an event with this number.
---@param number integer
---@param more table|nil
---@return table
function M.event(number, more)
  local made = {
    metric = "Kept", profile = {email = ("p%d@example.com"):format(number % 7)},
    properties = {number = number}, unique_id = "id-" .. number,
  }
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

--- Call it in the outermost `describe`.
---@param busted {setup: function, teardown: function, before_each: function,
---  after_each: function}
---@param fixture table  of spec.support.sandbox
---@param folders table  of spec.support.folder
---@return table  redis, client, warnings; new, fill, received
function M.here(busted, fixture, folders)
  local self = {warnings = {}}
  local opened

  busted.setup(function()
    self.redis = redis_server.start()
  end)

  busted.teardown(function()
    if self.redis then
      self.redis:close()
    end
  end)

  busted.before_each(function()
    opened, self.warnings = {}, {}
    self.redis:call("FLUSHALL")
    fixture.server:reset()
    self.client = self.new_client()
  end)

  busted.after_each(function()
    for _, one in ipairs(opened) do
      one:close(0)
    end
  end)

  function self.new_client(more)
    local settings = {pacing = false, retries = 0, revision = "2026-07-15",
      on_warning = function(message) table.insert(self.warnings, message) end}
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    return fixture:new_client(settings)
  end

  --- Returns an outbox: another host, if it has no `path` of a former one.
  function self.new(more)
    local options = {path = folders.new(), relay = self.redis.url, claim_after = 0.1}
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    local box, err = klaviyo_outbox.new(options)
    opened[#opened + 1] = box
    return box, err
  end

  --- Adds events to an outbox.
  function self.fill(box, from, to, more)
    for number = from, to do
      assert(box:enqueue(M.event(number, more), self.client))
    end
  end

  --- Returns the number of entries of the stream.
  function self.length()
    return self.redis:call("XLEN", "klaviyo:events")
  end

  --- Returns the counts of events at the service.
  function self.counts()
    return fixture.server:stats().events
  end

  --- Returns the numbers of the events of a list of payloads or bodies, in their order.
  function self.numbers(...)
    local list = {}
    for _, text in ipairs {...} do
      for number in text:gmatch('"number":(%d+)') do
        list[#list + 1] = tonumber(number)
      end
    end
    return list
  end

  return self
end

return M
