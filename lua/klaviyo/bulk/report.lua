--- What became of the records of an import: counts, failures, progress.

local journal_file = require "klaviyo.bulk.journal"
local json = require "klaviyo.values.json"
local scheduler = require "klaviyo.tasks.scheduler"

local M = {}

local NAMES = {"submitted", "completed", "failed", "skipped", "unknown"}

-- So many failures are kept as they are, with the caller's own records; the
-- others go to the journal, or to a temporary file, as JSON; where neither can
-- be, they are kept as well.
local MAX_KEPT = 1000

---@class klaviyo.BulkResult
---@field submitted integer  records that the service took
---@field completed integer  records that it worked off (where there is no job to ask, those it took)
---@field failed integer  records that were refused, here or there
---@field skipped integer  records that it had no work with
---@field unknown integer  records that may or may not have been worked off
---@field resumed integer  how many of these a former run had settled
---@field total integer|nil  records in the source, once known
---@field elapsed number  seconds
---@field progress_error any|nil  what the progress function raised
local Tally = {}
Tally.__index = Tally

---@param options {total: integer|nil, progress: function|nil, journal: klaviyo.Journal|nil, now: fun(): number}
function M.new(options)
  local self = setmetatable({
    counts = {}, kept = {}, kept_at = {}, late = {}, options = options,
    resumed = 0, spilled_to = 0,
    total = options.total, began = options.now(),
  }, Tally)
  for _, name in ipairs(NAMES) do
    self.counts[name] = 0
  end
  return self
end

--- Counts that a chunk begins with: none, or those that are left of it.
---@param left table<string, integer>|nil
function M.counts(left)
  local counts = {}
  for _, name in ipairs(NAMES) do
    counts[name] = left and left[name] or 0
  end
  return counts
end

local function settled(counts)
  return counts.completed + counts.failed + counts.skipped + counts.unknown
end

--- What a former run had settled.
function Tally:resume(counts)
  for _, name in ipairs(NAMES) do
    self.counts[name] = self.counts[name]
      + math.floor(tonumber(counts[name]) or 0)
  end
  self.resumed = settled(self.counts)
end

--- Adds to a count, and to that of a chunk.
function Tally:add(chunk, name, number)
  self.counts[name] = self.counts[name] + number
  chunk.counts[name] = chunk.counts[name] + number
end

local function spill(self, failure)
  if self.spilled == nil then
    self.spilled = io.tmpfile() or false
    if self.spilled then
      self.spilled:setvbuf("no")  -- what is not written is to be known
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

--- A record failed.
function Tally:fail(chunk, failure)
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
    chunk.failed[failure.position] = failure.job and "submitted" or "refused"
  end
  self:add(chunk, "failed", failure.count or 1)
end

--- Counts a record that failed in a former run.
---@param how "submitted"|"refused"  whether the service had taken it
function Tally:failed_before(chunk, position, how)
  chunk.failed[position] = how
  self:add(chunk, "failed", 1)
end

local function numbers(self)
  local elapsed = self.options.now() - self.began
  local done = settled(self.counts)
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

--- Tells how far it is. A progress function that raises is not called again,
--- and told of in the result: no record is lost for it.
function Tally:report()
  local progress = self.options.progress
  if not progress or self.progress_error ~= nil then
    return
  end
  local now = numbers(self)
  if now.done + now.submitted == self.told then
    return
  end
  self.told = now.done + now.submitted
  local ok, why = pcall(progress, now)
  if not ok and scheduler.is_interrupt(why) then
    error(why, 0)
  elseif not ok then
    self.progress_error = why == nil and "nil" or why
  end
end

-- Those in a temporary file, after those in memory, before those that the file
-- did not take.
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

-- Those of all runs; of this run the first ones with the caller's own records.
local function from_journal(self)
  local next_failure = journal_file.failures(self.options.journal.path)
  return function()
    local failure = next_failure()
    return failure and (failure.position
      and self.kept_at[failure.position] or failure)
  end
end

-- How a result prints.
local Result = {__name = "klaviyo.BulkResult"}

function Result:__tostring()
  local counts = {}
  for i, name in ipairs(NAMES) do
    counts[i] = ("%s %d"):format(name, self[name])
  end
  return ("klaviyo import: %s, in %.1f s"):format(table.concat(counts, ", "),
    self.elapsed)
end

--- The result.
---@return klaviyo.BulkResult
function Tally:result()
  local result = numbers(self)
  result.progress_error = self.progress_error
  result.done, result.left = nil, nil
  --- All that failed: {position=, record=, errors=, job=}; without a
  --- position where the service does not tell which, `count` of them.
  function result.failures()
    return self.options.journal and from_journal(self) or from_memory(self)
  end
  return setmetatable(result, Result)
end

return M
