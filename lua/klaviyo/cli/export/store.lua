--- The files of an export: FILE.partial, with a cursor file beside it that lists
--- the sizes that count, and the cursors from which it goes on.
---
---     FILE.partial          the records so far
---     FILE.partial.3        those of the third window of time, until they are joined
---     FILE.partial.cursor   JSON: the arguments, sizes, counts and cursors
---     FILE.partial.lock     held while the export runs
---
--- The order of writing is: records, then the cursor file, which is renamed into
--- place. So what the cursor file counts is always in the files. An export that
--- goes on cuts them back to these sizes first.

local klaviyo = require "klaviyo"

local files = require "klaviyo.cli.files"
local parts = require "klaviyo.cli.export.part"

local M = {}

local VERSION = "klaviyo export 1"

---@class klaviyo.cli.Job
---@field part klaviyo.cli.Part
---@field count integer  records
---@field cursor string|nil  of the page that follows
---@field done boolean  whether all its records are there
---@field is_finished boolean  whether it may be joined
---@field is_writing boolean  whether records are being written

---@class klaviyo.cli.Store
---@field file string
---@field state table  the content of the cursor file
---@field jobs table<integer, klaviyo.cli.Job>
local Store = {}
Store.__index = Store

--- Returns the store of a file. Nothing is read or written.
---@param file string
---@param compress boolean
---@return klaviyo.cli.Store
function M.new(file, compress)
  return setmetatable({
    file = file, partial = file .. ".partial",
    cursor_file = file .. ".partial.cursor", compress = compress, jobs = {},
    saved = klaviyo.clock(), committed = klaviyo.clock(),
  }, Store)
end

--- Locks the file for this process.
---@return true|nil
---@return klaviyo.Error|nil err
function Store:lock()
  local err
  self.lock_file = self.partial .. ".lock"
  self.held, err = klaviyo.file_lock(self.lock_file)
  return self.held and true, err
end

--- Releases the lock. The file of the lock goes with it.
function Store:release()
  if self.held then
    os.remove(self.lock_file)
    self.held:release()
    self.held = nil
  end
end

--- Reads the state of an earlier run. Returns nil if there is none.
---@return table|nil state
---@return string|nil message
function Store:load()
  local text = files.read(self.cursor_file)
  if not text then
    return nil
  end
  local state = klaviyo.json.decode(text)
  if type(state) ~= "table" or state.export ~= VERSION then
    return nil, self.cursor_file .. " is not the cursor file of an export"
  end
  self.state = state
  return state
end

--- Writes the state.
---@return true|nil
---@return string|nil message
function Store:save()
  self.saved = klaviyo.clock()
  return files.replace(self.cursor_file, klaviyo.json.encode(self.state) .. "\n")
end

--- Begins an export: removes what an earlier one left, and writes the state.
---@param arguments table<string, string>  those that decide about the records
---@param windows table|nil
---@param filter string|nil
---@return true|nil
---@return string|nil message
function Store:begin(arguments, windows, filter)
  self:remove_parts()
  self.state = {
    export = VERSION, arguments = arguments, windows = windows, filter = filter,
    joined = 0, size = 0, count = 0, parts = {}, began = os.time(),
  }
  os.remove(self.partial)
  return self:save()
end

--- Removes all files of an unfinished export.
function Store:remove()
  self:remove_parts()
  os.remove(self.partial)
  os.remove(self.cursor_file)
end

--- Removes the files of all windows that an earlier export may have left.
function Store:remove_parts()
  local windows = self.state and self.state.windows
  for number = 1, windows and windows.count or 0 do
    parts.remove(self:part_path(number), self.compress)
  end
end

--- Cuts the files of an earlier run back to what its state counts.
---@return true|nil
---@return string|nil message
function Store:restore()
  local state = self.state
  if not state.windows then
    return true  -- its only part is cut when it is opened
  end
  return files.truncate(self.partial, state.size)
end

--- Returns the file of a window, or of the whole export.
---@param number integer
---@return string
function Store:part_path(number)
  if self.state.windows then
    return ("%s.%d"):format(self.partial, number)
  end
  return self.partial
end

--- Returns the number of records that count.
---@return integer
function Store:count()
  local count = self.state.count
  for _, job in pairs(self.jobs) do
    count = count + job.count
  end
  for number, noted in pairs(self.state.parts) do
    if not self.jobs[tonumber(number)] then
      count = count + noted.count
    end
  end
  return count
end

--- Opens a part where an earlier run stopped, or at its beginning.
---@param number integer
---@return klaviyo.cli.Job|nil
---@return string|nil message
function Store:open(number)
  local noted = self.state.parts[tostring(number)]
    or {size = 0, count = 0, done = false}
  local part, why = parts.open(self:part_path(number), noted.size, self.compress)
  if not part then
    return nil, why
  end
  local job = {
    part = part, count = noted.count, cursor = noted.cursor, done = noted.done,
    is_writing = false,
  }
  self.jobs[number] = job
  return job
