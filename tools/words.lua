-- The words of this project: refuses identifiers and phrases that HTTP's,
-- JSON:API's, libcurl's, nginx's and Lua's documentation do not use, and
-- grammar that is hard to read as a second language.
--
--   lua5.4 tools/words.lua        from the repository's root; make words

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local sources = require "sources"

-- Identifiers, and what the project says instead. "x_" is a prefix.
local IDENTIFIERS = {
  flight = "pending", new_flight = "pending", abandon = "cancel",
  trouble = "raw_error", arrive = "report_attempts", arrived = "a callback less",
  gives_another = "can_refresh", tell_attempts = "report_attempts",
  machine = "loop", trial = "attempt", trials = "attempts",
  lane = "request_queue", lanes = "rate_limits", ahead = "foreground",
  behind = "background", settle = "a verb of its own", judge = "validate, authorize",
  judged = "validated", refusal = "error_response, validation_error",
  seen = "a name of its own", took = "a name of its own", place = "a name of its own",
  places = "a name of its own", door = "listener", knock = "request_stop",
  ends = "completions", dressed = "configured",
  cut = "kind", bell = "ready_fd", alarm = "wakeup_fd", heed = "set_watched",
  watch_over = "watchdog_arm", look_after = "watchdog_check",
  overdue = "watchdog_due", missed = "watchdog_fired", be_ready = "enqueue",
  be_delayed = "schedule_retry", be_done = "finish", tell_end = "notify_done",
  give_up_waiting = "fail_rate_limited", hold = "file_lock", rooms = "bindings",
  misuse = "usage_error", catalogue = "operations", notation = "format",
  calendar = "revision_lifecycle",
  must = "get", several = "aggregate_error", lazy = "lazy_require",
  stands_still = "is_blocking", park = "suspend", glance = "poll",
  yield_to = "run_outer_loop", sentinel = "exit_hook", reader = "completion_listener",
  see_through = "drain", send_for = "start", dismiss = "stop",
  keeper = "store_access", rounds = "flush", put_aside = "quarantine",
  aside = "reject", tally = "report", patience = "stall_timeout",
  world = "state", codec = "json", chance = "ids", instant = "rfc3339",
  naming = "sequence", track_queue = "max_queued_events", given = "options, request",
  SLICE = "MAX_BLOCK", GLANCE = "POLL_INTERVAL", MOST_ = "MAX_", LONGEST_ = "MAX_",
  KEPT_ = "MAX_", open_text = "register_text", open_json = "register_json",
}

-- Phrases, as Lua patterns over lower-case text, and what to write instead.
local PHRASES = {
  {"%f[%a]it is no %a", "is not a"}, {"%f[%a]that is no %a", "is not a"}, {"%f[%a]what is no %a", "is not a"},
  {"%f[%a]are no %a", "are not"},
  {"%f[%a]who does%f[%A]", "a caller that does"}, {"%f[%a]for who%f[%A]", "if the caller"},
  {"%f[%a]to who%f[%A]", "to the caller that"}, {"%f[%a]so many%f[%A]", "this many, a number of"},
  {"%f[%a]under way%f[%A]", "in progress"}, {"%f[%a]given up", "cancelled"},
  {"%f[%a]gives up", "cancels, fails"}, {"%f[%a]give up", "cancel, fail"},
  {"%f[%a]whoever%f[%A]", "a subject"}, {"%f[%a]what of it", "a subject"},
  {"%f[%a]stands? still", "blocks"}, {"%f[%a]is said%f[%A]", "is passed"},
  {"%f[%a]are said%f[%A]", "are passed"}, {"%f[%a]is told%f[%A]", "is called with, receives"},
  {"%f[%a]are told%f[%A]", "are called with, receive"}, {"%f[%a]till%f[%A]", "until"},
  {"%f[%a]says none", "passes none"}, {"%f[%a]says nothing", "a verb"},
  {"%f[%a]nor is%f[%A]", "and is not"}, {"%f[%a]of old%f[%A]", "former"},
  {"%f[%a]not to be had", "not available"}, {"%f[%a]by oneself", "alone"},
  {"%f[%a]anew%f[%A]", "again"}, {"%f[%a]thereof", "of it"},
  {"%f[%a]upper floor", "binding layer"},
}

-- "file: part of the line" that may stay, each with its reason.
local EXCEPTIONS = {
}

local problems = 0

local function problem(file, line, format, ...)
  problems = problems + 1
  io.stderr:write(("%s:%d: %s\n"):format(file, line, format:format(...)))
end

local DATA = {["docs/resources.md"] = true, ["tools/words.lua"] = true}

local function files(patterns)
  local list = {}
  for _, file in ipairs(sources.files(patterns)) do
    if not DATA[file.name] and not file.name:find("^lua/klaviyo/operations/revisions/") then
      list[#list + 1] = file
    end
  end
  return list
end

local function is_exception(file, line)
  for _, one in ipairs(EXCEPTIONS) do
    if file == one[1] and line:find(one[2], 1, true) then
      return true
    end
  end
end

-- Blanks out comments and strings, so that lines keep their numbers.
local function code_of(name, text)
  local function blank(part) return (part:gsub("[^\n]", " ")) end
  if name:find("%.lua$") then
    return sources.lua_code(text)
  end
  return (text:gsub("/%*.-%*/", blank):gsub('"[^"\n]*"', blank))
end

local function banned(word)
  return IDENTIFIERS[word] or IDENTIFIERS[word:match("^%u+_") or ""]
end

for _, file in ipairs(files("'lua/*.lua' 'csrc/*.[ch]' 'tools/*.lua' 'bench/*.lua' 'spec/*.lua' 'examples/*.lua'")) do
  for _, line, number in sources.lines(code_of(file.name, file.text)) do
    for word in line:gmatch("[%a_][%w_]*") do
      if banned(word) and not is_exception(file.name, line) then
        problem(file.name, number, "%q is a private word: %s", word, banned(word))
      end
    end
  end
end

for _, file in ipairs(files("'lua/*.lua' 'csrc/*.[ch]' 'tools/*' 'bench/*.lua' "
  .. "'bench/*.c' 'spec/*.lua' 'spec/*.c' 'examples/*' '*.md' Makefile 'mk/*'")) do
  for _, line, number in sources.lines(file.text) do
    local lower = line:lower()
    for _, phrase in ipairs(PHRASES) do
      if lower:find(phrase[1]) and not is_exception(file.name, line) then
        problem(file.name, number, "%q: write %s", lower:match(phrase[1]), phrase[2])
      end
    end
  end
end

os.exit(problems == 0)
