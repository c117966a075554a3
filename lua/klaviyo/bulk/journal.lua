--- The journal of a bulk import: a file in which everything is told before
--- and after it is done, so that an import that was killed can go on.
---
--- One line of JSON for each thing, handed to the system at once: what was
--- written survives the death of the process (not that of the machine). A
--- last line that is torn is passed over. The lines:
---
---   {"journal":"klaviyo 1","kind":…,"into":…,"seed":…}
---   {"chunk":1,"from":1,"to":10000,"head":…}   cut, `head` of its first record
---   {"send":1,"chunk":1,"at":"1-16,18-10000"}  these positions go out
---   {"took":1,"job":…} or {"refused":1}        and what came of it
---   {"failed":17,"chunk":1,"errors":[…],"record":…}
---   {"unknown":"1-100","chunk":1}
---   {"closed":1,"submitted":…,"completed":…,"failed":…,"skipped":…,"unknown":…}
---   {"end":400000}                             the source has so many

local core = require "klaviyo.core"
local json = require "klaviyo.json"
local misuse = require "klaviyo.misuse"
local ranges = require "klaviyo.bulk.ranges"

local M = {}

local MARK = "klaviyo 1"
local START = '{"journal":"'

---@class klaviyo.journal
---@field seed string
---@field regions table[]  chunks, in order of position; see chunks.lua
---@field ending integer|nil  how many records the source has, once known
---@field fresh boolean  whether nothing was in it
local Journal = {}
Journal.__index = Journal

-- A decoder may give floats for integers.
local function whole(value)
  return type(value) == "number" and math.floor(value) or nil
end

-- Reading ---------------------------------------------------------------------

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
      chunk.failed[line.failed] = true
    elseif line.count then
      chunk.nameless[line.job] = true
    else
      chunk.unplaced[line.job] = (chunk.unplaced[line.job] or 0) + 1
    end
  elseif line.unknown then
    local unknown = self.chunks[line.chunk].lost
    ranges.walk(line.unknown, function(position)
      unknown[position] = true
    end)
  else
    local id = whole(line.chunk)
    self.chunks[id] = {
      id = id, from = whole(line.from), to = whole(line.to), head = line.head,
      sends = {}, failed = {}, lost = {}, unplaced = {}, nameless = {},
    }
    self.last_chunk = math.max(self.last_chunk, id)
  end
end

function READ.took(self, line)
  local chunk = self.sends[line.took]
  local send = chunk.sends[line.took]
  send.took, send.job = true, line.job
end

function READ.refused(self, line)
  self.sends[line.refused].sends[line.refused] = nil
end

function READ.closed(self, line)
  local chunk = self.chunks[line.closed]
  for number in pairs(chunk.sends) do
    self.sends[number] = nil
  end
  -- Of what is over only the numbers are kept.
  self.chunks[line.closed] = {
    id = chunk.id, from = chunk.from, to = chunk.to, head = chunk.head,
    closed = true, counts = line,
  }
end

READ["end"] = function(self, line)
  self.ending = whole(line["end"])
end

local ORDER = {"closed", "took", "refused", "end", "chunk"}

local function read_line(self, line)
  for _, name in ipairs(ORDER) do
    if line[name] ~= nil then
      READ[name](self, line)
      return
    end
  end
end

local function refuse(path, why)
  misuse.raise("the journal %s %s", path, why)
end

