--- Sends the events of a store in batches, the oldest first. Written in direct
--- style: it waits as every call does.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local payload = require "klaviyo.outbox.payload"
local progress = require "klaviyo.outbox.progress"
local settings = require "klaviyo.settings"
local splitter = require "klaviyo.bulk.splitter"
local tables = require "klaviyo.util.tables"
local transport = require "klaviyo.transport.transport"
local apis = require "klaviyo.operations.api"
local revision_warning = require "klaviyo.operations.revision_warning"

local M = {}

-- Statuses of errors that do not depend on the events of the request.
local ABOUT_ALL = {[401] = true, [404] = true, [405] = true, [407] = true,
  [410] = true, [429] = true}

local METRIC = "klaviyo_events_total"

-- A batch is split after this number of failures.
local MAX_FAILURES = 3

-- Maximum of the parts of a split batch that fail in a row. Beyond that the
-- events are not the cause. It takes 10 to find one of a thousand.
local MAX_FAILED_PARTS = 12

--- Returns an error for what a store reports.
function M.error_of(what, why)
  return errors.new {kind = "outbox", code = what, message = "outbox: " .. why}
end

-- Posts a batch. All events have a unique_id, so the request is repeatable.
local function post(flush, revision, body, retries)
  local seconds = flush.ending and math.max(flush.ending - core.clock(), 0.001)
  local values = settings.with(flush.values, {
    revision = revision, retries = retries,
    deadline = seconds and math.min(flush.values.deadline, seconds) or nil,
  })
  local api = apis.of(values)
  local op = api:get("bulk_create_events")
  revision_warning.check(values, op, api)
  return transport.call(values, {
    method = op.method, url = core.url(values.base_url, op.path, {}, {}),
    body = body, repeatable = true, revision = op.revision,
  }, op)
end

-- Returns whether an event may be the cause of a failure that is not a rejection.
local function may_be_an_event(flush, err)
  if flush.ending and core.clock() >= flush.ending then
    return false
  elseif not err.status then
    return err.maybe_sent
  end
  return err.status >= 500
    or err.kind ~= "api" and not ABOUT_ALL[err.status]
end

--- Writes what is known about the events into their file.
---@return boolean|nil ok, klaviyo.Error|nil err
function M.write(flush)
  local ok, what, why = progress.write(flush.store, function()
    flush.counts.rejected = flush.counts.rejected + 1
    counters.add(METRIC, "rejected")
  end)
  if not ok then
    return nil, M.error_of(what, why)
  end
  flush.unwritten = flush.unwritten or what and M.error_of(what, why)
  return true
end

local function reject(flush, id, err, objects)
  progress.reject(flush.store, id, json.encode {
    message = objects and errors.summary(err.status, objects) or err.message,
    status = err.status,
    errors = json.array(objects or err.errors or {}),
  })
  flush.rejected = flush.rejected + 1
  flush.reason = flush.reason or errors.describe(
    (objects or err.errors or {})[1] or {detail = err.message})
end

-- Rejects the suspects: events that were rejected alone, without a pointer. The
-- service accepts others, so they are the cause.
local function reject_suspects(flush)
  for _, suspect in ipairs(flush.suspects) do
    reject(flush, suspect.id, suspect.err)
  end
  flush.suspects = {}
  return M.write(flush)
end

