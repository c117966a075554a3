--- The problems of a relay with its stream: each kind is one warning until it has
--- passed.

local core = require "klaviyo.core"
local errors = require "klaviyo.response.errors"

local M = {}

---@class klaviyo.outbox.RelayProblems
local Problems = {}
Problems.__index = Problems

-- What does not pass by itself, and what to do.
local LASTING = {
  FOREIGN = "it belongs to another account: set another `stream`; or if only the key of the "
    .. "account has changed, remove %s:account from Redis",
  WRONGTYPE = "the key %s is not a stream: set another `stream`",
  WRONGPASS = true, NOAUTH = true, NOPERM = true,
}

-- Errors of a Redis that starts, or that lost its primary: it is away.
local AWAY = {LOADING = true, MASTERDOWN = true}

-- Seconds after a warning in which the same problem is not given as one again.
local WARN_EVERY = 60

-- Errors that were given as a warning.
local reported = setmetatable({}, {__mode = "k"})

---@param name string  of the stream
---@param warn fun(message: string)
---@return klaviyo.outbox.RelayProblems
function M.new(name, warn)
  return setmetatable({name = name, warn = warn, kinds = {}, warned = {}}, Problems)
end

--- Returns whether an error was given as a warning already.
---@param err klaviyo.Error
---@return boolean
function M.is_reported(err)
  return reported[err] == true
end

--- Returns the error for a failure of the stream, and warns if it is a new kind of
--- problem, or one that comes again after a minute.
---@param part "move"|"send"  what failed
---@param err {code: string|nil, kind: string, message: string}
---@return klaviyo.Error
function Problems:report(part, err)
  local lasting = err.code and LASTING[err.code]
  local why = type(lasting) == "string" and lasting:format(self.name) or err.message
  local made = errors.new {
    kind = lasting and "outbox" or err.kind == "timeout" and "timeout" or "transport",
    code = err.code, message = ("outbox: the stream %s cannot be used (%s); events that are "
      .. "not in it stay in the file"):format(self.name, why),
  }
  local kind = err.code and not AWAY[err.code] and err.code or "away"
  local kinds, now = self.kinds, core.clock()
  local is_known = kinds.move == kind or kinds.send == kind
    or now < (self.warned[kind] or -math.huge) + WARN_EVERY
  kinds[part] = kind
  if not is_known then
    self.warned[kind] = now
    self.warn(made.message)
  end
  reported[made] = true
  return made
end

--- Returns whether a part still fails with a kind of problem.
---@param part "move"|"send"
---@param kind string
---@return boolean
function Problems:has(part, kind)
  return self.kinds[part] == kind
end

--- Notes that a part works again.
---@param part "move"|"send"
function Problems:forget(part)
  self.kinds[part] = nil
end

return M
