-- Writes the man page docs/klaviyo.1, and the generated parts of docs/cli.md: the
-- table of commands, their options, and recordings of screens. `make reference`
-- runs it; a spec compares the files with what it returns.
--
-- A part of docs/cli.md stands between <!-- NAME --> and <!-- /NAME -->:
--   commands             the table of the commands
--   usage: auth login    the options of a command
--   screen: klaviyo …    a command, run against a sandbox, with what it shows
--   exit | environment   the tables of tools/cli_manual.lua

local contexts = require "klaviyo.cli.context"
local klaviyo = require "klaviyo"
local main = require "klaviyo.cli"
local manual = require "cli_manual"
local tree = require "klaviyo.cli.tree"

local M = {}

M.PAGE, M.MAN = "docs/cli.md", "docs/klaviyo.1"

local COLUMNS = 80

-- The day of the recordings: states of revisions depend on it.
local NOW = 1795860000  -- 2026-11-28T10:00:00Z

local function plain_terminal()
  return {stdin = false, stdout = true, stderr = false, columns = COLUMNS,
    colour = function() return false end}
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function new_tree()
  local root = tree.of(main.parser(contexts.new {terminal = plain_terminal()}))
  local nodes = {}
  tree.each(root, function(node)
    nodes[node.path] = node
  end)
  return root, nodes
end

-- Whether a command is not a resource.
local function is_static(node)
  for _, command in ipairs(main.commands()) do
    if command.name == node.path then
      return true
    end
  end
  return false
end

-- Recordings --------------------------------------------------------------------

-- What differs from one machine or run to another.
local VOLATILE = {
  {"http://127%.0%.0%.1:%d+", "http://127.0.0.1:8080"},
  {"%d+ ms", "12 ms"},
  {"libcurl/%d[%d.]*", "libcurl/8.14.1"},
  {"(libcurl +)%d[^,]*, [^,]*,", "%18.14.1, OpenSSL/3.5.1,"},
  {"nginx/%d[%d.]*", "nginx/1.26.3"},
  {"(ok +outbox +)[^\n]*", "%1/usr/lib/lua/5.4/klaviyo/outbox/store.so"},
  {"(ok +revision +)[^\n]*", "%12026-07-15, stable"},
  {"(clock +)%d+ s", "%10 s"},
  {"/tmp/[%w_.-]+", "/tmp/klaviyo-rate-limits-1000"},
  {"klaviyo%-rate%-limits%-1000 %([^)]*%)", "klaviyo-rate-limits-1000 (ext2/ext3)"},
}

local function steady(text)
  for _, one in ipairs(VOLATILE) do
    text = text:gsub(one[1], one[2])
  end
  return text
end