-- Pushes those events of a batch that are still to be sent, in smaller batches.
local function push(flush, stack, batch, limit, is_part)
  local ranges = progress.ranges(flush.store, batch.first, batch.last)
  for i = #ranges, 1, -1 do
    ranges[i].limit, ranges[i].is_part = limit, is_part
    stack[#stack + 1] = ranges[i]
  end
end

-- Rejects the events at fault, the first of the batch first.
local function reject_pointed(flush, batch, err, at_fault)
  local ids = {}
  local order = tables.sorted(at_fault)
  for i, index in ipairs(order) do
    local id, what, why = flush.store:nth(batch.first, batch.last, index - 1)
    if not id then
      return nil, M.error_of(what, why)
    end
    ids[i] = id
  end
  for i, index in ipairs(order) do
    reject(flush, ids[i], err, at_fault[index])
  end
  return true
end

local function on_rejection(flush, stack, batch, err)
  local what, at_fault = flush.splitter:rejected(err, batch.count, payload.pointed)
  if what == "reject" then
    local ok, failure = reject_pointed(flush, batch, err, at_fault)
    if not ok then
      return nil, failure
    end
    push(flush, stack, batch, batch.limit, batch.is_part)
    return M.write(flush)
  elseif what == "split" then
    push(flush, stack, batch, splitter.half(batch.count), batch.is_part)
    return true
  elseif what == "suspect" then
    table.insert(flush.suspects, {id = batch.first, err = err})
    return true
  end
  return nil, err
end

-- A batch that fails repeatedly is split, so that the other events are sent; a
-- single event that fails is postponed.
local function on_failure(flush, stack, batch, err)
  flush.err = err
  if not may_be_an_event(flush, err) then
    return nil, err
  elseif not batch.is_part and err.status ~= 413
      and progress.count_failure(flush.store, batch.first) < MAX_FAILURES then
    return nil, err
  end
  flush.failed_parts = flush.failed_parts + 1
  if batch.count > 1 then
    push(flush, stack, batch, splitter.half(batch.count), true)
  else
    progress.postpone(flush.store, batch.first, err)
  end
  if flush.failed_parts > MAX_FAILED_PARTS then
    progress.forget_failures(flush.store)
    return nil, err
  end
  return true
end

local function on_success(flush, batch)
  flush.failed_parts, flush.succeeded = 0, true
  flush.splitter:accepted()
  flush.counts.sent = flush.counts.sent + batch.count
  counters.add(METRIC, "sent", batch.count)
  progress.deliver(flush.store, batch)
  return reject_suspects(flush)
end

local function send_batch(flush, stack, range)
  local body, first, last, count, revision = flush.store:read(range.first,
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
      limit = range.limit, is_part = range.is_part}
  end
  local batch = {first = first, last = last, count = count,
    limit = range.limit, is_part = range.is_part}
  -- a part is sent without retries: its failure shows where to search next
  local doc, err = post(flush, revision, body, range.is_part and 0 or nil)
  if doc then
    return on_success(flush, batch)
  elseif splitter.is_rejection(err) then
    return on_rejection(flush, stack, batch, err)
  end
  return on_failure(flush, stack, batch, err)
end

--- Returns the state of a flush over some stores.
---@param values klaviyo.Settings  of whom they are for
---@param options {counts: table, ending: number|nil, is_over: (fun(): boolean)|nil}
---@return table flush  `rejected`: how many events were rejected, `reason`: that
---  of the first; `succeeded`; `err`: the last failure; `unwritten`: why
---  what was sent could not be deleted
function M.new_flush(values, options)
  return {values = values, counts = options.counts, ending = options.ending,
    is_over = options.is_over or function() return false end,
    rejected = 0, reason = nil, suspects = {}, splitter = nil,
    failed_parts = 0, succeeded = false, err = nil, unwritten = nil, store = nil}
end

--- Sends all events of a store (a file, or what was taken from a stream); those that failed before come last.
---@param flush table
---@param store userdata|klaviyo.outbox.Taken
---@return boolean|nil done  whether all events were tried
---@return klaviyo.Error|nil err  why not
function M.send(flush, store)
  flush.store, flush.suspects, flush.splitter = store, {}, splitter.new()
  local newest, what, why = store:newest()
  if not newest then
    return nil, M.error_of(what, why)
  end
  local done, err = M.write(flush)
  local stack = {}
  for _, id in ipairs(progress.due(store)) do
    stack[#stack + 1] = {first = id, last = id, limit = 1, is_part = true}
  end
  push(flush, stack, {first = 0, last = newest}, payload.count)
  while #stack > 0 and done and not flush.is_over() do
    done, err = send_batch(flush, stack, table.remove(stack))
  end
  if done and #stack == 0 then
    done, err = reject_suspects(flush)
  end
  if done and store:waiting() == 0 then
    store:shrink()
  end
  return done, err
end

return M
