--- klaviyo limits: what is used of the rate limits, by all programs of this machine, or
--- by all machines that share them through Redis.

local chart = require "klaviyo.cli.chart"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local output = require "klaviyo.cli.output"
local redis = require "klaviyo.cli.redis"
local suggest = require "klaviyo.cli.suggest"
local terminals = require "klaviyo.cli.terminal"

local M = {}

local function interval(text)
  local number = tonumber(text)
  return number and number >= 0.1 and number or nil,
    ("%s is not a number of seconds of 0.1 or more"):format(text)
end

function M.configure(parser)
  parser:description("Shows what the programs of this machine have used of each "
    .. "operation's limits, as they share them in a file. It makes no calls. Without "
    .. "arguments: the operations that were used in the last minute or day.")
  parser:argument("operations"):args("*"):argname("OPERATION")
    :description("The id of an operation, or a part of it.")
  parser:flag("--redis"):description("Show what all machines have used that share the limits "
    .. "through the Redis of $KLAVIYO_RATE_LIMIT_FILE. It changes nothing there.")
  parser:flag("--all"):description("Show all operations.")
  parser:flag("--watch"):description("Show it again every second, until Ctrl-C.")
  parser:option("--interval"):argname("SECONDS"):convert(interval)
    :description("The seconds from one --watch to the next; default 1.")
end

local function is_used(limit)
  for _, window in ipairs(limit.windows) do
    if window.used + window.others > 0 then
      return true
    end
  end
  return limit.wait > 0
end

local function name_of(limit)
  return limit.operation or limit.parameter or "gateway"
end

-- Returns whether a limit is to be shown.
local function is_wanted(limit, arguments)
  for _, word in ipairs(arguments.operations) do
    if name_of(limit):find(word, 1, true) then
      return true
    end
  end
  return #arguments.operations == 0 and (arguments.all or is_used(limit))
end

local VARIABLE = "KLAVIYO_RATE_LIMIT_FILE"

-- Returns the limits that machines share, as those of this machine: what hosts hold is
-- used, too.
local function read_shared(context, client)
  if not (context.getenv(VARIABLE) or ""):lower():find("^rediss?[+%a]*://") then
    context:usage("--redis: set %s to the URL of a Redis: redis://host:6379/0", VARIABLE)
  end
  redis.load(context)
  local all, err = client:shared_limits()
  if not all then
    redis.fail(context, err, VARIABLE)
  end
  for _, limit in ipairs(all) do
    limit.wait = limit.blocked
    for _, window in ipairs(limit.windows) do
      window.others = limit.held
    end
  end
  return all
end

local function read_local(context, client)
  local all, err = client:rate_limits()
  if not all then
    error(err, 0)
  elseif all.problem then
    context:note(("%s cannot be used: %s; see klaviyo doctor"):format(all.file, all.problem))
  end
  return all
end