-- Splits a command line into words; understands single and double quotes.
local function words_of(line)
  local words, at = {}, 1
  while true do
    at = line:find("%S", at)
    if not at then
      return words
    end
    local word = ""
    while at <= #line and not line:find("^%s", at) do
      local quoted, after = line:match("^'([^']*)'()", at)
      if not quoted then
        quoted, after = line:match('^"([^"]*)"()', at)
      end
      if not quoted then
        quoted, after = line:match("^([^%s'\"]+)()", at)
      end
      word, at = word .. assert(quoted, line), after
    end
    words[#words + 1] = word
  end
end

local Sink = {}
Sink.__index = Sink

function Sink:write(...)
  for i = 1, select("#", ...) do
    self.screen[#self.screen + 1] = (select(i, ...))
  end
  return self
end

function Sink.flush()
  return true
end

local time, date = os.time, os.date

-- Calls a function on the day of the recordings.
local function on_that_day(fn, ...)
  os.time = function(t)  -- luacheck: ignore 122
    return t and time(t) or NOW
  end
  os.date = function(format, at)  -- luacheck: ignore 122
    return date(format, at or NOW)
  end
  local ok, result = pcall(fn, ...)
  os.time, os.date = time, date  -- luacheck: ignore 122
  return ok and result or error(result, 0)
end

-- Runs a command line; returns what a terminal shows.
local function record(line, env, settings)
  local screen = {}
  local sink = setmetatable({screen = screen}, Sink)
  local words = words_of(line)
  assert(table.remove(words, 1) == "klaviyo", line)
  main.main(words, {
    stdout = sink, stderr = sink, terminal = plain_terminal(), settings = settings,
    stdin = {read = function() return nil end},
    getenv = function(name)
      return env[name]
    end,
  })
  return (steady(table.concat(screen)):gsub("%s+$", ""):gsub("[ \t]+\n", "\n"))
end

-- The data of the recordings.
local function fill(server)
  local client = klaviyo.new {api_key = server.key, base_url = server.base_url,
    rate_limit_file = false, revision = "2026-07-15", pacing = false}
  for _, name in ipairs {"Newsletter", "Winter sale"} do
    assert(client.lists:create {name = name})
  end
  assert(client.templates:create {name = "Mail for VIPs", editor_type = "CODE", html = "<p>Hello</p>"})
end

-- Returns a function that records a command line. All run in one sandbox, in the
-- order of the page.
local function recorder()
  local server = assert(klaviyo.sandbox.start {profiles = 25, seed = 7,
    key = "pk_0123456789abcdef0123456789abcdef0123", now = NOW})
  fill(server)
  local file = os.tmpname()
  os.remove(file)
  local env = {KLAVIYO_API_KEY = server.key, KLAVIYO_BASE_URL = server.base_url,
    HOME = "/nonexistent"}
  local settings = {rate_limit_file = file, retries = 0}
  return function(line)
    if line:find("^klaviyo limits") then
      klaviyo.sleep(1.1)  -- the windows of a second are over
    end
    if line:find("^klaviyo doctor") then
      return record(line, env, settings)  -- compares the clock with the sandbox's
    end
    return on_that_day(record, line, env, settings)
  end, function()
    server:stop()
    os.remove(file)
  end
end

-- docs/cli.md -------------------------------------------------------------------

local function commands_table()
  local lines = {"| command | |", "| --- | --- |"}
  for _, command in ipairs(main.commands()) do
    lines[#lines + 1] = ("| `klaviyo %s` | %s |"):format(command.name, command.summary)
  end
  return table.concat(lines, "\n")
end

local function pairs_table(head, list)
  local lines = {("| %s | |"):format(head), "| --- | --- |"}
  for _, one in ipairs(list) do
    lines[#lines + 1] = ("| `%s` | %s |"):format(tostring(one[1]):gsub(", ", "`, `"), one[2])
  end
  return table.concat(lines, "\n")
end

local function usage(nodes, path)
  local node = assert(nodes[path], "no command " .. path)
  return "```text\n" .. node.parser:get_help():gsub("%s+$", "") .. "\n```"
end

local function screen(run, line)
  return ("```console\n$ %s\n%s\n```"):format(line, run(line))
end

-- Returns the part of docs/cli.md with this name.
local function part(name, nodes, run)
  local kind, rest = name:match("^(%a+): (.*)$")
  if kind == "usage" then
    return usage(nodes, rest)
  elseif kind == "screen" then
    return screen(run, rest)
  elseif name == "commands" then
    return commands_table()
  elseif name == "exit" then
    return pairs_table("status", manual.EXIT)
  elseif name == "environment" then
    return pairs_table("variable", manual.ENVIRONMENT)
  end
  error("docs/cli.md: unknown part " .. name)
end

-- Writes the parts of the page again.
local function with_parts(text, nodes, run)
  local out, name = {}, nil
  for line in text:gmatch("([^\n]*)\n") do
    local opened = line:match("^<!%-%- ([^/].-) %-%->$")
    if line:find("^<!%-%- /") then
      name = nil
    end
    if not name then
      out[#out + 1] = line
    end
    if opened then
      name = opened
      out[#out + 1] = part(name, nodes, run)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

--- Returns docs/cli.md with its parts written again.
---@param text string
---@return string
function M.page(text)
  local _, nodes = new_tree()
  local run, close = recorder()
  local ok, result = pcall(with_parts, text, nodes, run)
  close()
  return ok and result or error(result, 0)
end

-- The man page ------------------------------------------------------------------

local function escaped(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("…", "...")
    :gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local function add(out, format, ...)
  out[#out + 1] = format:format(...)
end

local function add_term(out, term, text)
  add(out, ".TP\n\\fB%s\\fR\n%s", term, escaped(text))
end

local function option_term(option)
  local names = table.concat(option.names, ", ")
  return escaped(names) .. (option.value and "\\fR \\fI" .. escaped(option.value) or "")
end

local function synopsis(node)
  local words = {}
  for _, argument in ipairs(node.arguments) do
    local text = "\\fI" .. escaped(argument.name) .. "\\fR"
    if argument.many then
      text = text .. " ..."
    end
    words[#words + 1] = argument.optional and "[" .. text .. "]" or text
  end
  return ("\\fBklaviyo%s\\fR%s%s"):format(node.path == "" and "" or " " .. escaped(node.path),
    #node.options > 1 and " [\\fIOPTION\\fR ...]" or "",
    #words > 0 and " " .. table.concat(words, " ") or "")
end

local function add_command(out, node)
  add(out, ".SS %s", synopsis(node))
  add(out, "%s", escaped(node.description))
  for _, argument in ipairs(node.arguments) do
    add_term(out, "\\fI" .. escaped(argument.name), argument.description)
  end
  for _, option in ipairs(node.options) do
    if option.names[1] ~= "-h" then
      add_term(out, option_term(option), option.description)
    end
  end
end

local function add_pairs(out, title, list)
  add(out, ".SH %s", title)
  for _, one in ipairs(list) do
    add_term(out, escaped(tostring(one[1])), one[2])
  end
end

-- Whether a command of `klaviyo events` is its own, and not an operation.
local function add_static(out, node, routes)
  if #node.commands == 0 then
    add_command(out, node)
  end
  for _, child in ipairs(node.commands) do
    if not routes[child.path] then
      add_static(out, child, routes)
    end
  end
end

-- Returns the paths of the operations: "events list".
local function operation_paths(revision)
  local paths = {}
  for _, op in ipairs(klaviyo.operations.list {revision = revision}) do
    local function hyphened(name)
      return (name:gsub("_", "-"))
    end
    paths[hyphened(op.resource) .. " " .. hyphened(op.verbs[1])] = true
    if op.relation then
      paths[hyphened(op.resource) .. " " .. hyphened(op.relation)] = true
    end
    if op.public then
      paths["client " .. hyphened(op.resource)] = true
    end
  end
  return paths
end

--- Returns the man page.
---@return string
function M.man()
  local root = new_tree()
  local out = {}
  add(out, '.\\" Written by tools/cli_pages.lua.')
  add(out, '.TH KLAVIYO 1 "" "klaviyo %s" "User Commands"', klaviyo._VERSION)
  add(out, ".SH NAME\nklaviyo \\- the Klaviyo API from the shell")
  add(out, ".SH SYNOPSIS\n\\fBklaviyo\\fR [\\fIOPTION\\fR ...] \\fICOMMAND\\fR ...")
  add(out, ".SH DESCRIPTION\n%s", escaped(manual.RESOURCES))
  add(out, ".PP\n%s", escaped("On a terminal the output is a table, elsewhere JSON Lines. Requests wait "
    .. "for the rate limits, which all programs of the machine share, and are repeated only where "
    .. "that does no harm."))
  add(out, ".SH OPTIONS\nThese may be anywhere on the command line.")
  for _, option in ipairs(root.options) do
    add_term(out, option_term(option), option.description)
  end
  add(out, ".SH COMMANDS")
  local routes = operation_paths(contexts.default_revision())
  local resources = {}
  for _, node in ipairs(root.commands) do
    if is_static(node) then
      add_static(out, node, routes)
    else
      resources[#resources + 1] = node.name
    end
  end
  add(out, ".SH RESOURCES\n%s", escaped(table.concat(resources, ", ") .. "."))
  add(out, ".SH ACCOUNTS\n%s", escaped(manual.PRECEDENCE))
  add_pairs(out, "EXIT STATUS", manual.EXIT)
  add_pairs(out, "ENVIRONMENT", manual.ENVIRONMENT)
  add(out, ".SH FILES")
  add_term(out, escaped("~/.config/klaviyo/accounts.json"), "The accounts with their keys, which only you can read.")
  add(out, ".SH EXAMPLES")
  for _, one in ipairs(manual.EXAMPLES) do
    add_term(out, escaped(one[1]), one[2])
  end
  add(out, ".SH SEE ALSO\nhttps://github.com/klaviyo\\-lua/klaviyo: docs/cli.md has an introduction.\n")
  return table.concat(out, "\n")
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- Writes both files.
function M.main()
  write(M.PAGE, M.page(read(M.PAGE)))
  write(M.MAN, M.man())
end

return M
