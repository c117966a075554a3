--- Files: their texts and sizes, and cutting them back to an earlier size.

local shell = require "klaviyo.cli.shell"

local M = {}

--- Returns a path that no program takes for an option.
---@param path string
---@return string
local function operand(path)
  return shell.quote(path:find("^[/.]") and path or "./" .. path)
end

--- Returns the size of a file in bytes, or nil if it does not exist.
---@param path string
---@return integer|nil
function M.size(path)
  local file = io.open(path, "rb")
  local size = file and file:seek("end")
  if file then
    file:close()
  end
  return size
end

--- Returns whether there is something that is not a file, such as a device, a pipe or
--- a folder. It is not opened: to open a pipe waits for its other end.
---@param path string
---@return boolean
function M.is_special(path)
  local ok = os.execute(("test -e %s && test ! -f %s"):format(operand(path), operand(path)))
  return ok == true or ok == 0
end

--- Returns whether there is a folder.
---@param path string
---@return boolean
function M.is_folder(path)
  local ok = os.execute("test -d " .. operand(path))
  return ok == true or ok == 0
end

--- Returns the path of the file to which a symbolic link leads, or the path itself.
--- A file that is replaced would otherwise replace the link.
---@param path string
---@return string
function M.target(path)
  local pipe = io.popen(("test -L %s && readlink -f %s 2>/dev/null"):format(
    operand(path), operand(path)))
  local target = pipe and pipe:read("*l")
  if pipe then
    pipe:close()
  end
  return target and target ~= "" and target or path
end

-- Cuts a file after `size` bytes. Lua cannot do it. dd is part of POSIX, and
-- truncate is faster to start with.
local function shorten(path, size)
  os.execute(("truncate -s %d %s 2>/dev/null || dd if=/dev/null of=%s bs=1 "
    .. "seek=%d 2>/dev/null"):format(size, operand(path), operand(path), size))
end

--- Makes a file exactly `size` bytes long, by removing what is behind them.
---@param path string
---@param size integer
---@return true|nil
---@return string|nil message
function M.truncate(path, size)
  local now = M.size(path)
  if not now and size == 0 then
    return true
  elseif not now then
    return nil, path .. " is missing"
  elseif now < size then
    return nil, ("%s has %d bytes, but %d were written"):format(path, now, size)
  elseif now > size then
    shorten(path, size)
    now = M.size(path)
    if now ~= size then
      return nil, ("%s cannot be cut back to %d bytes"):format(path, size)
    end
  end
  return true
end

--- Writes what is buffered, and checks how long the file is then. Code that LuaJIT
--- compiled repeats a call that fails, and the second one succeeds.
---@param file file*
---@param size integer
---@return true|nil
---@return string|nil message
function M.flush(file, size)
  local ok, why = file:flush()
  if ok and file:seek("end") ~= size then
    return nil, "it is incomplete; the disk may be full"
  end
  return ok and true, why
end

--- Writes a file, which is complete or the old one whenever the process ends.
---@param path string
---@param text string
---@return true|nil
---@return string|nil message
function M.replace(path, text)
  local new = path .. ".new"
  local file, why = io.open(new, "wb")
  if not file then
    return nil, why
  end
  local ok
  ok, why = file:write(text)
  if ok then
    ok, why = M.flush(file, #text)
  end
  if not file:close() and ok then
    ok, why = nil, "it cannot be closed"
  end
  if ok then
    ok, why = os.rename(new, path)
  end
  if not ok then
    os.remove(new)
    return nil, ("%s cannot be written: %s"):format(path, why)
  end
  return true
end

--- Returns the whole text of a small file, or nil.
---@param path string
---@return string|nil
function M.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

local PIECE = 262144

--- Appends a file to an open one, in pieces.
---@param path string
---@param out file*
---@param size integer  of `out` with it
---@return true|nil
---@return string|nil message
function M.append(path, out, size)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local ok = true
  repeat
    local piece = file:read(PIECE)
    if piece then
      ok, why = out:write(piece)
    end
  until not piece or not ok
  file:close()
  if ok then
    ok, why = M.flush(out, size)
  end
  return ok, why
end

return M
