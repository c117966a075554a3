-- Checks the words of the sources: refuses identifiers, file names and phrases
-- that the documentation of HTTP, JSON:API, libcurl, nginx and Lua does not use,
-- and grammar that is hard to read in a second language.
--
--   lua5.4 tools/words.lua        from the repository's root; make words

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local sources = require "sources"

-- Refused identifiers, and the words to use instead. A key that ends in "_" is a
-- prefix of names in upper case.
local NAME_IT = "a name for what it holds"
local IDENTIFIERS = {
  flight = "pending", abandon = "cancel", land = "await",
  trouble = "raw_error", arrive = "report_attempts", arrived = "received, completed",
  gives_another = "can_refresh", tell_attempts = "report_attempts",
  machine = "loop", trial = "attempt", trials = "attempts",
  lane = "request_queue", lanes = "rate_limits", ahead = "foreground",
  behind = "background", settle = "retry_unauthorized, assign, finish",
  settled = "finished, resumed", judge = "validate, authorize", judged = "validated",
  judgement = "check", refusal = "error_response, validation_error",
  seen = NAME_IT, took = "elapsed", place = "node, location, slot", places = NAME_IT,
  given = "options, request, arguments", said = NAME_IT, told = NAME_IT,
  world = "state, fixture", door = "listener", knock = "request_stop",
  ends = "completions", dressed = "configured", dress = "setup", undress = "clear",
  cut = "kind, split", bell = "ready_fd", alarm = "wakeup_fd", heed = "set_watched",
  watch_over = "watchdog_arm", look_after = "watchdog_check",
  overdue = "watchdog_due", missed = "watchdog_fired", be_ready = "enqueue",
  be_delayed = "schedule_retry", be_done = "finish", tell_end = "notify_done",
  give_up_waiting = "fail_rate_limited", hold = "file_lock", rooms = "bindings",
  misuse = "usage_error", catalogue = "operations", notation = "format",
  calendar = "revision_lifecycle", must = "get", several = "aggregate_error",
  lazy = "lazy_require", stands_still = "is_blocking", park = "suspend",
  glance = "poll", yield_to = "run_outer_loop", sentinel = "exit_hook",
  reader = "completion_listener", see_through = "drain", send_for = "start",
  dismiss = "stop", keeper = "store_access", put_aside = "quarantine", aside = "reject", tally = "report, stats",
  patience = "stall_timeout", codec = "json", chance = "ids", instant = "rfc3339, datetime",
  naming = "sequence", track_queue = "max_queued_events", walk = "iterate",
  open_text = "register_text", open_json = "register_json",
  SLICE = "MAX_BLOCK", GLANCE = "POLL_INTERVAL", MOST_ = "MAX_", LONGEST_ = "MAX_",
  KEPT_ = "MAX_",
}

-- Words that no identifier or file name may contain between underscores either,
-- as in flight_new or open_door.
local PARTS = {}
for _, word in ipairs {
  "flight", "trouble", "machine", "trial", "trials", "lane", "lanes", "judge",
  "refusal", "door", "knock", "dress", "undress", "dressed", "bell", "heed", "rooms",
  "misuse", "catalogue", "glance", "sentinel", "keeper", "tally", "patience", "codec",
  "world", "told", "said",
} do
  PARTS[word] = IDENTIFIERS[word]
end

-- Refused phrases, as Lua patterns over lower-case text, and the words to write
-- instead. `%<` and `%>` are the borders of a word.
local PHRASES = {
  {"%<is no %a+", "is not a"}, {"%<are no %a+", "are not"}, {"%<was no %a+", "was not a"},
  {"%<who does%>", "a caller that does"}, {"%<for who%>", "if the caller"},
  {"%<to who%>", "to the caller that"}, {"%<so many%>", "a number of, COUNT"},
  {"%<under way%>", "in progress"}, {"%<given up%>", "cancelled"},
  {"%<gives up%>", "cancels, fails"}, {"%<gave up%>", "cancelled, failed"},
  {"%<give up%>", "cancel, fail"}, {"%<giving up%>", "cancelling"},
  {"%<whoever%>", "a subject"}, {"%<what of it%>", "a subject"},
  {"%<stands? still%>", "blocks"}, {"%<standing still%>", "blocking"},
  {"%<said%>", "passed, set, reported"}, {"%<told%>", "called with, passed"},
  {"%<till%>", "until"}, {"%<anew%>", "again"}, {"%<thereof%>", "of it"},
  {"%<says none%>", "passes none"}, {"%<says nothing%>", "a verb"},
  {"%<nor is%>", "and is not"}, {"%<nor are%>", "and are not"}, {"%<of old%>", "former"},
  {"%<not to be had%>", "not available"}, {"%<by oneself%>", "alone"},
  {"%<upper floor%>", "binding layer"}, {"%<plain floor%>", "plain C layer"},
  {"%<the face%>", "public Lua API"}, {"%<but for%>", "except"},
  {"%<walks?%>", "iterates"}, {"%<walked%>", "iterated"}, {"%<walking%>", "iterating"},
  {"%<mended%>", "corrected"}, {"%<as ever%>", "as before"},
  {"%<as they stand%>", "unchanged"}, {"%<as it stands%>", "unchanged"},
  {"%<no crud%>", "not CRUD"},
}

