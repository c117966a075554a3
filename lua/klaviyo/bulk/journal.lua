--- The journal of a bulk import: a file in which each step is recorded before
--- and after it is done, so that an import that was killed can be continued.
---
--- Each entry is one line of JSON, which is flushed to the system at once: it
--- survives if the process is killed (not if the machine fails). An incomplete
--- last line is ignored. The lines:
---
---   {"journal":"klaviyo 3","kind":…,"service":…,"account":…,"into":…,"seed":…}
---   {"chunk":1,"from":1,"to":10000,"digest":…} a chunk begins; `digest` of its records
---   {"send":1,"chunk":1,"at":"1-16,18-10000"}  these positions are sent
---   {"accepted":1,"job":…} or {"rejected":1}   the result of that request
---   {"failed":17,"chunk":1,"errors":[…],"record":…}
---   {"unknown":"1-100","chunk":1}
---   {"closed":1,"submitted":…,"completed":…,"failed":…,"skipped":…,
---    "unknown":…,"bad":"17","resubmit":0,"rest":…}
---                                              `bad` failed, `resubmit` of them
---                                              were accepted; digest of the rest
---   {"again":1,"digest":…}                     those of `bad` are sent again
---   {"end":400000}                             number of records in the source
---
--- A journal is finished when the end is known and all chunks are closed.

local core = require "klaviyo.core"
local journal_reader = require "klaviyo.bulk.journal_reader"
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"
local ranges = require "klaviyo.bulk.ranges"

local digest = lazy_require "klaviyo.digest"

local M = {failures = journal_reader.failures}

local refuse, whole = journal_reader.refuse, journal_reader.whole

---@class klaviyo.Journal
---@field seed string
---@field regions table[]  chunks, in order of position; see chunks.lua
---@field ending integer|nil  number of records in the source, once known
---@field fresh boolean  whether the journal was empty
local Journal = {}
Journal.__index = Journal

