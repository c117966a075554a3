--- `klaviyo import`: bulk imports of CSV and JSON Lines.

local files = require "klaviyo.cli.files"
local kinds = require "klaviyo.cli.import.kinds"
local shell = require "klaviyo.cli.shell"

-- The modules that only a run needs; --help does not load them.
local parts = setmetatable({}, {__index = function(self, name)
  local module = require("klaviyo.cli.import." .. name)
  rawset(self, name, module)
  return module
end})

local M = {}

local SEPARATORS = {tab = "\t", ["\\t"] = "\t"}

local DESCRIPTION = [[
Imports the rows of a file. It keeps to the rate limits, waits for the jobs that
the service makes of the rows, and goes on where it stopped after an interruption
(--resume). Columns become the attributes of the same name, without regard to case,
blanks, "_", "-" and "."; other columns become properties, if there are any. Rows that are
refused go to FILE.rejected.csv, with their lines and the reasons.]]

local function whole(text)
  local number = tonumber(text)
  if number and number >= 1 and number % 1 == 0 then
    return number
  end
  return nil, ("%s is not a number of rows"):format(text)
end

-- Adds what all kinds have.
local function add_options(parser)
  parser:argument("file"):argname("FILE")
    :description "CSV with a header, or JSON Lines; - is the standard input."
  parser:option("--map"):argname("HEADER=ATTRIBUTE"):count("*")
    :description("What a column becomes: an attribute, or properties.NAME; nothing after "
      .. "= skips it. #3 is the third column.")
  parser:option("--type"):argname("HEADER=TYPE"):count("*")
    :description "string, number, integer, boolean, object or list (of JSON)."
  parser:flag("--skip-unknown")
    :description "Skip columns that are not attributes; do not make properties of them."
  parser:option("--format"):choices {"csv", "jsonl"}
    :description "The format of FILE; default: by its name or its first character."
  parser:option("--separator"):argname("SIGN")
    :description "Of CSV; default: the most frequent one of , ; tab | in the header."
  parser:option("--decimal"):argname("SIGN"):choices {".", ","}
    :description "The decimal sign of numbers in CSV; default: a point."
  parser:flag("--resume")
    :description "Go on with an import that was interrupted."
  parser:flag("--restart")
    :description "Begin again, although an import of FILE was interrupted."
  parser:option("--journal"):argname("PATH")
    :description "The file that allows to resume; default: FILE.journal."
  parser:option("--rejected"):argname("PATH")
    :description "The file of refused rows; default: FILE.rejected.csv."
  parser:option("--batch-size"):argname("N"):convert(whole)
    :description "Rows in a request; default: as many as the service allows."
end

local function action_names(kind)
  local names = {}
  for i, action in ipairs(kind.actions) do
    names[i] = action.name
  end
  return names
end

--- Adds the kinds as commands.
function M.configure(parser)
  parser:description((DESCRIPTION:gsub("\n", " ")))
  parser:command_target("kind")
  for _, kind in ipairs(kinds.list) do
    local one = parser:command(kind.name)
    if kind.name:find("_") then
      one:hidden_name((kind.name:gsub("_", "-")))
    end
    one:summary(kind.summary):description(kind.summary:gsub("^%l", string.upper)
      .. ".")
    add_options(one)
    if kind.list then
      one:option("--list"):argname("ID"):description "The list of the profiles."
    end
    if #kind.actions > 1 then
      one:option("--action"):choices(action_names(kind))
        :description("What to do; default: " .. kind.actions[1].name .. ".")
    end
    if kind.consent then
      one:option("--channel"):choices {"email", "sms"}:count("*")
        :description("The channels of rows without subscriptions of their own; "
          .. "default: email.")
      one:flag("--historical"):description "The consent was given in the past."
      one:option("--source"):argname("TEXT")
        :description "Where the consent was given."
    end
  end
end

-- Options -----------------------------------------------------------------------

local function pairs_of(context, texts, option)
  local map, wrong = parts.mapping.pairs_of(texts)
  if not map then
    context:usage("--%s: %q is not HEADER=%s", option, wrong,
      option == "map" and "ATTRIBUTE" or "TYPE")
  end
  return map
end

local TYPES = {string = true, number = true, integer = true, boolean = true,
  object = true, list = true}

-- Returns what input.open takes.
local function input_options(context, arguments)
  local kind = kinds.get(arguments.kind)
  local options = {
    kind = kind, action = kinds.action(kind, arguments.action),
    map = pairs_of(context, arguments.map, "map"),
    types = pairs_of(context, arguments.type, "type"),
    format = arguments.format, decimal = arguments.decimal,
    separator = SEPARATORS[arguments.separator] or arguments.separator,
    revision = context:revision(), skip_unknown = arguments.skip_unknown,
    channels = arguments.channel and #arguments.channel > 0
      and arguments.channel or nil,
  }
  for header, name in pairs(options.types) do
    if not TYPES[name] then
      context:usage('--type: "%s" is not a type (of column %q); the types are: '
        .. "string, number, integer, boolean, object, list", name, header)
    end
  end
  if options.separator and not options.separator:find('^[^%w"\r\n]$') then
    context:usage("--separator: %q is not one sign", options.separator)
  end
  return options
