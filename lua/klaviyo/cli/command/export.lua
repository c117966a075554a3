--- klaviyo export: all records of a resource in a file.

local exit_status = require "klaviyo.cli.exit_status"
local files = require "klaviyo.cli.files"
local modules = setmetatable({}, {__index = function(_, name)
  return require("klaviyo.cli.export." .. name)
end})

local M = {}

local function whole(text)
  local number = tonumber(text)
  if number and number >= 1 and number % 1 == 0 then
    return math.floor(number)
  end
  return nil, "expected a whole number, not " .. text
end

local MAX_CONCURRENCY = 32

local function concurrency(text)
  local number, why = whole(text)
  if number and number > MAX_CONCURRENCY then
    return nil, ("at most %d windows are read at once"):format(MAX_CONCURRENCY)
  end
  return number, why
end

--- Adds the command's arguments to its parser.
function M.configure(parser)
  parser:argument("resource"):argname("RESOURCE"):description(
    "What to export: profiles, events, lists, segments, catalog-items, …")
  parser:option("-o --file"):argname("FILE"):count(1):description(
    "The file: .jsonl or .csv, with .gz compressed; - is standard output.")
  parser:option("--list"):argname("ID"):description("Only the profiles of this list.")
  parser:option("--segment"):argname("ID"):description(
    "Only the profiles of this segment.")
  require("klaviyo.cli.arguments").add_filter_options(parser)
  parser:option("--fields"):argname("NAMES"):description(
    "Only these attributes: email,properties.")
  parser:option("--additional-fields"):argname("NAMES"):description(
    "Also these attributes: subscriptions.")
  parser:option("--include"):argname("NAMES"):description(
    "Also related resources, as lines after those of their page: metric.")
  parser:option("--sort"):argname("NAME"):description(
    "The order: created, or -created for the latest first.")
  parser:option("--limit"):argname("N"):convert(whole):description(
    "The greatest number of records.")
  parser:option("--since"):argname("TIME"):description(
    "Only events from this time on: 2026-01-31, 2026-01-31T09:00:00Z, 30d.")
  parser:option("--until"):argname("TIME"):description(
    "Only events before this time; default: now.")
  parser:option("--concurrency"):argname("N"):convert(concurrency):description(
    "How many windows of the time of events are read at once; default: 4.")
  parser:flag("--resume"):description("Go on with an export that was interrupted.")
  parser:flag("--force"):description(
    "Replace FILE, and start again if an export of it is unfinished.")
end

-- The end -----------------------------------------------------------------------

