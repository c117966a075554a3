--- The command `klaviyo`: reads the command line, loads the module of its command,
--- and turns every error into one line and an exit status.

local exit_status = require "klaviyo.cli.exit_status"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

-- The global options: they may be anywhere on the command line.
local OPTIONS = {
  {"--account", argname = "NAME", description = "Use this account: see klaviyo auth."},
  {"--base-url", argname = "URL",
    description = "Call this address, such as a sandbox's or a gateway's."},
  {"--revision", argname = "DATE",
    description = "Use this revision of the API; default: the newest one."},
  {"--output", argname = "FORMAT", choices = {"table", "json", "jsonl", "csv"},
    description = "table, json, jsonl or csv; default: table on a terminal, jsonl elsewhere."},
  {"--columns", argname = "NAMES",
    description = "The members of each record that are shown: id,attributes.email"},
  {"--dry-run", flag = true, description = "Show the request, and send nothing."},
  {"--debug", flag = true, description = "Show every attempt on stderr."},
  {"--yes", flag = true, description = "Do not ask before deleting, sending and the like."},
  {"--quiet", flag = true, description = "Write no notes and no progress to stderr."},
}

local takes_value = {}
for _, option in ipairs(OPTIONS) do
  takes_value[option[1]] = not option.flag
end

local function target_of(name)
  return (name:gsub("^%-%-", ""):gsub("%-", "_"))
end