end

local function without_extension(path)
  return path:gsub("%.%w+$", "")
end

-- Returns the paths of the files beside the source; the standard input has no
-- journal, because it cannot be read again.
local function paths_of(arguments)
  local file = arguments.file
  if file == "-" then
    return {rejected = arguments.rejected or "stdin.rejected.csv"}
  end
  return {
    journal = arguments.journal or file .. ".journal",
    rejected = arguments.rejected or without_extension(file) .. ".rejected.csv",
  }
end

-- Ends the command for a pipe, of which the first look would take the rows, and
-- for a journal that would replace a device.
local function check_paths(context, arguments, paths)
  local path = arguments.file
  if path ~= "-" and files.is_special(path) and not files.is_folder(path) then
    context:usage("%s is not a file; pass - and redirect it: klaviyo import %s … - <%s",
      path, arguments.kind, shell.word(path))
  end
  if paths.journal and paths.journal:find("^/dev/") then
    context:usage("--journal: %s is not a file", paths.journal)
  end
  return paths
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

-- Decides about a journal that a former run left.
local function check_journal(context, arguments, paths)
  if not paths.journal then
    if arguments.resume or arguments.journal then
      context:usage("--%s needs a file: the standard input cannot be read again",
        arguments.resume and "resume" or "journal")
    end
    context:note("the standard input cannot be read again, so this import cannot "
      .. "be resumed if it is interrupted")
    return
  end
  local left = exists(paths.journal)
  if left and arguments.restart then
    os.remove(paths.journal)
  elseif left and not arguments.resume then
    context:usage("an import of %s was interrupted: go on with --resume, or begin "
      .. "again with --restart (its journal is %s)", arguments.file, paths.journal)
  elseif arguments.resume and not left then
    context:usage("--resume: there is no journal %s; leave --resume out to begin",
      paths.journal)
  end
end

local function open_source(context, path)
  if path:find("%.gz$") then
    context:usage("%s is compressed: gunzip -c %s | klaviyo import … -", path, path)
  end
  local source, why = parts.source.open(path, context.stdin)
  if not source then
    context:usage("%s", why)
  end
  return source
end

local function open_input(context, source, options)
  local lines = source:estimate_lines()
  local input, why = parts.input.open(source, options)
  if not input then
    context:usage("%s: %s", source.name, why)
  end
  -- the header is not a row
  input.lines = lines and math.max(0, lines - (input.format == "csv" and 1 or 0))
  return input
end

-- --dry-run -----------------------------------------------------------------------