local function size_text(bytes)
  for _, unit in ipairs {{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} do
    if bytes >= unit[1] then
      return ("%.1f %s"):format(bytes / unit[1], unit[2])
    end
  end
  return ("%d bytes"):format(bytes)
end

local function counted(plan, count)
  local progress = require "klaviyo.cli.progress"
  local name = plan.resource:gsub("%-", " ")
  if count == 1 then
    name = name:gsub("ies$", "y"):gsub("s$", "")
  end
  return progress.grouped(count) .. " " .. name
end

local function summary(plan, count, progress, bytes, file)
  local text = require "klaviyo.cli.progress"
  local seconds = progress:elapsed()
  local rate = (count - progress.first) / math.max(seconds, 0.001)
  return ("%s, %s, in %s (%s/s): %s"):format(counted(plan, count),
    size_text(bytes), seconds < 10 and ("%.1f s"):format(seconds)
      or text.duration(seconds), text.grouped(rate), file)
end

-- Reports what ended an export. Returns the exit status.
local function report(context, plan, store, err, go_on)
  local count = store:count()
  local after = "after " .. counted(plan, count)
  if err.is_file then
    context:complain(("%s; stopped %s. Make room, then go on with: %s"):format(
      err.message, after, go_on))
    return exit_status.REFUSED
  elseif err.is_expired then
    context:complain(("the cursor of %s is not valid any more (%s), so this export "
      .. "cannot go on; start again with --force"):format(store.partial,
      err.message))
    return exit_status.REFUSED
  end
  local status = context:error(err)
  if store:count() > 0 then
    context:complain(("stopped %s; go on with: %s"):format(after, go_on))
  end
  return status
end

local WAITS = {rate_limit = "the rate limit", retry_after = "Klaviyo (429)",
  backoff = "the next attempt"}

local function client_of(context, get_progress)
  return context:client {on_wait = function(_, seconds, why)
    local progress = get_progress()
    if progress then
      progress:waits(seconds, WAITS[why] or why)
    end
  end}
end

-- Standard output -----------------------------------------------------------------

local function to_stdout(context, plan)
  local progress
  local client = client_of(context, function()
    return progress
  end)
  local span, err = plan:windows(client)
  if err then
    return context:error(err)
  end
  progress = require("klaviyo.cli.progress").new(context, {label = plan.resource,
    total = plan:total(client)})
  progress.is_terminal = progress.is_terminal and not context.terminal.stdout
  local args = modules.download.arguments(plan, span and modules.windows.whole(span), 1)
  local count, pages = 0, client:pages(plan.operation, args)
  context:out(plan.header or "")
  repeat
    local page
    page, err = pages:next()
    if page then
      local text, records = plan:text_of(page, plan.limit and plan.limit - count)
      context:out(text)
      count = count + records
      progress:update(count)
    end
  until not page or plan.limit and count >= plan.limit
  pages:close()
  progress:clear()
  return err and context:error(err) or nil
end

-- A file --------------------------------------------------------------------------

local function lock(context, store)
  local ok, err = store:lock()
  if not ok then
    context:fail(exit_status.REFUSED, err.code == "locked"
      and "another export is writing %s" or "%s cannot be written: %s",
      store.file, err.message)
  end
end

-- Reads the state of an earlier run, and decides whether to go on with it.
local function goes_on(context, plan, store, arguments, go_on)
  local state, why = store:load()
  if why and not arguments.force then
    context:fail(exit_status.REFUSED, "%s; start again with --force", why)
  elseif not state then
    if not arguments.force and files.size(store.partial) then
      context:usage("%s exists, but has no cursor file; remove it, or use --force",
        store.partial)
    end
    return false
  elseif not arguments.resume then
    if not arguments.force then
      context:usage("an export of %s was interrupted; go on with: %s (or start "
        .. "again with --force)", store.file, go_on)
    end
    return false
  end
  local difference = plan:difference(state.arguments)
  if difference then
    context:usage("this is not the export that was interrupted: %s; repeat its "
      .. "arguments, or start again with --force", difference)
  end
  return true
end

local function check_file(context, store, arguments)
  if not arguments.force and files.size(store.file) then
    context:usage("%s exists; replace it with --force", store.file)
  end
end

local function check_written(context, ok, why)
  if not ok then
    context:fail(exit_status.REFUSED, "%s", why)
  end
end

local function read_all(context, plan, store, client, progress, go_on)
  local download = modules.download.new(client, plan, store, progress)
  local called, ok, err = pcall(download.run, download, plan.concurrency)
  progress:clear()
  local committed, why = store:commit()
  store:close()
  if not called then
    if type(ok) == "string" and ok:find("interrupted!$") then
      context:fail(exit_status.INTERRUPTED, "interrupted after %s; go on with: %s",
        counted(plan, store:count()), go_on)
    end
    error(ok, 0)
  elseif not ok then
    return report(context, plan, store, err, go_on)
  end
  check_written(context, committed, why)
end

local function write(context, plan, arguments, store)
  local go_on = plan:command(context, arguments)
  lock(context, store)
  local resumes = goes_on(context, plan, store, arguments, go_on)
  if resumes and store:was_finished() then
    context:note(store.file .. " is complete")
    return nil
  end
  check_file(context, store, arguments)
  local progress
  local client = client_of(context, function()
    return progress
  end)
  if resumes then
    check_written(context, store:restore())
    -- a time such as 7d is now another one
    plan.args.filter = store.state.filter
  else
    local span, err = plan:windows(client)
    if err then
      return context:error(err)
    end
    check_written(context, store:begin(plan.identity, span,
      plan.args.filter))
  end
  progress = require("klaviyo.cli.progress").new(context, {label = plan.resource,
    total = plan:total(client), count = store:count()})
  if not store.state.finished then
    local status = read_all(context, plan, store, client, progress, go_on)
    if status then
      if not resumes and store:count() == 0 then
        store:remove()  -- as if it had not begun
      end
      return status
    end
  end
  local bytes, why = store:finish()
  check_written(context, bytes, why)
  progress:finish(summary(plan, store:count(), progress, bytes, arguments.file))
end

local function to_file(context, plan, arguments)
  if arguments.file == "" then
    context:usage("-o: the name of the file is empty")
  elseif files.is_special(arguments.file) then
    -- a complete export would replace the device
    context:usage("%s is not a file; write to standard output (-o -), and redirect it",
      arguments.file)
  end
  local store = modules.store.new(files.target(arguments.file), plan.compress)
  local ok, status = pcall(write, context, plan, arguments, store)
  store:release()
  if not ok then
    error(status, 0)
  end
  return status
end

--- Exports. Returns an exit status.
function M.run(context, arguments)
  local is_stdout = arguments.file == "-"
  if is_stdout and (arguments.resume or arguments.force) then
    context:usage("--resume and --force are for files")
  end
  local plan = modules.plan.new(context, arguments)
  -- a wrong argument ends the command here, before there are files
  local request = context:client():build(plan.operation, plan:first_arguments())
  if context.arguments.dry_run then
    return require("klaviyo.cli.dry_run").show(context, request)
  elseif is_stdout then
    return to_stdout(context, plan)
  end
  return to_file(context, plan, arguments)
end

return M