-- A journal has its header first; of a torn one there may be a part.
local function is_start(text)
  return text ~= "" and START:sub(1, #text) == text:sub(1, #START)
end

local function check_header(path, header, identity)
  if header.journal ~= MARK then
    refuse(path, "is of another version: " .. tostring(header.journal))
  elseif header.kind ~= identity.kind then
    refuse(path, ('is of another import: of "%s", not of "%s"'):format(
      tostring(header.kind), identity.kind))
  elseif header.into ~= identity.into then
    refuse(path, "is of another import: into another list, or with other "
      .. "settings")
  end
end

-- Gives whether there was a header, and whether the last line is torn.
local function load(self, path, identity)
  local file = io.open(path, "rb")
  if not file then
    return false, false
  end
  -- a line of what is no journal, or no file, may have no end
  local start, why = file:read(#START)
  if why or start and not is_start(start:match("^[^\n]*")) then
    file:close()
    refuse(path, why and "cannot be read: " .. why
      or "is no journal: the file is of another kind")
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
      refuse(path, "is no journal: the file is of another kind")
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

-- Two at a time would do everything twice.
local function hold(path)
  local held, why = core.hold(path)
  if not held and not why then
    collectgarbage()  -- an import that was broken off
    collectgarbage()
    held, why = core.hold(path)
  end
  if not held then
    refuse(path, why and "cannot be written: " .. why
      or "is in use: another import goes on by it")
  end
  return held
end

--- Opens a journal, or begins one. Raises for a file that is none, or is that
--- of another import.
---@param path string
---@param identity {kind: string, into: string, seed: string}
---@return klaviyo.journal
function M.open(path, identity)
  local self = setmetatable({
    path = path, seed = identity.seed, chunks = {}, sends = {},
    last_chunk = 0, last_send = 0, held = hold(path),
  }, Journal)
  local found, torn = load(self, path, identity)
  self.fresh, self.regions = not found, in_order(self.chunks)
  self.chunks, self.sends = nil, nil
  -- it holds records: e-mail addresses, phone numbers
  local private, reason = self.held:restrict()
  if not private then
    refuse(path, "can be read by other users, and that cannot be changed: "
      .. reason)
  end
  local file, why = io.open(path, "ab")
  if not file then
    refuse(path, "cannot be written: " .. tostring(why))
  end
  self.file = file
  if torn then
    file:write("\n")
  end
  if not found then
    self:write {journal = MARK, kind = identity.kind, into = identity.into,
      seed = identity.seed}
  end
  return self
end

-- Writing ---------------------------------------------------------------------

--- Writes a line. Raises when it cannot: what is not in the journal must not
--- be done.
function Journal:write(line)
  local text = line.journal and '{"journal":' .. json.encode(line.journal)
    .. "," .. json.encode {kind = line.kind, into = line.into,
      seed = line.seed}:sub(2) or json.encode(line)
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
  jit.off(Journal.write)  -- compiled, a flush that failed is not noticed
end

--- A chunk has been cut; gives its number.
---@return integer
function Journal:cut(chunk, head)
  self.last_chunk = self.last_chunk + 1
  self:write {chunk = self.last_chunk, from = chunk.from, to = chunk.to,
    head = head}
  return self.last_chunk
end

--- A request goes out; gives its number.
---@return integer
function Journal:send(id, positions)
  self.last_send = self.last_send + 1
  self:write {send = self.last_send, chunk = id, at = ranges.text(positions)}
  return self.last_send
end

function Journal:took(number, job)
  self:write {took = number, job = job}
end

function Journal:refused(number)
  self:write {refused = number}
end

--- A record failed. One that JSON cannot hold is told of without itself.
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

function Journal:unknown(id, positions)
  self:write {unknown = ranges.text(positions), chunk = id}
end

function Journal:close_chunk(id, counts)
  self:write {closed = id, submitted = counts.submitted,
    completed = counts.completed, failed = counts.failed,
    skipped = counts.skipped, unknown = counts.unknown}
end

function Journal:finish(count)
  if self.ending ~= count then
    self.ending = count
    self:write {["end"] = count}
  end
end

function Journal:close()
  if self.file then
    self.file:close()
    self.file = nil
    self.held:release()
  end
end

--- Calls for each failure there is in a journal, the oldest first.
---@param path string
---@return fun(): table|nil
function M.failures(path)
  local file = assert(io.open(path, "rb"))
  return function()
    while file do
      local text = file:read("*l")
      if not text then
        file:close()
        file = nil
        return nil
      end
      local line = text:find('"failed":', 1, true) and json.decode(text)
      if type(line) == "table" and line.chunk and line.failed ~= nil then
        return {position = whole(line.failed), record = line.record,
          errors = line.errors, job = line.job,
          count = whole(line.count)}
      end
    end
  end
end

return M
