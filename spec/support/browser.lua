--- A headless Chromium for specs and tools, by the Chrome DevTools Protocol over
--- two named pipes: JSON messages, each followed by a zero byte.
---
---     local tab = browser.start()
---     tab:emulate {width = 360, height = 640, scheme = "dark"}
---     tab:open(url)
---     local title = tab:evaluate "document.title"
---     tab:stop()

local base64 = require "klaviyo.util.base64"
local json = require "klaviyo.json"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Tab = {}
Tab.__index = Tab

local MAX_SECONDS = 120  -- after which Chromium is killed, and reads end

--- Returns why no Chromium can be started, or nil.
---@return string|nil
function M.missing()
  if not shell.run("command -v chromium") then
    return "there is no chromium (Debian's package chromium)"
  end
end

local function read_message(self)
  local parts = {}
  while true do
    local byte = self.output:read(1)
    assert(byte, "chromium exited")
    if byte == "\0" then
      return json.decode(table.concat(parts))
    end
    parts[#parts + 1] = byte
  end
end

local function note(self, message)
  if message.method then
    self.events[#self.events + 1] = message
  end
  return message
end

-- Sends a command; returns its result.
local function command(self, method, params)
  self.last_id = self.last_id + 1
  assert(self.input:write(json.encode {id = self.last_id, method = method,
    params = params, sessionId = self.session}, "\0"))
  self.input:flush()
  while true do
    local message = note(self, read_message(self))
    if message.id == self.last_id then
      assert(not message.error, message.error and method .. ": " .. tostring(message.error.message))
      return message.result
    end
  end
end

--- Starts a Chromium with one empty tab.
function M.start()
  local ok, dir = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-browser.XXXXXX"')
  assert(ok, dir)
  dir = dir:gsub("%s+$", "")
  assert(shell.run(("mkfifo %s/in %s/out"):format(dir, dir)))
  os.execute(("(exec timeout -k 2 %d chromium --headless --no-sandbox --disable-gpu --user-data-dir=%s/profile "
    .. "--no-first-run --disable-background-networking --hide-scrollbars --remote-debugging-pipe "
    .. "3<%s/in 4>%s/out </dev/null >%s/log 2>&1) &"):format(MAX_SECONDS, dir, dir, dir, dir))
  local self = setmetatable({dir = dir, events = {}, last_id = 0,
    input = assert(io.open(dir .. "/in", "w")), output = assert(io.open(dir .. "/out", "r"))}, Tab)
  local target = command(self, "Target.createTarget", {url = "about:blank"}).targetId
  self.session = command(self, "Target.attachToTarget", {targetId = target, flatten = true}).sessionId
  for _, domain in ipairs {"Page", "Runtime", "Log", "Network"} do
    command(self, domain .. ".enable")
  end
  return self
end

--- Sets the size of the window and the colours that a page should prefer.
---@param options {width: integer, height: integer, scheme: "light"|"dark"}
function Tab:emulate(options)
  command(self, "Emulation.setDeviceMetricsOverride", {width = options.width, height = options.height,
    deviceScaleFactor = 1, mobile = false})
  command(self, "Emulation.setEmulatedMedia", {features = {{name = "prefers-color-scheme",
    value = options.scheme}}})
end

--- Opens a page, and waits until it is loaded.
function Tab:open(url)
  self.events = {}
  local result = command(self, "Page.navigate", {url = url})
  assert(not result.errorText, result.errorText)
  while true do
    for _, event in ipairs(self.events) do
      if event.method == "Page.loadEventFired" then
        return
      end
    end
    note(self, read_message(self))
  end
end

--- Returns the value of an expression in JavaScript.
---@param expression string
function Tab:evaluate(expression)
  local result = command(self, "Runtime.evaluate", {expression = expression, returnByValue = true})
  assert(not result.exceptionDetails, result.exceptionDetails and result.result.description)
  return result.result.value
end

--- Returns the URLs that were requested since the last `open`.
---@return string[]
function Tab:requests()
  local urls = {}
  for _, event in ipairs(self.events) do
    if event.method == "Network.requestWillBeSent" then
      urls[#urls + 1] = event.params.request.url
    end
  end
  return urls
end

--- Returns what the console shows since the last `open`: errors, warnings, and what
--- scripts print.
---@return string[]
function Tab:console()
  local lines = {}
  for _, event in ipairs(self.events) do
    if event.method == "Log.entryAdded" then
      lines[#lines + 1] = event.params.entry.text
    elseif event.method == "Runtime.consoleAPICalled" or event.method == "Runtime.exceptionThrown" then
      lines[#lines + 1] = json.encode(event.params)
    end
  end
  return lines
end

--- Returns a PNG of the page, from its top to a row.
---@param bottom? number  default: all of the page
---@param scale? number  default 1
---@return string
function Tab:screenshot(bottom, scale)
  local size = command(self, "Page.getLayoutMetrics").cssContentSize
  return base64.decode(command(self, "Page.captureScreenshot", {format = "png", captureBeyondViewport = true,
    clip = {x = 0, y = 0, width = size.width, height = bottom or size.height, scale = scale or 1}}).data)
end

--- Ends Chromium, and removes its files.
function Tab:stop()
  pcall(command, self, "Browser.close")
  repeat
    local more = self.output:read(4096)  -- until Chromium has exited
  until not more
  self.input:close()
  self.output:close()
  -- its helper processes may still write for a moment
  shell.wait_for(function()
    return shell.run("rm -rf " .. self.dir)
  end)
end

return M
