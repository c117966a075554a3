--- A connection to Redis whose calls never block other tasks: the event loop of
--- the library does the input and output, in the thread of a script, or in a thread
--- of its own in nginx.
---
---     local connection = require "klaviyo.redis.connection"
---     local c = connection.new("redis://127.0.0.1")
---     local length, err = c:call("XLEN", "klaviyo:events")
---
--- It connects when it is first used, and again by the next call after it was closed,
--- or after Redis replied READONLY, LOADING, MASTERDOWN, NOAUTH or MOVED; with a list of
--- sentinels it then asks them again for the primary. A command that was sent is
--- never sent again.
---
--- Several tasks may use a connection: their calls are sent one after another, each
--- when the replies to the one before are there. So a command that waits in Redis
--- (XREADGROUP … BLOCK) holds up the others: use a connection of its own for it. A
--- forked child opens a connection of its own. In a program with an event loop of its
--- own, a call outside of klaviyo.run blocks that loop.

local address = require "klaviyo.redis.address"
local checker = require "klaviyo.util.options"
local core = require "klaviyo.core"
local hiredis = require "klaviyo.redis.hiredis"
local lazy_require = require "klaviyo.util.lazy_require"
local redis_replies = require "klaviyo.redis.replies"
local scheduler = require "klaviyo.tasks.scheduler"
local usage_error = require "klaviyo.util.usage_error"

local phases = lazy_require "klaviyo.nginx.phases"

local M = {}

---@class klaviyo.redis.Connection
local Connection = {}
Connection.__index = Connection
Connection.__name = "klaviyo.redis.Connection"

---@class klaviyo.redis.connection.Options
---@field timeout? number  seconds that a call may take, with the time to connect; of a pipeline, each part of 1,024
---  commands at most (default 5)
---@field connect_timeout? number  seconds to connect, without those of the first commands (default 2)
---@field max_reply_bytes? integer  of the replies to a call, or to a part of a pipeline (default 64 MB)
---@field max_elements? integer  of all lists in these replies (default 1,000,000)
local FIELDS = {
  timeout = {type = "number", unit = "seconds", above = 0, default = 5},
  connect_timeout = {type = "number", unit = "seconds", above = 0, default = 2},
  max_reply_bytes = {type = "integer", min = 1, max = 2^31, default = 2^26},
  max_elements = {type = "integer", min = 1, max = 2^31, default = 1000000},
}

assert(hiredis.attach(core.loop_functions()))

--- Returns the text of a reply that is an error, or nil.
---@param reply any  of a pipeline
---@return string|nil
function M.is_error(reply)
  return redis_replies.is_error(reply)
end

local function nothing() end

-- What the scheduler reads of a request.
local NO_SETTINGS = {}

-- Waits for one part, and appends its replies. Returns true, or false and what
-- ticket:result returns.
local function await(ticket, replies)
  scheduler.wait_for({ticket = ticket, settings = NO_SETTINGS}, nil, nothing)
  return ticket:result(replies)
end

local function must_wait()
  if type(ngx) == "table" then
    phases.must_wait()
    return scheduler.completion_queue()
  end
end

-- Returns an error of a call that got no reply, or not all.
local function failure_of(self, kind, text, ran, maybe_run, replies)
  local err = kind == "redis" and redis_replies.error_of(self, text)
    or redis_replies.new_error(self, {
      kind = kind, message = ("Redis at %s: %s"):format(self.name, text),
      maybe_sent = maybe_run > ran,
    })
  err.ran, err.maybe_run, err.replies = ran, maybe_run, replies
  return err
end

-- Returns the replies, or nil and an error.
local function run(self, commands)
  local queue = must_wait()
  local ok, ticket, next_part = pcall(self.link.submit, self.link, commands, self.timeout, queue)
  if not ok then
    usage_error.raise("klaviyo.redis.connection: %s", tostring(ticket))
  end
  local replies, sent = {}, 0
  while true do
    local done, kind, text, count = await(ticket, replies)
    if not done then
      ticket:close()
      return nil, failure_of(self, kind, text, #replies, sent + count, replies)
    elseif not next_part then
      ticket:close()
      return replies
    end
    sent = next_part - 1
    ok, next_part = pcall(ticket.submit, ticket, commands, next_part)
    if not ok then
      ticket:close()
      usage_error.raise("klaviyo.redis.connection: %s", tostring(next_part))
    end
  end
end

--- Sends a command and waits for its reply: a string for a status or a bulk string,
--- an integer, a table for a list, `false` for nil. Words are strings and numbers.
---
--- Returns nil and an error of kind "redis" if the reply is an error; `code` is its
--- code word: "OOM", "READONLY", "NOGROUP" and so on. Other kinds are "transport",
--- "timeout" and "closed"; `maybe_sent` is then true if Redis may have run the command.
---@param ... string|number
---@return any reply
---@return klaviyo.Error|nil
function Connection:call(...)
  local replies, err = run(self, {{...}})
  if not replies then
    return nil, err
  end
  local text = M.is_error(replies[1])
  if text then
    return nil, redis_replies.error_of(self, text)
  end
  return replies[1]
end

--- Sends commands, without waiting for one reply before the next command, and
--- returns their replies in order; `connection.is_error` tells which of them are
--- errors. They are sent in parts, so that a long list needs little memory; no other
--- call of this connection is sent between the parts.
---
--- If it fails, it returns nil and an error: Redis ran the first `err.ran` commands,
--- whose replies are in `err.replies`; it may have run those after them up to number
--- `err.maybe_run`, and did not run the others.
---@param commands (string|number)[][]
---@return any[]|nil replies
---@return klaviyo.Error|nil
function Connection:pipeline(commands)
  usage_error.list("connection:pipeline", commands)
  if #commands == 0 then
    return {}
  end
  return run(self, commands)
end

--- Closes the connection: calls in progress and all later ones return an error of
--- kind "closed".
function Connection:close()
  self.link:close()
end

--- Returns a connection. Raises a usage error if the URL or an option is not valid.
---@param url string  as of the setting rate_limit_file; see docs/scale.md
---@param options? klaviyo.redis.connection.Options
---@return klaviyo.redis.Connection
function M.new(url, options)
  local values = checker.check(FIELDS, options, "redis.connection.new")
  local where = address.parse(url, "redis.connection.new")
  for name, value in pairs(values) do
    where[name] = value
  end
  return setmetatable({
    link = hiredis.connection(where), name = where.name, secret = where.password,
    sentinel_secret = where.sentinel_password, timeout = values.timeout,
  }, Connection)
end

return M