end

--- Begins a part again.
---@param number integer
---@return klaviyo.cli.Job|nil
---@return string|nil message
function Store:reopen(number)
  self.jobs[number].part:close()
  self.jobs[number] = nil
  self.state.parts[tostring(number)] = nil
  -- the state first: it must not count what is removed
  local ok, why = self:save()
  if not ok then
    return nil, why
  end
  return self:open(number)
end

--- Appends the records of a page to a part. After the last page the part is done,
--- even if it is not finished: without a cursor it would be read again.
---@param job klaviyo.cli.Job
---@param text string
---@param count integer  of records in it
---@param cursor string|nil  of the page after it; nil after the last one
---@return true|nil
---@return string|nil message
function Store.add(_, job, text, count, cursor)
  job.is_writing = true
  local ok, why = true, nil
  if text ~= "" then
    ok, why = job.part:write(text)
  end
  if not ok then
    return nil, why
  end
  job.count, job.cursor, job.done = job.count + count, cursor, cursor == nil
  job.is_writing = false
  return true
end

local function commit(self, number, job)
  if job.is_writing then
    return true  -- it was interrupted: the last commit counts
  end
  local ok, why = job.part:commit()
  if not ok then
    return nil, why
  end
  self.state.parts[tostring(number)] = {
    size = job.part.size, count = job.count, cursor = job.cursor, done = job.done,
  }
  return true
end

--- Makes what was written count.
---@return true|nil
---@return string|nil message
function Store:commit()
  self.committed = klaviyo.clock()
  for number, job in pairs(self.jobs) do
    local ok, why = commit(self, number, job)
    if not ok then
      return nil, why
    end
  end
  return self:save()
end

-- Seconds between two commits. To commit a compressed part starts a process.
local INTERVAL, COMPRESSED_INTERVAL = 1, 2

--- Commits if it is time to.
---@return true|nil
---@return string|nil message
function Store:commit_if_due()
  local interval = self.compress and COMPRESSED_INTERVAL or INTERVAL
  if klaviyo.clock() - self.committed < interval then
    return true
  end
  return self:commit()
end

-- Appends a finished part to the joined file, and removes it.
local function join(self, number)
  local state, path = self.state, self:part_path(number)
  local noted = state.parts[tostring(number)]
  local ok, why = files.truncate(self.partial, state.size)
  local out = ok and noted.size > 0
  if out then
    out, why = io.open(self.partial, "ab")
    ok = out
  end
  if out then
    ok, why = files.append(path, out, state.size + noted.size)
    out:close()
  end
  if not ok then
    return nil, self.partial .. ": " .. tostring(why)
  end
  local after = {}
  for name, value in pairs(state) do
    after[name] = value
  end
  after.parts = {}
  for name, value in pairs(state.parts) do
    after.parts[name] = name ~= tostring(number) and value or nil
  end
  after.size, after.count = state.size + noted.size, state.count + noted.count
  after.joined = number
  self.jobs[number], self.state = nil, after
  ok, why = self:save()
  if ok then
    os.remove(path)
  end
  return ok, why
end

--- Ends a part, and joins all parts that are next in order.
---@param number integer
---@return true|nil
---@return string|nil message
function Store:finish_part(number)
  local job = self.jobs[number]
  job.done, job.is_finished = true, true  -- a limit may have ended it
  local ok, why = commit(self, number, job)
  job.part:close()
  if ok and not self.state.windows then
    return self:save()
  end
  while ok do
    local following = self.state.joined + 1
    if not (self.jobs[following] and self.jobs[following].is_finished) then
      break
    end
    ok, why = join(self, following)
  end
  return ok, why
end

--- Removes what is left beside the complete file. A run that was killed after it
--- joined a part may have left that part.
function Store:remove_rest()
  self:remove_parts()
  os.remove(self.cursor_file)
end

--- Renames the partial file to its own name. Returns its size.
---@return integer|nil size
---@return string|nil message
function Store:finish()
  self.state.finished = true
  local ok, why = self:save()
  if ok and not files.size(self.partial) then
    -- no record: the file is empty
    local file
    file, why = io.open(self.partial, "wb")
    ok = file and file:close()
  end
  if ok then
    ok, why = os.rename(self.partial, self.file)
  end
  if not ok then
    return nil, why
  end
  self:remove_rest()
  return files.size(self.file)
end

--- Ends an export whose process ended between renaming the file and removing the
--- cursor file. Returns false if it is not that.
---@return boolean
function Store:was_finished()
  if self.state.finished and not files.size(self.partial)
      and files.size(self.file) then
    self:remove_rest()
    return true
  end
  return false
end

--- Closes all files.
function Store:close()
  for _, job in pairs(self.jobs) do
    job.part:close()
  end
end

return M
