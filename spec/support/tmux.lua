--- A real terminal for specs: a session of tmux, with a server of its own.
---
---   local screen = tmux.start("klaviyo --help", {width = 80})
---   screen:wait_for "Usage"
---   screen:press "C-c"
---   assert.equal(130, screen:status())
---   screen:close()

local klaviyo = require "klaviyo"
local script = require "spec.support.script"

local M = {}

local quote = script.quote

--- Whether tmux can open a terminal: it is installed (`make setup` installs it), and
--- the system has pseudo-terminals. A bare container may have none.
M.is_available = select(2, script.shell [[
(
  socket=$(mktemp -u "${TMPDIR:-/tmp}/klaviyo-tmux.XXXXXX")
  tmux -f /dev/null -S "$socket" new-session -d true; status=$?
  rm -f "$socket"; exit $status)]]) == 0

local Screen = {}
Screen.__index = Screen

-- Runs a command of tmux.
local function tmux(self, words)
  local output, status = script.shell(("tmux -u -f /dev/null -S %s %s"):format(quote(self.folder .. "/socket"), words))
  return output, status
end

--- Starts a shell command in a terminal.
---@param command string
---@param options? {width: integer, height: integer, env: table<string, string>}  default 80 x 24
---@return table screen
function M.start(command, options)
  options = options or {}
  local output = script.shell 'mktemp -d "${TMPDIR:-/tmp}/klaviyo-tmux.XXXXXX"'
  local self = setmetatable({folder = output:match("^%S+")}, Screen)
  local words = {"env -u COLUMNS -u LINES"}
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = quote(name .. "=" .. value)
  end
  -- everything that the terminal receives is kept, and the exit status
  local text = ("trap : INT; cd %s; sleep 0.1; %s sh -c %s; echo $? >%s; sleep 100"):format(
    quote(assert(script.shell("pwd"):match("^[^\n]*"))), table.concat(words, " "), quote("exec " .. command),
    quote(self.folder .. "/status"))
  local message, status = tmux(self, ("new-session -d -x %d -y %d %s \\; pipe-pane %s"):format(
    options.width or 80, options.height or 24, quote(text), quote("exec cat >" .. self.folder .. "/received")))
  assert(status == 0, message)
  return self
end

--- Returns what the terminal shows.
---@return string
function Screen:text()
  return (tmux(self, "capture-pane -p -J"))
end

--- Returns all bytes that the terminal received.
---@return string
function Screen:received()
  local file = io.open(self.folder .. "/received", "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

local function wait_until(condition, seconds, what, self)
  local began = klaviyo.clock()
  repeat
    local value = condition()
    if value then
      return value
    end
    klaviyo.sleep(0.03)
  until klaviyo.clock() - began > seconds
  error(("%s within %d s; the screen:\n%s"):format(what, seconds, self:text()), 2)
end

--- Waits until what the terminal shows has a pattern. Returns what it shows.
---@param pattern string
---@param seconds? number  default 20
---@return string
function Screen:wait_for(pattern, seconds)
  return wait_until(function()
    local text = self:text()
    return text:find(pattern) and text
  end, seconds or 20, "no " .. pattern, self)
end

--- Presses keys, as tmux names them: "C-c", "Enter", "y".
---@param keys string
function Screen:press(keys)
  tmux(self, "send-keys " .. keys)
end

--- Waits for the end of the command. Returns its exit status.
---@param seconds? number  default 30
---@return integer
function Screen:status(seconds)
  return wait_until(function()
    local file = io.open(self.folder .. "/status")
    local text = file and file:read("*a") or ""
    if file then
      file:close()
    end
    return tonumber(text:match("^(%d+)\n"))
  end, seconds or 30, "no end", self)
end

--- Ends the terminal and what runs in it.
function Screen:close()
  tmux(self, "kill-server")
  script.shell("rm -rf " .. quote(self.folder))
end

return M