local function in_order(chunks)
  local list = {}
  for _, chunk in pairs(chunks) do
    list[#list + 1] = chunk
  end
  table.sort(list, function(a, b)
    return a.from < b.from
  end)
  return list
end

-- Locks the journal: two imports at a time would send everything twice.
local function acquire(path)
  local held, why = core.file_lock(path)
  if not held and not why then
    collectgarbage()  -- an import that an error ended may hold the lock
    collectgarbage()
    held, why = core.file_lock(path)
  end
  if not held then
    refuse(path, why and "cannot be written: " .. why
      or "is in use: another import is running with it")
  end
  return held
end

local function is_finished(self)
  local at = 0
  for _, region in ipairs(self.regions) do
    if not region.closed or region.from ~= at + 1 then
      return false
    end
    at = region.to
  end
  return at == self.ending
end

local function total(regions, name)
  local sum = 0
  for _, region in ipairs(regions) do
    sum = sum + whole(region.counts[name])
  end
  return sum
end

local function refuse_finished(self)
  refuse(self.path, ("belongs to an import that is finished: %d completed, %d "
    .. "failed; nothing would be sent. Remove it to begin a new import, or set "
    .. 'journal = {path = %q, finished = "restart"} ("continue": send the '
    .. 'records added at the end; "retry": and those that failed)'):format(
    total(self.regions, "completed"), total(self.regions, "failed"),
    self.path))
end

-- Opens the chunks that have failed records again.
local function retry(self)
  for i, region in ipairs(self.regions) do
    if region.closed and region.bad then
      self.regions[i] = journal_reader.reopened(region)
    end
  end
end

local function restart(self, seed)
  self.regions, self.ending, self.seed = {}, nil, seed
  self.last_chunk, self.last_send = 0, 0
end

--- Opens or creates a journal. Raises if the file is not a journal, if it belongs
--- to another import, or if that import is finished and `finished` is "refuse".
---@param path string
---@param identity {kind: string, service: string, account: string, into: string, seed: string}
---@param finished "refuse"|"restart"|"continue"|"retry"|nil
---@return klaviyo.Journal
function M.open(path, identity, finished)
  local self = setmetatable({
    path = path, seed = identity.seed, chunks = {}, sends = {},
    last_chunk = 0, last_send = 0, held = acquire(path),
  }, Journal)
  local found, torn = journal_reader.load(self, path, identity)
  self.regions = in_order(self.chunks)
  self.chunks, self.sends = nil, nil
  local restarted = found and finished == "restart" and is_finished(self)
  if restarted then
    restart(self, identity.seed)
  elseif finished == "retry" then
    retry(self)
  elseif found and finished ~= "continue" and is_finished(self) then
    refuse_finished(self)
  end
  self.fresh = not found or restarted
  -- a journal contains records: e-mail addresses, phone numbers
  local private, reason = self.held:restrict()
  if not private then
    refuse(path, "can be read by other users, and its mode cannot be changed: "
      .. reason)
  end
  local file, why = io.open(path, restarted and "wb" or "ab")
  if not file then
    refuse(path, "cannot be written: " .. tostring(why))
  end
  self.file = file
  if torn and not restarted then
    file:write("\n")
  end
  if self.fresh then
    self:write {journal = journal_reader.MARK, kind = identity.kind,
      service = identity.service, account = identity.account,
      into = identity.into, seed = identity.seed}
  end
  return self
end

-- Writing ---------------------------------------------------------------------

--- Writes a line. Raises if that fails: a step that is not in the journal must
--- not be done.
function Journal:write(line)
  local text = json.encode(line)
  if line.journal then  -- it comes first: the start identifies the file
    local mark = json.encode {journal = line.journal}
    line.journal = nil
    text = mark:sub(1, -2) .. "," .. json.encode(line):sub(2)
  end
  local ok, why = self.file:write(text, "\n")
  if ok then
    ok, why = self.file:flush()
  end
  if not ok then
    error(("the journal %s cannot be written: %s"):format(self.path,
      tostring(why)), 0)
  end
end

if type(jit) == "table" then
  jit.off(Journal.write)  -- compiled code does not notice a flush that failed
end

--- Returns the digest of a chunk, made from those of its records, without those
--- whose positions are in `without`.
---@param chunk {from: integer, sums: string[]}
---@param without table<integer, any>|nil  by position
---@return string
local function digest_of(chunk, without)
  local sums = chunk.sums
  if without then
    sums = {}
    for i, sum in ipairs(chunk.sums) do
      if without[chunk.from + i - 1] == nil then
        sums[#sums + 1] = sum
      end
    end
  end
  return digest.sha256(table.concat(sums)):sub(1, 32)
end

local function other_source(self, region, more)
  usage_error.raise("the journal %s belongs to another source: some of the records "
    .. "%d to %d are not those that it was begun with%s", self.path, region.from,
    region.to, more or ". Continue with the same records, or use a new journal "
    .. "for a new import")
end

--- Raises if the records of a chunk are not those that a former run began.
---@param region table
---@param sums string[]  the digest of each record
function Journal:check(region, sums)
  local chunk, bad = {from = region.from, sums = sums}, nil
  if region.bad or region.only then
    bad = {}
    ranges.each(region.bad or region.only, function(position)
      bad[position] = true
    end)
  end
  if region.digest and region.digest == digest_of(chunk) then
    return
  end
  local rest_is_same = bad and region.rest == digest_of(chunk, bad)
  if region.digest and rest_is_same and region.closed then
    other_source(self, region, (": they failed, and have been changed since "
      .. '(%s). To send those that failed again, set journal = {path = %q, '
      .. 'finished = "retry"}'):format(region.bad, self.path))
  elseif region.digest or not rest_is_same then
    other_source(self, region)
  end
end

--- Records a new chunk, and returns its number.
---@return integer
function Journal:begin_chunk(chunk)
  self.last_chunk = self.last_chunk + 1
  self:write {chunk = self.last_chunk, from = chunk.from, to = chunk.to,
    digest = digest_of(chunk)}
  return self.last_chunk
end

--- Records that the failed records of a chunk are sent again.
function Journal:reopen_chunk(chunk)
  self:write {again = chunk.region.id, digest = digest_of(chunk)}
end

--- Records that a request is sent, and returns its number.
---@return integer
function Journal:send(id, positions)
  self.last_send = self.last_send + 1
  self:write {send = self.last_send, chunk = id, at = ranges.text(positions)}
  return self.last_send
end

--- Records that the service accepted a request.
function Journal:accepted(number, job)
  self:write {accepted = number, job = job}
end

--- Records that a request had no effect.
function Journal:rejected(number)
  self:write {rejected = number}
end

--- Records a failure. If JSON cannot hold the record, it is left out.
function Journal:failure(id, failure)
  local line = {failed = failure.position or false, chunk = id,
    job = failure.job, count = failure.count, errors = failure.errors,
    record = failure.record}
  local ok = pcall(json.encode, line)
  if not ok then
    line.record = nil
  end
  self:write(line)
end

--- Records that the service may or may not have processed some records.
function Journal:unknown(id, positions)
  self:write {unknown = ranges.text(positions), chunk = id}
end

--- Records that a chunk is finished. `chunk.failed` has the positions that
--- failed, with "submitted" or "rejected".
function Journal:close_chunk(chunk)
  local line = {closed = chunk.id}
  for _, name in ipairs(journal_reader.COUNTS) do
    line[name] = chunk.counts[name]
  end
  if next(chunk.failed) then
    line.bad = ranges.text(tables.sorted(chunk.failed))
    line.rest, line.resubmit = digest_of(chunk, chunk.failed), 0
    for _, how in pairs(chunk.failed) do
      line.resubmit = line.resubmit + (how == "submitted" and 1 or 0)
    end
  end
  self:write(line)
end

--- Records the number of records in the source.
function Journal:finish(count)
  if self.ending ~= count then
    self.ending = count
    self:write {["end"] = count}
  end
end

--- Closes the file and releases its lock.
function Journal:close()
  if self.file then
    self.file:close()
    self.file = nil
    self.held:release()
  end
end

return M
