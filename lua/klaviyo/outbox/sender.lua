--- Sends what a store holds, in batches, the oldest first. Written in direct
--- style: it waits as every call does.

local core = require "klaviyo.core"
local errors = require "klaviyo.errors"
local json = require "klaviyo.json"
local payload = require "klaviyo.outbox.payload"
local settings = require "klaviyo.settings"
local transport = require "klaviyo.transport"
local view = require "klaviyo.view"
local warning = require "klaviyo.warning"

local M = {}

-- Answers that are about what was sent, and so about some event of it.
local REFUSAL = {[400] = true, [409] = true, [413] = true, [422] = true}

-- So many events refused one by one, before any was ever taken, and without a
-- word on which: then it is not the events.
local MOST_IN_VAIN = 16

-- Rows deleted at once: what more takes would be felt by whoever waits for
-- this process.
local DELETED_AT_ONCE = 200

--- What a store says went wrong, as an error.
function M.error_of(what, why)
  return errors.new {kind = "outbox", code = what, message = "outbox: " .. why}
end

-- All events have their unique_id: no need to look for it in the body.
local function post(values, revision, body, seconds)
  values = settings.with(values, {
    revision = revision,
    deadline = seconds and math.min(values.deadline, seconds) or nil,
  })
  local seen = view.of(values)
  local op = seen:must("bulk_create_events")
  warning.of_age(values, op, seen)
  return transport.call(values, {
    method = op.method, url = core.url(values.base_url, op.path, {}, {}),
    body = body, repeatable = true,
  }, op)
end

local function drop(store, first, last)
  while first <= last do
    local ok, what, why = store:drop(first,
      math.min(first + DELETED_AT_ONCE - 1, last))
    if not ok then
      return nil, M.error_of(what, why)
    end
    first = first + DELETED_AT_ONCE
  end
  return true
end

local function refuse(pass, id, err, objects)
  local ok, what, why = pass.store:refuse(id, json.encode {
    message = err.message, status = err.status,
    errors = json.array(objects or err.errors or {}),
  })
  if not ok then
    return nil, M.error_of(what, why)
  end
  pass.counts.refused = pass.counts.refused + 1
  pass.refused = pass.refused + 1
  pass.reason = pass.reason or errors.describe(
    (objects or err.errors or {})[1] or {detail = err.message})
  return true
end

-- Sets aside the events that the errors point to. Gives whether there were
-- any; or nil and why it is no event's fault.
local function set_aside(pass, batch, err)
  local at_fault, order = {}, {}
  for _, object in ipairs(err.errors or {}) do
    local index, elsewhere = payload.pointed(object)
    if elsewhere then
      return nil, err
    elseif index and index <= batch.count then
      if not at_fault[index] then
        at_fault[index] = {}
        order[#order + 1] = index
      end
      table.insert(at_fault[index], object)
    end
  end
  table.sort(order)
  local ids = {}
  for i, index in ipairs(order) do
    local id, what, why = pass.store:nth(batch.first, batch.last, index - 1)
    if not id then
      return nil, M.error_of(what, why)
    end
    ids[i] = id
  end
  for i, id in ipairs(ids) do
    local ok, trouble = refuse(pass, id, err, at_fault[order[i]])
    if not ok then
      return nil, trouble
    end
  end
  return #ids > 0
end

-- A batch was refused: what of it is to be sent in its place goes on the
-- stack.
local function part(pass, stack, batch, err)
  local some, trouble = set_aside(pass, batch, err)
  if some == nil then
    return nil, trouble
  elseif some then
    stack[#stack + 1] = batch
  elseif batch.count > 1 then
    batch.limit = math.floor(batch.count / 2)
    stack[#stack + 1] = batch
  else
    pass.in_vain = pass.in_vain + 1
    if not pass.counts.taken and pass.in_vain > MOST_IN_VAIN then
      return nil, err
    end
    return refuse(pass, batch.first, err)
  end
  return true
end

local function send_batch(pass, stack, range)
  local body, first, last, count, revision = pass.store:read(range.first,
    range.last, range.limit, payload.bytes - #payload.after, payload.before,
    payload.after)
  if not body then
    if first == "none" then
      return true
    end
    return nil, M.error_of(first, last)
  end
  if last < range.last then
    stack[#stack + 1] = {first = last + 1, last = range.last,
      limit = range.limit}
  end
  local seconds = pass.ending and math.max(pass.ending - core.clock(), 0.001)
  local doc, err = post(pass.values, revision, body, seconds)
  if doc then
    pass.counts.taken = true
    pass.counts.sent = pass.counts.sent + count
    return drop(pass.store, first, last)
  elseif REFUSAL[err.status] and not err.maybe_sent then
    return part(pass, stack, {first = first, last = last, count = count,
      limit = range.limit}, err)
  end
  return nil, err
end

--- Sends all that a store holds by now.
---@param store userdata
---@param values klaviyo.settings  of whom it is for
---@param options {counts: table, ending: number|nil, is_over: (fun(): boolean)|nil}
---@return boolean|nil done
---@return klaviyo.error|nil err  why not all
---@return integer refused  events that were found wrong
---@return string|nil reason  of the first of them
function M.send(store, values, options)
  local newest, what, why = store:newest()
  if not newest then
    return nil, M.error_of(what, why), 0
  end
  local pass = {store = store, values = values, counts = options.counts,
    ending = options.ending, refused = 0, in_vain = 0}
  local stack = {{first = 0, last = newest, limit = payload.count}}
  local done, err = true, nil
  while #stack > 0 and done and not (options.is_over and options.is_over()) do
    done, err = send_batch(pass, stack, table.remove(stack))
  end
  if done and store:waiting() == 0 then
    store:shrink()
  end
  return done, err, pass.refused, pass.reason
end

return M
