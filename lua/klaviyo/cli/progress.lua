--- The progress of a long command, on stderr: one line that is drawn again on a
--- terminal, elsewhere a line every 30 seconds.
---
---     local progress = require("klaviyo.cli.progress").new(context, {
---       label = "profiles", unit = "profiles", total = 27000})
---     progress:update(count, {pages = pages})
---     progress:finish("27,000 profiles in 0:21")

local klaviyo = require "klaviyo"

local M = {}

local REDRAW = 0.1   -- seconds between two drawings on a terminal
local REPORT = 30    -- seconds between two lines elsewhere
local RATE_SPAN = 10 -- the rate is that of the last seconds
local MAX_BAR, MIN_BAR = 40, 10

-- Clears the rest of the line.
local CLEAR = "\27[K"

--- Returns a whole number with commas: 1234567 → "1,234,567".
---@param number number
---@return string
function M.grouped(number)
  local digits = ("%.0f"):format(number)
  local out = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (out:gsub("^,", ""):gsub("^%-,", "-"))
end

--- Returns a duration: 5 → "0:05", 3723 → "1:02:03".
---@param seconds number
---@return string
function M.duration(seconds)
  seconds = math.floor(math.max(seconds, 0) + 0.5)
  local hours = math.floor(seconds / 3600)
  local minutes = math.floor(seconds / 60) % 60
  if hours > 0 then
    return ("%d:%02d:%02d"):format(hours, minutes, seconds % 60)
  end
  return ("%d:%02d"):format(minutes, seconds % 60)
end

-- Returns the columns that a text takes: one for each character.
local function columns(text)
  return #text - select(2, text:gsub("[\128-\191]", ""))
end

-- Returns the first characters of a text.
local function first_columns(text, width)
  if columns(text) <= width then
    return text
  end
  local out, n = {}, 0
  for character in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if n == width then
      break
    end
    n = n + 1
    out[n] = character
  end
  return table.concat(out)
end

---@class klaviyo.cli.Progress
local Progress = {}
Progress.__index = Progress

M.class = Progress

--- Returns the progress of a command that begins now.
---@param context table
---@param options {label: string, unit: string|nil, total: number|nil, count: number|nil}
--- `count` is where an earlier run stopped
---@return klaviyo.cli.Progress
function M.new(context, options)
  local clock = options.clock or klaviyo.clock
  local now = clock()
  local count = options.count or 0
  local self = setmetatable({
    context = context, clock = clock,
    label = options.label, unit = options.unit or options.label,
    total = options.total, count = count, first = count, pages = nil, failed = 0,
    began = now, drawn = now - REDRAW, reported = now,
    marks = {{at = now, count = count}}, is_drawn = false,
    is_quiet = context.arguments.quiet or false,
    is_terminal = context.terminal.stderr and (context.getenv or os.getenv) "TERM" ~= "dumb",
  }, Progress)
  context.progress = self
  return self
end

-- Returns the records a second of the last seconds, or nil if it is unknown.
function Progress:rate(now)
  local first = self.marks[1]
  local seconds = now - first.at
  return seconds >= 0.5 and (self.count - first.count) / seconds or nil
end

