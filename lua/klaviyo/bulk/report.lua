--- The report of an import: counts, failures, progress.

local journal_file = require "klaviyo.bulk.journal"
local json = require "klaviyo.values.json"
local scheduler = require "klaviyo.tasks.scheduler"

local M = {}

local NAMES = {"submitted", "completed", "failed", "skipped", "unknown"}

-- Maximum of the failures that are kept in memory, with the caller's own
-- records. The others go as JSON to the journal or to a temporary file; if
-- neither can be written, they are kept in memory as well.
local MAX_KEPT = 1000

---@class klaviyo.BulkResult
---@field submitted integer  records that the service accepted
---@field completed integer  records that the service processed (without a job to read: that it accepted)
---@field failed integer  records that the service or this library rejected
---@field skipped integer  records that the service did not need to change
---@field unknown integer  records that the service may or may not have processed
---@field resumed integer  how many of these a former run finished
---@field total integer|nil  records in the source, once known
---@field elapsed number  seconds
---@field progress_error any|nil  what the progress function raised
local Report = {}
Report.__index = Report

---@param options {total: integer|nil, progress: function|nil, journal: klaviyo.Journal|nil, now: fun(): number}
function M.new(options)
  local self = setmetatable({
    counts = {}, kept = {}, kept_at = {}, late = {}, options = options,
    resumed = 0, spilled_to = 0,
    total = options.total, began = options.now(),
  }, Report)
  for _, name in ipairs(NAMES) do
    self.counts[name] = 0
  end
  return self
end

--- Returns the first counts of a chunk: zeros, or those that are left of it.
---@param left table<string, integer>|nil
function M.counts(left)
  local counts = {}
  for _, name in ipairs(NAMES) do
    counts[name] = left and left[name] or 0
  end
  return counts
end

local function finished(counts)
  return counts.completed + counts.failed + counts.skipped + counts.unknown
end

--- Adds the counts that a former run finished.
function Report:resume(counts)
  for _, name in ipairs(NAMES) do
    self.counts[name] = self.counts[name]
      + math.floor(tonumber(counts[name]) or 0)
  end
  self.resumed = finished(self.counts)
end

--- Adds a number to a count of the import and to that of a chunk.
function Report:add(chunk, name, number)
  self.counts[name] = self.counts[name] + number
  chunk.counts[name] = chunk.counts[name] + number
end

local function spill(self, failure)
  if self.spilled == nil then
    self.spilled = io.tmpfile() or false
    if self.spilled then
      self.spilled:setvbuf("no")  -- a write that fails must be noticed at once
    end
  end
  if not self.spilled or self.is_full then
    return false
  end
  local copy = {position = failure.position, errors = failure.errors,
    job = failure.job, count = failure.count, record = failure.record}
  local ok, text = pcall(json.encode, copy)
  if not ok then
    copy.record = nil
    text = json.encode(copy)
  end
  self.spilled:seek("set", self.spilled_to)
  if self.spilled:write(text .. "\n") then
    self.spilled_to = self.spilled:seek()
    return true
  end
  self.is_full = true
  return false
end

--- Adds a failure.
function Report:fail(chunk, failure)
  local journal = self.options.journal
  if journal then
    journal:failure(chunk.id, failure)
  end
  if #self.kept < MAX_KEPT then
    self.kept[#self.kept + 1] = failure
    self.kept_at[failure.position or 0] = failure
  elseif not journal and not spill(self, failure) then
    self.late[#self.late + 1] = failure
  end
  if failure.position then
    chunk.failed[failure.position] = failure.job and "submitted" or "rejected"
  end
  self:add(chunk, "failed", failure.count or 1)
end

--- Counts a record that failed in a former run.
---@param how "submitted"|"rejected"  whether the service had accepted it
function Report:failed_before(chunk, position, how)
  chunk.failed[position] = how
  self:add(chunk, "failed", 1)
end

local function numbers(self)
  local elapsed = self.options.now() - self.began
  local done = finished(self.counts)
  local fresh = done - self.resumed
  local rate = elapsed > 0 and fresh / elapsed or 0
  local all = {
    total = self.total, elapsed = elapsed, resumed = self.resumed,
    done = done, rate = rate,
    left = self.total and rate > 0 and (self.total - done) / rate or nil,
  }
  for _, name in ipairs(NAMES) do
    all[name] = self.counts[name]
  end
  return all
end

--- Calls the progress function. One that raises is not called again: its error
--- goes into the result, and the import goes on.
function Report:notify()
  local progress = self.options.progress
  if not progress or self.progress_error ~= nil then
    return
  end
  local now = numbers(self)
  if now.done + now.submitted == self.notified then
    return
  end
  self.notified = now.done + now.submitted
  local ok, why = pcall(progress, now)
  if not ok and scheduler.is_interrupt(why) then
    error(why, 0)
  elseif not ok then
    self.progress_error = why == nil and "nil" or why
  end
end

-- Iterates over the failures in memory, then those in the temporary file, then
-- those that the file could not take.
local function from_memory(self)
  local at, late, offset = 0, 0, 0
  return function()
    if at < #self.kept then
      at = at + 1
      return self.kept[at]
    elseif offset >= self.spilled_to then
      late = late + 1
      return self.late[late]
    end
    self.spilled:seek("set", offset)
    local failure = json.decode(self.spilled:read("*l"))
    offset = self.spilled:seek()
    failure.position = failure.position and math.floor(failure.position)
    return failure
  end
end

-- Iterates over the failures of all runs; the first ones of this run come with
-- the caller's own records.
local function from_journal(self)
  local next_failure = journal_file.failures(self.options.journal.path)
  return function()
    local failure = next_failure()
    return failure and (failure.position
      and self.kept_at[failure.position] or failure)
  end
end

-- The metatable of a result.
local Result = {__name = "klaviyo.BulkResult"}

function Result:__tostring()
  local counts = {}
  for i, name in ipairs(NAMES) do
    counts[i] = ("%s %d"):format(name, self[name])
  end
  return ("klaviyo import: %s, in %.1f s"):format(table.concat(counts, ", "),
    self.elapsed)
end

--- Returns the result.
---@return klaviyo.BulkResult
function Report:result()
  local result = numbers(self)
  result.progress_error = self.progress_error
  result.done, result.left = nil, nil
  --- Iterates over the failures: {position=, record=, errors=, job=}. If the
  --- service does not name the records, there is no position, but a `count`.
  function result.failures()
    return self.options.journal and from_journal(self) or from_memory(self)
  end
  return setmetatable(result, Result)
end

return M
