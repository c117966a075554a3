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

-- Sets the title of the terminal, which nothing shows, when the command has ended: all
-- that it wrote comes before.
local TITLE = "ended"
local END = "\27]2;" .. TITLE .. "\7"

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
  -- everything that the terminal receives is kept, so the command waits for pipe-pane; and the exit status
  local text = ("trap : INT; cd %s; until [ -e %s ]; do sleep 0.02; done; %s sh -c %s; status=$?; "
    .. "printf '%%s' %s; echo $status >%s; sleep 100"):format(
    quote(assert(script.shell("pwd"):match("^[^\n]*"))), quote(self.folder .. "/ready"), table.concat(words, " "),
    quote("exec " .. command), quote(END), quote(self.folder .. "/status"))
  local message, status = tmux(self, ("new-session -d -x %d -y %d %s \\; pipe-pane %s"):format(
    options.width or 80, options.height or 24, quote(text), quote("exec cat >" .. self.folder .. "/received")))
  assert(status == 0, message)
  assert(io.open(self.folder .. "/ready", "w")):close()
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
  return (text:gsub(END, ""))
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

-- Whether the terminal, and the file of what it received, have all that the command wrote.
local function is_complete(self)
  local file = io.open(self.folder .. "/received", "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text:find(END, 1, true) and tmux(self, "display-message -p '#{pane_title}'"):find(TITLE, 1, true)
end

--- Waits for the end of the command, and until all that it wrote is there. Returns its exit status.
---@param seconds? number  default 30
---@return integer
function Screen:status(seconds)
  return wait_until(function()
    local file = io.open(self.folder .. "/status")
    local text = file and file:read("*a") or ""
    if file then
      file:close()
    end
    return is_complete(self) and tonumber(text:match("^(%d+)\n"))
  end, seconds or 30, "no end", self)
end

--- Ends the terminal and what runs in it.
function Screen:close()
  tmux(self, "kill-server")
  script.shell("rm -rf " .. quote(self.folder))
end

return M
