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
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"
local ranges = require "klaviyo.bulk.ranges"

local digest = lazy_require "klaviyo.digest"

local M = {}

local MARK = "klaviyo 3"
local START = '{"journal":"'

---@class klaviyo.Journal
---@field seed string
---@field regions table[]  chunks, in order of position; see chunks.lua
---@field ending integer|nil  number of records in the source, once known
---@field fresh boolean  whether the journal was empty
local Journal = {}
Journal.__index = Journal

-- Returns a number as an integer: a decoder may return floats.
local function whole(value)
  return type(value) == "number" and math.floor(value) or nil
end

-- Reading ---------------------------------------------------------------------

local COUNTS = {"submitted", "completed", "failed", "skipped", "unknown"}

local function open_region(region)
  region.sends, region.failed, region.unknown = {}, {}, {}
  region.unplaced, region.unnamed = {}, {}
  return region
end

-- Returns a closed chunk, opened again for the records that failed: `only` has
-- these, `left` the counts of the others. The records are checked by the digest
-- of all, or without one by that of the rest.
local function reopened(chunk, digest_of_all)
  local left, count = {}, 0
  ranges.each(chunk.bad, function()
    count = count + 1
  end)
  for _, name in ipairs(COUNTS) do
    left[name] = whole(chunk.counts[name])
  end
  left.failed = left.failed - count
  left.submitted = left.submitted - chunk.resubmit
  return open_region {
    id = chunk.id, from = chunk.from, to = chunk.to, digest = digest_of_all,
    only = chunk.bad, rest = chunk.rest, left = left,
  }
end

local READ = {}

function READ.chunk(self, line)
  if line.send then
    local chunk = self.chunks[line.chunk]
    chunk.sends[line.send] = {at = line.at}
    self.sends[line.send] = chunk
    self.last_send = math.max(self.last_send, whole(line.send))
  elseif line.failed ~= nil then
    local chunk = self.chunks[line.chunk]
    if line.failed then
      chunk.failed[line.failed] = line.job and "submitted" or "rejected"
    elseif line.count then
      chunk.unnamed[line.job] = true
    else
      chunk.unplaced[line.job] = (chunk.unplaced[line.job] or 0) + 1
    end
  elseif line.unknown then
    local unknown = self.chunks[line.chunk].unknown
    ranges.each(line.unknown, function(position)
      unknown[position] = true
    end)
  else
    local id = whole(line.chunk)
    self.chunks[id] = open_region {id = id, from = whole(line.from),
      to = whole(line.to), digest = line.digest}
    self.last_chunk = math.max(self.last_chunk, id)
  end
end

function READ.accepted(self, line)
  local chunk = self.sends[line.accepted]
  local send = chunk.sends[line.accepted]
  send.accepted, send.job = true, line.job
end

function READ.rejected(self, line)
  self.sends[line.rejected].sends[line.rejected] = nil
end

function READ.closed(self, line)
  local chunk = self.chunks[line.closed]
  for number in pairs(chunk.sends) do
    self.sends[number] = nil
  end
  -- Of a closed chunk only the numbers are kept.
  self.chunks[line.closed] = {
    id = chunk.id, from = chunk.from, to = chunk.to, digest = chunk.digest,
    closed = true, counts = line, bad = line.bad, rest = line.rest,
    resubmit = whole(line.resubmit),
  }
end

function READ.again(self, line)
  self.chunks[line.again] = reopened(self.chunks[line.again], line.digest)
end

READ["end"] = function(self, line)
  self.ending = whole(line["end"])
end

local ORDER = {"closed", "again", "accepted", "rejected", "end", "chunk"}

local function read_line(self, line)
  for _, name in ipairs(ORDER) do
    if line[name] ~= nil then
      READ[name](self, line)
      return
    end
  end
end

local function refuse(path, why)
  usage_error.raise("the journal %s %s", path, why)
end

-- Returns whether a text may begin a journal: the first line is the header, of
-- which only a part may have been written.
local function is_start(text)
  return text ~= "" and START:sub(1, #text) == text:sub(1, #START)
end

local ANOTHER = "; use another journal for each"

local function check_header(path, header, identity)
  if header.journal ~= MARK then
    refuse(path, ("has the format of another version (%s, not %s): finish the "
      .. "import with that version, or remove the journal to begin a new one")
      :format(tostring(header.journal), MARK))
  elseif header.kind ~= identity.kind then
    refuse(path, ('belongs to another import: to "%s", not to "%s"%s'):format(
      tostring(header.kind), identity.kind, ANOTHER))
  elseif header.service ~= identity.service then
    refuse(path, ("belongs to another service: to %s, not to %s%s"):format(
      tostring(header.service), identity.service, ANOTHER))
  elseif header.account ~= identity.account then
    refuse(path, "belongs to another account: to another API key or another "
      .. "setting rate_limit_key" .. ANOTHER)
  elseif header.into ~= identity.into then
    refuse(path, "belongs to another import: to another list or to other "
      .. "options" .. ANOTHER)
  end
end

-- Returns whether there was a header, and whether the last line is incomplete.
local function load(self, path, identity)
  local file = io.open(path, "rb")
  if not file then
    return false, false
  end
  -- a file that is not a journal, or a device, may have an endless line
  local start, why = file:read(#START)
  if why or start and not is_start(start:match("^[^\n]*")) then
    file:close()
    refuse(path, why and "cannot be read: " .. why
      or "is not a journal: the file has another format")
  end
  file:seek("set")
  local header, torn = nil, false
  for text in file:lines() do
    local line = json.decode(text)
    line = type(line) == "table" and line or nil
    if header then
      if line then
        local ok = pcall(read_line, self, line)
        if not ok then
          file:close()
          refuse(path, "is damaged: " .. text:sub(1, 80))
        end
      end
    elseif line and line.journal then
      check_header(path, line, identity)
      header, self.seed = line, line.seed
    elseif not is_start(text) then
      file:close()
      refuse(path, "is not a journal: the file has another format")
    end
  end
  if file:seek("end") > 0 then
    file:seek("end", -1)
    torn = file:read(1) ~= "\n"
  end
  file:close()
  return header ~= nil, torn
end

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
      self.regions[i] = reopened(region)
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
  local found, torn = load(self, path, identity)
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
    self:write {journal = MARK, kind = identity.kind,
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
  for _, name in ipairs(COUNTS) do
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

-- Returns the line at which each chunk was last opened again.
local function last_openings(path)
  local opened, number = {}, 0
  for text in io.lines(path) do
    number = number + 1
    local line = text:find('"again":', 1, true) and json.decode(text)
    if type(line) == "table" and line.again then
      opened[line.again] = number
    end
  end
  return opened
end

--- Iterates over the failures in a journal, the oldest first, without those of
--- records that were sent again.
---@param path string
---@return fun(): table|nil
function M.failures(path)
  local opened, number = last_openings(path), 0
  local file = assert(io.open(path, "rb"))
  return function()
    while file do
      local text = file:read("*l")
      if not text then
        file:close()
        file = nil
        return nil
      end
      number = number + 1
      local line = text:find('"failed":', 1, true) and json.decode(text)
      if type(line) == "table" and line.chunk and line.failed ~= nil
          and not (line.failed and number < (opened[line.chunk] or 0)) then
        return {position = whole(line.failed), record = line.record,
          errors = line.errors, job = line.job,
          count = whole(line.count)}
      end
    end
  end
end

return M
