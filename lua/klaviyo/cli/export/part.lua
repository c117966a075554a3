--- A file that an export appends to. What was written counts after a commit: all
--- before it is in the file, and `size` is how long the file is with it.
---
--- A part may be compressed. Each commit then ends a member of gzip; members one
--- after another are a valid file.

local klaviyo = require "klaviyo"

local files = require "klaviyo.cli.files"
local shell = require "klaviyo.cli.shell"

local M = {}

---@class klaviyo.cli.Part
---@field path string
---@field size integer  bytes of the file at the last commit
---@field pending integer  bytes written since, before they are compressed
---@field failure string|nil  why it could not be written: nothing more counts then
local Part = {}
Part.__index = Part

-- gzip runs in a shell that Ctrl-C does not end, so that a member is finished in
-- order. It notes in the file FILE.gzip who runs, and then how it ended. What
-- gzip does not read after an error, cat does: a broken pipe would end this
-- process.
local GZIP = "trap '' INT HUP; echo $$ >%s; if gzip -c >>%s 2>/dev/null; "
  .. "then echo done >%s; else echo failed >%s; cat >/dev/null; fi"

local function marker(path)
  return path .. ".gzip"
end

local function is_alive(pid)
  local first = os.execute(("kill -0 %s 2>/dev/null"):format(pid))
  return first == true or first == 0
end

-- What the marker holds until the shell that it was written for runs.
local STARTING = "starting\n"

-- A process that was killed leaves a gzip behind, which ends in a moment, or a shell
-- that has not noted yet that it runs.
local MAX_WAIT, MAX_START = 5, 2

local function await_writer(path)
  local began = klaviyo.clock()
  while true do
    local text = files.read(marker(path))
    local pid = text and text:match("^(%d+)\n$")
    local waited = klaviyo.clock() - began
    if text ~= STARTING and not (pid and is_alive(pid))
        or text == STARTING and waited > MAX_START then
      os.remove(marker(path))
      return true
    elseif waited > MAX_WAIT then
      return nil, ("%s is still written to by process %s"):format(path, pid)
    end
    klaviyo.sleep(0.02)
  end
end

--- Removes a part, which may be none.
---@param path string
---@param compress boolean
function M.remove(path, compress)
  if compress then
    await_writer(path)
  end
  os.remove(path)
end

--- Opens a part after `size` bytes: what is behind them is removed.
---@param path string
---@param size integer
---@param compress boolean
---@return klaviyo.cli.Part|nil
---@return string|nil message
function M.open(path, size, compress)
  local ok, why = true, nil
  if compress then
    ok, why = await_writer(path)
  end
  if ok then
    ok, why = files.truncate(path, size)
  end
  if not ok then
    return nil, why
  end
  return setmetatable({
    path = path, size = size, pending = 0, compress = compress, file = nil,
  }, Part)
end

local function open(self)
  local why
  if self.compress then
    local file, mark = shell.quote(self.path), shell.quote(marker(self.path))
    local ok
    ok, why = files.replace(marker(self.path), STARTING)
    if not ok then
      return nil, why
    end
    self.file, why = io.popen(GZIP:format(mark, file, mark, mark), "w")
  else
    self.file, why = io.open(self.path, "ab")
  end
  return self.file, why
end

--- Appends a text.
---@param text string
---@return true|nil
---@return string|nil message
function Part:write(text)
  local ok, why = self.file, self.failure
  if not ok and not why then
    ok, why = open(self)
  end
  if not why then
    ok, why = self.file:write(text)
    why = why and ("%s: %s"):format(self.path, why)
  end
  if not ok or why then
    self.failure = why
    return nil, why
  end
  self.pending = self.pending + #text
  return true
end

local function end_member(self)
  local file = self.file
  self.file = nil
  file:close()
  local result = files.read(marker(self.path))
  os.remove(marker(self.path))
  if result ~= "done\n" then
    return nil, self.path .. ": gzip cannot write it; the disk may be full"
  end
  return files.size(self.path)
end

--- Makes all that was written part of the file, and sets `size`.
---@return true|nil
---@return string|nil message
function Part:commit()
  if self.failure then
    return nil, self.failure  -- to flush again would succeed
  elseif not self.file then
    return true
  end
  local size, why
  if self.compress then
    size, why = end_member(self)
  else
    local ok
    size = self.size + self.pending
    ok, why = files.flush(self.file, size)
    size = ok and size
    why = why and ("%s: %s"):format(self.path, why)
  end
  if not size then
    self.failure = why
    return nil, why
  end
  self.size, self.pending = size, 0
  return true
end

--- Closes the file. What was written since the last commit does not count.
function Part:close()
  local file = self.file
  self.file = nil
  if file then
    file:close()
    os.remove(marker(self.path))
  end
end

return M