local function read(context, client, arguments)
  local all = (arguments.redis and read_shared or read_local)(context, client)
  local list, names = {}, {}
  for _, limit in ipairs(all) do
    names[#names + 1] = name_of(limit)
    if is_wanted(limit, arguments) then
      list[#list + 1] = limit
    end
  end
  if #list == 0 and #arguments.operations > 0 then
    local word = arguments.operations[1]
    context:usage('no operation "%s"%s; see klaviyo limits --all', word,
      suggest.text(word, names))
  end
  return list, all.file
end

-- Records ---------------------------------------------------------------------

local COLUMNS = {"name", "seconds", "limit", "used", "others", "wait"}
local SHARED_COLUMNS = {"name", "seconds", "limit", "used", "held", "left", "hosts", "waiting",
  "blocked"}

local function write_records(context, list, arguments)
  local writer = context:records {columns = arguments.redis and SHARED_COLUMNS or COLUMNS}
  for _, limit in ipairs(list) do
    for _, window in ipairs(limit.windows) do
      writer:add {
        name = name_of(limit), seconds = window.seconds, limit = window.limit,
        used = window.used, others = not arguments.redis and window.others or nil,
        wait = not arguments.redis and limit.wait or nil, held = limit.held, left = window.left,
        hosts = limit.hosts, waiting = limit.waiting, blocked = limit.blocked,
      }
    end
  end
  writer:finish()
end

-- Bars ------------------------------------------------------------------------

local UNITS = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}

-- Returns the length of a window, as in "10/s" or "150/min".
local function unit_of(seconds)
  for _, unit in ipairs(UNITS) do
    local count = seconds / unit[1]
    if count >= 1 and count % 1 == 0 then
      return count == 1 and unit[2] or ("%d %s"):format(count, unit[2])
    end
  end
  return ("%g s"):format(seconds)
end

local function figures_of(window)
  return ("%d/%d per %s"):format(window.used + window.others, window.limit,
    unit_of(window.seconds))
end

local function columns_in(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

local function padded(text, width)
  return text .. (" "):rep(width - columns_in(text))
end

local MIN_BAR, MAX_BAR, MIN_NAME = 4, 20, 12

-- Returns the widths: of the names, of a bar, and of the figures of each window.
local function layout(list, width)
  local name, figures, total, windows = MIN_NAME, {}, 0, 0
  for _, limit in ipairs(list) do
    name = math.max(name, #name_of(limit))
    windows = math.max(windows, #limit.windows)
    for i, window in ipairs(limit.windows) do
      figures[i] = math.max(figures[i] or 0, #figures_of(window))
    end
  end
  for i = 1, windows do
    total = total + figures[i] + 3  -- two blanks before a bar, one behind it
  end
  local bar = math.floor((width - name - total) / math.max(windows, 1))
  bar = math.max(MIN_BAR, math.min(MAX_BAR, bar))
  name = math.max(MIN_NAME, math.min(name, width - total - bar * windows))
  return name, bar, figures
end

local RED, YELLOW, GREEN, PLAIN = "\27[31m", "\27[33m", "\27[32m", "\27[0m"

local function coloured(bar, share)
  local colour = share >= 1 and RED or share >= 0.75 and YELLOW or GREEN
  return colour .. bar .. PLAIN
end

local function shortened(text, width)
  return #text <= width and text or text:sub(1, width - 2) .. ".."
end

local function bars_of(limit, widths, has_colours)
  local parts = {padded(shortened(name_of(limit), widths.name), widths.name)}
  for i, window in ipairs(limit.windows) do
    local used = window.used + window.others
    local bar = padded(chart.bar(used, window.limit, widths.bar), widths.bar)
    local last = i == #limit.windows
    parts[#parts + 1] = (has_colours and coloured(bar, used / window.limit) or bar) .. " "
      .. (last and figures_of(window) or padded(figures_of(window), widths.figures[i]))
  end
  return table.concat(parts, "  ")
end

-- Returns what is known of a limit besides its windows.
local function details_of(limit)
  local parts = {}
  if limit.hosts then
    parts[1] = limit.hosts == 1 and "1 host" or ("%d hosts"):format(limit.hosts)
    if limit.held > 0 then
      parts[#parts + 1] = ("%d allowed and not made yet"):format(limit.held)
    end
    if limit.waiting > 0 then
      parts[#parts + 1] = limit.waiting == 1 and "1 waits" or ("%d wait"):format(limit.waiting)
    end
  end
  if limit.wait >= 1 then
    parts[#parts + 1] = ("blocked for %d s"):format(math.ceil(limit.wait))
  end
  return table.concat(parts, ", ")
end

-- Returns the screen, as lines.
local function screen(context, list, file)
  local widths = {}
  widths.name, widths.bar, widths.figures = layout(list, context.terminal:width())
  local lines, has_colours = {}, context.terminal:colour()
  for _, limit in ipairs(list) do
    lines[#lines + 1] = bars_of(limit, widths, has_colours)
    local details = details_of(limit)
    if details ~= "" then
      lines[#lines + 1] = "  " .. details
    end
  end
  if #list == 0 then
    lines[1] = "nothing is used now" .. (file and " (" .. file .. ")" or "")
  end
  return lines
end

-- Moves to the top left corner; clears to the end of the line, and of the screen.
local HOME, CLEAR_LINE, CLEAR_REST = "\27[H", "\27[K", "\27[J"

-- Returns the lines that fit the terminal, whose size may have changed.
local function fitting(context, list, file)
  local size = terminals.output_of("stty size 2>/dev/null </dev/tty") or ""
  local rows, columns = size:match("^(%d+) (%d+)")
  context.terminal.columns = tonumber(columns) or context.terminal.columns
  local lines, room = screen(context, list, file), (tonumber(rows) or 24) - 1
  if room > 1 and #lines > room then
    local more = #lines - room + 1
    for i = #lines, room, -1 do
      lines[i] = nil
    end
    lines[room] = ("… %d more; name operations to see them"):format(more)
  end
  return lines
end

local function watch(context, client, arguments, seconds)
  context.terminal:hide_cursor()
  context:out("\27[2J")
  while true do
    local lines = fitting(context, read(context, client, arguments))
    context:out(HOME .. table.concat(lines, CLEAR_LINE .. "\n") .. CLEAR_LINE .. "\n"
      .. CLEAR_REST)
    context:flush()
    klaviyo.sleep(seconds)
  end
end

-- Writes records again and again, for a program that reads them.
local function watch_records(context, client, arguments, seconds)
  while true do
    write_records(context, (read(context, client, arguments)), arguments)
    context:flush()
    klaviyo.sleep(seconds)
  end
end

function M.run(context, arguments)
  local client = context:client()
  local is_table = output.format(context) == "table"
  if arguments.watch then
    local fn = is_table and context.terminal.stdout and watch or watch_records
    local _, why = pcall(fn, context, client, arguments,
      arguments.interval or 1)
    context.terminal:show_cursor()
    if tostring(why):find("interrupted!$") then
      return exit_status.OK
    end
    error(why, 0)
  elseif is_table then
    local list, file = read(context, client, arguments)
    context:out(table.concat(screen(context, list, file), "\n") .. "\n")
  else
    write_records(context, (read(context, client, arguments)), arguments)
  end
end

return M