local function show_mapping(context, input, options)
  if input.format == "jsonl" then
    context:out(("%s: JSON Lines\n"):format(input.source.name))
    return
  end
  local widths, list = {6, 9}, parts.mapping.rows_of(input.mapped, input.names)
  for _, row in ipairs(list) do
    widths[1] = math.max(widths[1], #row[1])
    widths[2] = math.max(widths[2], #row[2])
  end
  local format = ("%%-%ds  %%-%ds  %%s"):format(widths[1], widths[2])
  local function line(...)
    context:out(format:format(...):gsub("%s+$", "") .. "\n")
  end
  line("COLUMN", options.kind.name:upper(), "TYPE")
  for _, row in ipairs(list) do
    line(row[1], row[2], row[3])
  end
end

local function dry_run(context, input, options)
  show_mapping(context, input, options)
  local result = parts.check.all(input, options)
  context:out(("\n%d rows: %d can be imported, %d cannot\n"):format(result.rows,
    result.good, result.bad))
  for _, row in ipairs(result.shown) do
    context:out(("line %s: %s\n"):format(row.line or "?", row.message))
  end
  if result.bad > #result.shown then
    context:out(("and %d more\n"):format(result.bad - #result.shown))
  end
  if result.stopped then
    context:out("The rows after this line cannot be read.\n")
  end
  context:note("nothing was sent")
  return result.bad > 0 and 3 or 0
end

-- The import ------------------------------------------------------------------------

-- After how many rows the time of the progress is drawn again.
local TICK = 500

-- Returns the function that the library calls for the next record. It counts the
-- rows that are not records; one after which nothing can be read ends the import.
local function records_of(input, options, counts, progress)
  local complete = parts.records.completer(options)
  local function next_record()
    local record, second = input:next()
    if record then
      counts.read = counts.read + 1
      if counts.read % TICK == 0 then
        progress:tick()
      end
      return complete(record)
    elseif second == nil then
      return nil
    end
    counts.bad = counts.bad + 1
    if second.fatal then
      error({unreadable = second}, 0)
    end
    return next_record()
  end
  return next_record
end

local function import_options(arguments, paths, counts, progress)
  return {
    list = arguments.list, custom_source = arguments.source,
    historical_import = arguments.historical or nil,
    batch_size = arguments.batch_size,
    journal = paths.journal and {path = paths.journal, finished = "continue"},
    progress = function(now)
      progress:update(now.done, {failed = now.failed + counts.bad,
        total = now.total})
    end,
  }
end

local function sentence(result, bad)
  local grouped = require("klaviyo.cli.progress").grouped
  local list = {grouped(result.completed) .. " imported"}
  for _, one in ipairs {{"refused", result.failed + bad},
    {"unchanged", result.skipped}, {"unknown", result.unknown}} do
    if one[2] > 0 then
      list[#list + 1] = grouped(one[2]) .. " " .. one[1]
    end
  end
  if result.resumed > 0 then
    list[#list + 1] = grouped(result.resumed) .. " of them by the former run"
  end
  return table.concat(list, ", ")
end

-- Writes the refused rows. Returns whether that was possible.
local function write_rejected(context, paths, input, result)
  local rows, why = parts.rejected.write(paths.rejected, input, function()
    return result:failures()
  end)
  if rows then
    context:note(("%s in %s"):format(rows == 1 and "the refused row is"
      or ("the %d refused rows are"):format(rows), paths.rejected))
    return true
  end
  context:complain(("the refused rows could not be written to %s: %s"):format(
    paths.rejected, why))
end

local function how_to_go_on(context, arguments, paths)
  if paths.journal and exists(paths.journal) then
    context:note(("go on with: klaviyo import %s %s --resume (and the other "
      .. "options)"):format(arguments.kind, shell.word(arguments.file)))
  end
end

-- Nothing was done yet: another attempt may have other options.
local function forget_unused(paths, result)
  if paths.journal and result.submitted + result.failed + result.unknown == 0 then
    os.remove(paths.journal)
  end
end

local function summary(context, paths, result, counts, written)
  if context.arguments.output then
    local writer = context:records {columns = {"total", "completed", "failed",
      "skipped", "unknown", "resumed", "elapsed", "rejected"}}
    writer:add {
      total = result.total and result.total + counts.bad,
      completed = result.completed, failed = result.failed + counts.bad,
      skipped = result.skipped, unknown = result.unknown,
      resumed = result.resumed, elapsed = result.elapsed,
      rejected = written and paths.rejected or nil,
    }
    writer:finish()
  end
end

local function finish(context, paths, input, result, counts)
  local failed = result.failed + counts.bad
  local written = failed > 0 and write_rejected(context, paths, input, result)
  if paths.journal and (failed == 0 or written) then
    os.remove(paths.journal)
  end
  if result.unknown > 0 then
    context:note "of the unknown rows, the service may have processed some: it did not answer"
  end
  summary(context, paths, result, counts, written)
  return (failed > 0 or result.unknown > 0) and 3 or 0
end

-- Ends after an error that was raised: Ctrl-C, a file that cannot be read further,
-- a journal of another import.
local function raised(context, arguments, paths, err)
  if type(err) == "table" and err.unreadable then
    context:complain(("%s:%s: %s; the rows after it were not read"):format(
      arguments.file, err.unreadable.line or "?", err.unreadable.message))
    how_to_go_on(context, arguments, paths)
    return 3
  elseif type(err) == "string" and (err:find("the journal ", 1, true)
      or err:find("batch_size", 1, true)) then
    context:usage("%s", (err:gsub("^[^\n]-:%d+: ", "")))
  elseif type(err) == "table" and err.is_unreadable
      or type(err) == "string" and err:find("interrupted!", 1, true) then
    how_to_go_on(context, arguments, paths)
  end
  error(err, 0)
end

local function import(context, arguments, options, input, paths)
  local progress
  local resource = context:client({on_wait = function(_, seconds)
    progress:waits(seconds, "the rate limit")
  end})[options.kind.resource]
  progress = require("klaviyo.cli.progress").new(context, {
    label = (options.kind.name:gsub("_", " ")), unit = "rows",
    total = input.lines,
  })
  local counts = {read = 0, bad = 0}
  local ok, result, err = pcall(resource[options.action.method], resource,
    records_of(input, options, counts, progress),
    import_options(arguments, paths, counts, progress))
  if not ok then
    progress:clear()
    return raised(context, arguments, paths, result)
  elseif not result then
    progress:clear()
    forget_unused(paths, err.result)
    local status = context:error(err)
    context:note("so far: " .. sentence(err.result, counts.bad))
    how_to_go_on(context, arguments, paths)
    return status
  end
  progress:finish(sentence(result, counts.bad))
  return finish(context, paths, input, result, counts)
end

--- Imports a file.
function M.run(context, arguments)
  arguments.kind = kinds.get(arguments.kind).name
  local options = input_options(context, arguments)
  local paths = check_paths(context, arguments, paths_of(arguments))
  local dry = context.arguments.dry_run
  if not dry then
    if options.action.asks then
      context:confirm(("%s the %s of %s?"):format(options.action.asks,
        options.kind.name:gsub("_", " "), arguments.file))
    end
    check_journal(context, arguments, paths)
  end
  local source = open_source(context, arguments.file)
  local input = open_input(context, source, options)
  local status
  if dry then
    status = dry_run(context, input, options)
  else
    status = import(context, arguments, options, input, paths)
  end
  source:close()
  return status
end

return M