-- Returns the longest part of a pattern that a match contains as it is.
local function literal_of(pattern)
  local longest = ""
  local parts = pattern:gsub("%b[]", "\0"):gsub("%%.", "\0"):gsub(".[?*+]", "\0")
  for part in parts:gmatch("%Z+") do
    longest = #part > #longest and part or longest
  end
  return longest
end

for _, phrase in ipairs(PHRASES) do
  phrase.literal = literal_of(phrase[1])
  phrase[1] = phrase[1]:gsub("%%<", "%%f[%%a]"):gsub("%%>", "%%f[%%A]")
end

-- Exceptions: a file, a part of the line or the file's name, and the reason.
local READER = "the public option `reader` of an upload"
local EXCEPTIONS = {
  {"csrc/json/reader.c", "reader", "it reads JSON: the usual name of a parser's input"},
  {"csrc/json/reader.h", "reader", "its header"},
  {"csrc/json/reader.c", "vget_lane_u64", "an intrinsic function of NEON"},
  {"spec/support/budget_probe.c", "alarm(5)", "the POSIX function"},
  {"lua/klaviyo/request/multipart.lua", "reader", READER},
  {"spec/request/multipart_spec.lua", "reader", READER},
  {"spec/contract/operations.lua", "reader", READER},
}

local problems = 0

local function problem(file, line, format, ...)
  problems = problems + 1
  io.stderr:write(("%s:%d: %s\n"):format(file, line, format:format(...)))
end

-- Data that is generated from the service's documents, and files that contain the
-- refused words: this one, and its spec.
local EXEMPT = {
  ["docs/resources.md"] = true, ["CHANGELOG.md"] = true,
  ["tools/words.lua"] = true, ["spec/tools/words_spec.lua"] = true,
}

local function is_exempt(name)
  return EXEMPT[name] or name:find("^lua/klaviyo/operations/revisions/") ~= nil
end

local function files(patterns)
  local list = {}
  for _, file in ipairs(sources.files(patterns)) do
    if not is_exempt(file.name) then
      list[#list + 1] = file
    end
  end
  return list
end

-- Redis calls the processes that choose its primary sentinels.
local function is_term(file, word)
  return word:lower():find("sentinel", 1, true) and file:find("redis", 1, true)
end

local used = {}

local function is_exception(file, line)
  for i, one in ipairs(EXCEPTIONS) do
    if file == one[1] and line:find(one[2], 1, true) then
      used[i] = true
      return true
    end
  end
end

local function code_of(file)
  return file.name:find("%.lua$") and sources.lua_code(file.text)
    or sources.c_code(file.text)
end

-- Identifier → the words to use instead of it, or false. Most stand in many lines.
local known = {}

local function find_refused(word)
  local instead = IDENTIFIERS[word] or IDENTIFIERS[word:match("^%u+_") or ""]
  for part in word:lower():gmatch("[^_]+") do
    instead = instead or PARTS[part]
  end
  return instead or false
end

-- Returns the words to use instead of a refused identifier.
local function refused(word)
  if known[word] == nil then
    known[word] = find_refused(word)
  end
  return known[word]
end

-- Returns the phrases that a text may contain. To find a literal is fast: only these
-- phrases are searched for in its lines.
local function phrases_in(text)
  local list, lower = {}, text:lower()
  for _, phrase in ipairs(PHRASES) do
    if lower:find(phrase.literal, 1, true) then
      list[#list + 1] = phrase
    end
  end
  return list
end

for _, file in ipairs(files("'*.lua' '*.c' '*.h' '*.js' '*.sh'")) do
  local name = file.name:match("[^/]+$"):match("^[^.]+")
  if refused(name) and not is_exception(file.name, name) then
    problem(file.name, 1, "the file name %q: use %s", name, refused(name))
  end
end

for _, file in ipairs(files("'*.lua' '*.c' '*.h' '*.js'")) do
  for _, line, number in sources.lines(code_of(file)) do
    for word in line:gmatch("[%a_][%w_]*") do
      local instead = refused(word)
      if instead and not is_term(file.name, word)
        and not is_exception(file.name, line) then
        problem(file.name, number, "the identifier %q: use %s", word, instead)
      end
    end
  end
end

-- "there is no x" and "is no longer" are English.
local function is_allowed(lower, first, found)
  return lower:sub(1, first - 1):find("there $") or found:find(" no longer$")
    or found:find(" no more$")
end

for _, file in ipairs(files("'*.lua' '*.c' '*.h' '*.js' '*.sh' '*.md' '*.conf' '*.yml' "
  .. "Makefile 'mk/*' '.ci/*'")) do
  local phrases = phrases_in(file.text)
  for _, line, number in sources.lines(#phrases > 0 and file.text or "") do
    local lower = line:lower()
    for _, phrase in ipairs(phrases) do
      local first, last = lower:find(phrase[1])
      if first and not is_allowed(lower, first, lower:sub(first, last))
        and not is_exception(file.name, line) then
        problem(file.name, number, "%q: write %s", lower:sub(first, last), phrase[2])
      end
    end
  end
end

for i, one in ipairs(EXCEPTIONS) do
  if not used[i] then
    problem("tools/words.lua", 1, "the exception %q of %s is not needed", one[2], one[1])
  end
end

os.exit(problems == 0)
