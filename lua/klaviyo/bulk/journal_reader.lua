--- Reads the lines of a journal of a bulk import; klaviyo.bulk.journal says what they
--- are, and writes them.

local json = require "klaviyo.values.json"
local ranges = require "klaviyo.bulk.ranges"
local usage_error = require "klaviyo.util.usage_error"

local M = {}

--- The format of the lines, in the header.
M.MARK = "klaviyo 3"

local START = '{"journal":"'

--- Returns a number as an integer: a decoder may return floats.
---@param value any
---@return integer|nil
function M.whole(value)
  return type(value) == "number" and math.floor(value) or nil
end

local whole = M.whole

--- The counts of a closed chunk.
M.COUNTS = {"submitted", "completed", "failed", "skipped", "unknown"}

local function open_region(region)
  region.sends, region.failed, region.unknown = {}, {}, {}
  region.unplaced, region.unnamed = {}, {}
  return region
end

--- Returns a closed chunk, opened again for the records that failed: `only` has
--- these, `left` the counts of the others. The records are checked by the digest
--- of all, or without one by that of the rest.
---@param chunk table
---@param digest_of_all string|nil
---@return table
function M.reopened(chunk, digest_of_all)
  local left, count = {}, 0
  ranges.each(chunk.bad, function()
    count = count + 1
  end)
  for _, name in ipairs(M.COUNTS) do
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
  self.chunks[line.again] = M.reopened(self.chunks[line.again], line.digest)
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

--- Raises an error for a journal that cannot be used.
---@param path string
---@param why string
function M.refuse(path, why)
  usage_error.raise("the journal %s %s", path, why)
end

-- Returns whether a text may begin a journal: the first line is the header, of
-- which only a part may have been written.
local function is_start(text)
  return text ~= "" and START:sub(1, #text) == text:sub(1, #START)
end

local ANOTHER = "; use another journal for each"

local function check_header(path, header, identity)
  if header.journal ~= M.MARK then
    M.refuse(path, ("has the format of another version (%s, not %s): finish the "
      .. "import with that version, or remove the journal to begin a new one")
      :format(tostring(header.journal), M.MARK))
  elseif header.kind ~= identity.kind then
    M.refuse(path, ('belongs to another import: to "%s", not to "%s"%s'):format(
      tostring(header.kind), identity.kind, ANOTHER))
  elseif header.service ~= identity.service then
    M.refuse(path, ("belongs to another service: to %s, not to %s%s"):format(
      tostring(header.service), identity.service, ANOTHER))
  elseif header.account ~= identity.account then
    M.refuse(path, "belongs to another account: to another API key or another "
      .. "setting rate_limit_key" .. ANOTHER)
  elseif header.into ~= identity.into then
    M.refuse(path, "belongs to another import: to another list or to other "
      .. "options" .. ANOTHER)
  end
end

--- Reads a journal into `chunks`, `ending` and `seed` of the object. Raises if the file
--- is not a journal, or if it belongs to another import.
---@param self klaviyo.Journal
---@param path string
---@param identity table  see klaviyo.bulk.journal
---@return boolean found  whether there was a header
---@return boolean torn  whether the last line is incomplete
function M.load(self, path, identity)
  local file = io.open(path, "rb")
  if not file then
    return false, false
  end
  -- a file that is not a journal, or a device, may have an endless line
  local start, why = file:read(#START)
  if why or start and not is_start(start:match("^[^\n]*")) then
    file:close()
    M.refuse(path, why and "cannot be read: " .. why
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
          M.refuse(path, "is damaged: " .. text:sub(1, 80))
        end
      end
    elseif line and line.journal then
      check_header(path, line, identity)
      header, self.seed = line, line.seed
    elseif not is_start(text) then
      file:close()
      M.refuse(path, "is not a journal: the file has another format")
    end
  end
  if file:seek("end") > 0 then
    file:seek("end", -1)
    torn = file:read(1) ~= "\n"
  end
  file:close()
  return header ~= nil, torn
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
