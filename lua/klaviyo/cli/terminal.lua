--- What the standard streams are: asked when it is first needed, because each
--- question starts a process.

local M = {}

-- Runs a shell command with the standard streams of this process. Returns its
-- exit status: LuaJIT and Lua 5.4 return it in different ways.
local function status_of(command)
  local first, _, code = os.execute(command)
  if type(first) == "number" then
    return first > 255 and math.floor(first / 256) or first
  end
  return code or (first and 0 or 1)
end

--- Returns what a shell command writes, or nil if it fails.
---@param command string
---@return string|nil
function M.output_of(command)
  local pipe = io.popen(command .. " && echo done", "r")
  if not pipe then
    return nil
  end
  local ok, text = pcall(function()
    local all = pipe:read("*a")
    return all
  end)
  -- also after Ctrl-C: the shell must have restored the terminal
  pipe:close()
  if not ok then
    error(text, 0)
  end
  return text and text:match("^(.*)done\n$")
end

local ASK = "s=0; test -t 0 && s=1; test -t 1 && s=$((s+2)); "
  .. "test -t 2 && s=$((s+4)); exit $s"

---@class klaviyo.cli.Terminal
---@field stdin boolean  whether it is a terminal
---@field stdout boolean
---@field stderr boolean
local Terminal = {}

local STREAM = {stdin = 1, stdout = 2, stderr = 4}

function Terminal.__index(self, name)
  if Terminal[name] then
    return Terminal[name]
  elseif STREAM[name] then
    local status = status_of(ASK)
    for stream, bit in pairs(STREAM) do
      rawset(self, stream, math.floor(status / bit) % 2 == 1)
    end
    return rawget(self, name)
  end
end

--- Returns the number of columns of the terminal; 80 if it is not known.
---@return integer
function Terminal:width()
  if not self.columns then
    local size = tonumber(self.getenv "COLUMNS" or "")
    if not size or size < 1 then
      local text = M.output_of("stty size 2>/dev/null </dev/tty") or ""
      size = tonumber(text:match("^%d+ (%d+)"))
    end
    self.columns = size and size > 0 and math.floor(size) or 80
  end
  return self.columns
end

--- Returns whether a stream takes colours.
---@param stream "stdout"|"stderr"|nil  default "stdout"
---@return boolean
function Terminal:colour(stream)
  local plain = self.getenv "NO_COLOR"
  return self[stream or "stdout"] and (plain == nil or plain == "")
    and self.getenv "TERM" ~= "dumb"
end

-- The shell restores the terminal even if Ctrl-C ends the question.
local READ_SECRET = [[
state=$(stty -g 2>/dev/null </dev/tty) || exit 1
trap 'stty "$state" </dev/tty' EXIT
trap 'exit 130' INT TERM HUP
stty -echo </dev/tty
printf '%s' "$KLAVIYO_QUESTION" >/dev/tty
IFS= read -r line </dev/tty || exit 1
printf '\n' >/dev/tty
printf '%s\n' "$line"
]]

--- Asks for a line on the terminal, and does not show what is typed. The line is
--- never an argument of a program.
---@param question string
---@return string|nil line  nil if there is no terminal
function Terminal.read_secret(_, question)
  local quoted = "'" .. question:gsub("'", "'\\''") .. "'"
  local text = M.output_of("KLAVIYO_QUESTION=" .. quoted .. "; {\n" .. READ_SECRET
    .. "}")
  return text and text:match("^[^\r\n]*")
end

--- Hides the cursor.
function Terminal.hide_cursor(self)
  if self.stderr then
    io.stderr:write("\27[?25l")
    self.has_no_cursor = true
  end
end

--- Shows the cursor again, if it is hidden.
function Terminal.show_cursor(self)
  if rawget(self, "has_no_cursor") then
    io.stderr:write("\27[?25h")
    self.has_no_cursor = nil
  end
end

--- Returns a terminal. Fields that are set in `known` are not asked for.
---@param known table|nil
---@param getenv (fun(name: string): string|nil)|nil
---@return klaviyo.cli.Terminal
function M.new(known, getenv)
  local self = {getenv = getenv or os.getenv}
  for name, value in pairs(known or {}) do
    self[name] = value
  end
  return setmetatable(self, Terminal)
end

return M