-- Returns the words that are not options, and the values of the global options:
-- enough to know which command is meant, before its arguments are known.
local function scan(argv)
  local words, values, i = {}, {}, 1
  while i <= #argv do
    local word = argv[i]
    local name, value = word:match("^(%-%-[%w-]+)=(.*)$")
    name = name or word
    if takes_value[name] ~= nil then
      if takes_value[name] and not value then
        i = i + 1
        value = argv[i]
      end
      values[target_of(name)] = value or true
    elseif word == "--" then
      for j = i + 1, #argv do
        words[#words + 1] = argv[j]
      end
      break
    elseif word:sub(1, 1) ~= "-" or word == "-" then
      words[#words + 1] = word
    end
    i = i + 1
  end
  return words, values
end

local function add_options(parser)
  local list = {}
  for i, option in ipairs(OPTIONS) do
    local one = option.flag and parser:flag(option[1]) or parser:option(option[1])
    list[i] = one:description(option.description)
    if option.argname then
      one:argname(option.argname)
    end
    if option.choices then
      one:choices(option.choices)
    end
  end
  return list
end

--- Returns the commands besides the resources.
---@return {name: string, summary: string, module: string}[]
function M.commands()
  return require "klaviyo.cli.commands"
end

local function find_command(name)
  for _, command in ipairs(M.commands()) do
    if command.name == name then
      return command
    end
  end
end

local function underscored(name)
  return (name:gsub("%-", "_"))
end

-- Adds the parser of a resource, and the operations of those that are wanted.
local function add_resource(parser, context, name, is_public, is_wanted, summary)
  local one = parser:command(name):summary(summary)
    :description(("The calls for %s."):format((name:gsub("%-", " "))))
  if name:find("-", 1, true) then
    one:hidden_name(underscored(name))
  end
  if is_wanted then
    local resource = require "klaviyo.cli.resource_parser"
    resource.configure(one, context, resource.operations(context, name, is_public))
  end
  return one
end

local function add_resources(parser, context, list, is_public, wanted)
  local listed = {}
  for i, one in ipairs(list) do
    listed[i] = add_resource(parser, context, one.name, is_public, wanted == true
      or wanted ~= nil and underscored(one.name) == underscored(wanted), one.summary)
  end
  return listed
end

local function add_command(parser, context, command, is_wanted)
  local one = parser:command(command.name):summary(command.summary)
    :description(command.summary .. ".")
  if is_wanted and command.extends then
    local resource = require "klaviyo.cli.resource_parser"
    resource.configure(one, context, resource.operations(context, command.name))
  end
  if is_wanted and command.name == "client" then
    local words = context.words
    local resource = require "klaviyo.cli.resource_parser"
    add_resources(one, context, resource.resources(context, true), true,
      not words or words[2])
  elseif is_wanted then
    require(command.module).configure(one, context)
  end
  return one
end

-- What the end of the help says.
local NOTES = [[
The account is the first of --account, $KLAVIYO_ACCOUNT, $KLAVIYO_API_KEY (or
$KLAVIYO_ACCESS_TOKEN), and the one of `klaviyo auth login` or `switch`. The
address is the first of --base-url, $KLAVIYO_BASE_URL, that of the account, and
https://a.klaviyo.com. The revision is --revision, $KLAVIYO_REVISION, or the
newest one. Other settings: $KLAVIYO_DEADLINE, $KLAVIYO_RETRIES, …

Exit status: 0 done; 1 refused by the API, or a file failed; 2 the command line
is wrong; 3 some records failed; 4 no key, a wrong key or a missing scope; 5 not
reachable, or out of time; 130 interrupted.]]

--- Returns the parser of the command line. Only the command that the words of the
--- context name gets its arguments; without words, all commands get them.
---@param context klaviyo.cli.Context
function M.parser(context)
  local parser = require("klaviyo.cli.parser").new("klaviyo")
  parser:description("Calls the Klaviyo API from the shell.")
  parser:command_target("command")
  parser:help_max_width(context.terminal.stdout and context.terminal:width() or 80)
  add_options(parser)
  parser:flag("--version"):description("Show the version.")
  local get_help = parser.get_help
  function parser:get_help()
    return get_help(self) .. "\n\n" .. NOTES
  end
  local wanted = context.words and context.words[1]
  local listed, is_static = {}, {}
  for i, command in ipairs(M.commands()) do
    is_static[command.name] = true
    listed[i] = add_command(parser, context, command,
      not context.words or command.name == wanted)
  end
  parser:group("Commands", unpack(listed))
  -- a resource that is called needs no list of the others
  if wanted and context.resource then
    add_resource(parser, context, context.resource, false, true, "")
  elseif not wanted then
    local list = {}
    for _, one in ipairs(require("klaviyo.cli.resource_parser").resources(context)) do
      list[#list + 1] = not is_static[one.name] and one or nil
    end
    parser:group("Resources", unpack(add_resources(parser, context, list, false,
      not context.words or nil)))
  end
  return parser
end

local function refuse_command(context, name)
  local names = require("klaviyo.cli.resource_parser").names(context)
  for _, command in ipairs(M.commands()) do
    names[#names + 1] = command.name
  end
  context:usage('unknown command "%s"%s; see klaviyo --help', name,
    require("klaviyo.cli.suggest").text(name, names))
end

-- Notes that a word is a resource, or ends the command.
local function find_resource(context, word)
  local name = word:gsub("_", "-")
  local resource = require "klaviyo.cli.resource_parser"
  if #resource.operations(context, name) == 0 then
    refuse_command(context, word)
  end
  context.resource = name
end

-- Separates the global options from those of the command.
local function split(context, parsed)
  for _, option in ipairs(OPTIONS) do
    local name = target_of(option[1])
    context.arguments[name] = parsed[name]
    parsed[name] = nil
  end
  return parsed
end

-- `klaviyo help lists` is `klaviyo lists --help`.
local function without_help(argv)
  if argv[1] ~= "help" then
    return argv
  end
  local words = {unpack(argv, 2)}
  words[#words + 1] = "--help"
  return words
end

local function run(context, argv)
  argv = without_help(argv)
  local words, values = scan(argv)
  context.words, context.arguments, context.new_parser = words, values, M.parser
  local command = words[1] and find_command(words[1])
  if words[1] and not command then
    find_resource(context, words[1])
  end
  local parser = M.parser(context)
  if #argv == 0 then
    context:out(parser:get_help() .. "\n")
    return exit_status.USAGE
  end
  local parsed = split(context, parser:parse(argv))
  if parsed.operation_id then
    return require("klaviyo.cli.command.resource").run(context, parsed)
      or exit_status.OK
  end
  return require(command.module).run(context, parsed) or exit_status.OK
end

-- Errors ----------------------------------------------------------------------

local home = debug.getinfo(1, "S").source:match("^(.*[/\\])cli[/\\]init%.lua$")

-- Returns true if the library raises an error for a wrong argument. Is called by
-- the handler of an error, while its stack is still there.
local function is_usage_error(text)
  for level = 2, 6 do
    local info = debug.getinfo(level, "S")
    if info and info.source == home .. "util/usage_error.lua" then
      return true
    end
  end
  -- one that was caught and raised again: it names the line of the caller of the
  -- library, which is the program
  local location, program = text:match("^(.-):%d+: "), (arg or {})[0]
  return location ~= nil and program ~= nil and (location == program
    or location:sub(1, 3) == "..." and program:sub(3 - #location) == location:sub(4))
end

-- Returns an error as a table: {help=}, {usage=}, {status=, message=}, a library
-- error, or {bug=}.
local function classified(err)
  if type(err) == "table" then
    return err
  end
  local text = tostring(err)
  if text:find("interrupted!", 1, true) then
    return {status = exit_status.INTERRUPTED, message = "interrupted"}
  elseif is_usage_error(text) then
    return {usage = text:gsub("^.-:%d+: ", "", 1)}
  end
  return {bug = debug.traceback(text, 2)}
end

local function report_bug(context, err)
  if context.arguments.debug then
    context.stderr:write(err.bug, "\n")
  end
  context:complain("this is a defect of klaviyo: " .. err.bug:match("^[^\n]*")
    .. " (--debug shows where)")
  return exit_status.REFUSED
end

local function finish(context, err)
  context.terminal:show_cursor()
  if err.help then
    context:out(err.help)
    return exit_status.OK
  elseif err.usage then
    context:complain(err.usage)
    return exit_status.USAGE
  elseif err.bug then
    return report_bug(context, err)
  elseif type(err.status) == "number" and err.kind == nil then
    if err.message then
      context:complain(err.message)
    end
    return err.status
  end
  return context:error(err)
end

-- Runs a function; returns an exit status.
local function guarded(context, fn, ...)
  local ok, status = xpcall(fn, classified, ...)
  if ok then
    return status
  end
  ok, status = xpcall(finish, classified, context, status)
  -- the help or the message could not be written
  return ok and status or finish(context, status)
end

--- Runs a command line. Returns the exit status; nothing is raised.
---@param argv string[]
---@param streams table|nil  see klaviyo.cli.context
---@return integer
function M.main(argv, streams)
  if argv[1] == "--version" and not streams then
    local ok = io.write("klaviyo ", require "klaviyo.version", "\n")
      and io.stdout:flush()
    return ok and exit_status.OK or exit_status.REFUSED
  end
  if not streams then
    require("klaviyo.cli.standard_streams").reserve()
  end
  local context = require("klaviyo.cli.context").new(streams)
  local status = guarded(context, function()
    return run(context, argv)
  end)
  local flushed = guarded(context, function()
    context:flush()
    return exit_status.OK
  end)
  return status ~= exit_status.OK and status or flushed
end

return M