local function mark(self, now)
  local marks = self.marks
  if now - marks[#marks].at < 1 then
    return
  end
  marks[#marks + 1] = {at = now, count = self.count}
  while #marks > 2 and now - marks[2].at >= RATE_SPAN do
    table.remove(marks, 1)
  end
end

-- Returns the parts of the line in order, with the rank in which they are left out.
local function parts_of(self, now)
  local total, rate = self.total, self:rate(now)
  local share = total and total > 0 and math.min(self.count / total, 1)
  local list = {{self.label}}
  local function add(text, rank)
    list[#list + 1] = {text, rank = rank}
  end
  if share then
    add("", 5)
    list[#list].is_bar = true
    -- 100 % only when all is done
    add(("%d%%"):format(math.floor(share * 100)), 6)
  end
  add(M.grouped(self.count) .. (total and " of " .. M.grouped(total) or ""))
  if rate then
    add(M.grouped(rate) .. "/s", 2)
  end
  if self.pages then
    add(M.grouped(self.pages) .. (self.pages == 1 and " page" or " pages"), 1)
  end
  if self.detail then
    add(self.detail, 3)
  end
  if self.failed > 0 then
    add(M.grouped(self.failed) .. " failed", 8)
  end
  add(M.duration(now - self.began), 4)
  if share and share < 1 and rate and rate > 0 then
    add(M.duration((total - self.count) / rate) .. " left", 7)
  end
  if self.waits_until and self.waits_until > now then
    add(("waiting %d s for %s"):format(math.ceil(self.waits_until - now),
      self.waits_for), 9)
  end
  return list, share
end

-- Returns the columns of the line without its bar, and the part to leave out next.
local function measure(list)
  local width, weakest = 0, nil
  for i, part in ipairs(list) do
    width = width + (i > 1 and 2 or 0) + (part.is_bar and MIN_BAR + 2
      or columns(part[1]))
    if part.rank and (not weakest or part.rank < list[weakest].rank) then
      weakest = i
    end
  end
  return width, weakest
end

local function bar(share, width)
  local full = math.floor(share * width)
  local head = full < width and full > 0 and ">" or ""
  return "[" .. ("="):rep(full - #head) .. head .. (" "):rep(width - full) .. "]"
end

--- Returns the line, in at most `width` columns.
---@param width integer
---@return string
function Progress:line(width)
  local list, share = parts_of(self, self.clock())
  local taken, weakest = measure(list)
  while taken > width and weakest do
    table.remove(list, weakest)
    taken, weakest = measure(list)
  end
  local texts = {}
  for i, part in ipairs(list) do
    texts[i] = part.is_bar
      and bar(share, math.min(MAX_BAR, MIN_BAR + width - taken)) or part[1]
  end
  return first_columns(table.concat(texts, "  "), width)
end

local function draw(self, now)
  self.drawn, self.is_drawn = now, true
  -- the last column stays empty: some terminals wrap when it is written
  self.context.stderr:write("\r", self:line(self.context.terminal:width() - 1), CLEAR)
  self.context.stderr:flush()
end

--- Draws the line again if it is time to. Call it while nothing is counted, too.
function Progress:tick()
  local now = self.clock()
  mark(self, now)
  if self.is_quiet then
    return
  elseif self.is_terminal then
    if now - self.drawn >= REDRAW then
      draw(self, now)
    end
  elseif now - self.reported >= REPORT then
    self.reported = now
    self.context:note(self:line(120))
  end
end

--- Sets what was done so far.
---@param count number
---@param more {pages: number|nil, failed: number|nil, total: number|nil, detail: string|nil}|nil
function Progress:update(count, more)
  self.count = count
  self.waits_until = nil
  if more then
    self.pages = more.pages or self.pages
    self.failed = more.failed or self.failed
    self.total = more.total or self.total
    self.detail = more.detail or self.detail
  end
  self:tick()
end

--- Shows that the command waits.
---@param seconds number
---@param what string  such as "the rate limit"
function Progress:waits(seconds, what)
  self.waits_until, self.waits_for = self.clock() + seconds, what
  self:tick()
end

--- Removes the line from the terminal.
function Progress:clear()
  if self.is_drawn then
    self.is_drawn = false
    self.context.stderr:write("\r", CLEAR)
    self.context.stderr:flush()
  end
end

--- Removes the line, and writes the summary in its place.
---@param summary string|nil
function Progress:finish(summary)
  self:clear()
  if summary and not self.is_quiet then
    self.context:note(summary)
  end
end

--- Returns the seconds since the command began.
function Progress:elapsed()
  return self.clock() - self.began
end

return M
