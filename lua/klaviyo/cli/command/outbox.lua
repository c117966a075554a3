--- klaviyo outbox: shows where the events of an outbox are.

local context_redis = require "klaviyo.cli.redis"
local exit_status = require "klaviyo.cli.exit_status"

local M = {}

local VARIABLE = "KLAVIYO_OUTBOX_RELAY"

local function seconds(text)
  local number = tonumber(text)
  return number and number > 0 and number or nil,
    ("%s is not a number of seconds above 0"):format(text)
end

function M.configure(parser)
  parser:command_target("action")
  local status = parser:command("status"):summary("Show where the events of an outbox are")
    :description("Shows how many events wait in each file of an outbox, and with a relay "
      .. "also in its stream: those in all, those that senders have taken, and those that "
      .. "another one may claim. It changes nothing. Times are in seconds.")
  status:argument("folder"):argname("FOLDER"):args("?")
    :description("The path of the outbox.")
  status:option("--relay"):argname("URL")
    :description("The Redis of the relay; default: $" .. VARIABLE
      .. ". Use the variable for a URL with a password: others see arguments.")
  status:option("--stream"):argname("NAME"):default("klaviyo:events")
    :description("The stream of the relay; default klaviyo:events.")
  status:option("--claim-after"):argname("SECONDS"):convert(seconds)
    :description("The outbox's claim_after; default 60.")
end

-- Returns a number of seconds with one decimal.
local function rounded(number)
  local tenths = number and math.floor(number * 10 + 0.5)
  return tenths and (tenths % 10 == 0 and math.floor(tenths / 10) or tenths / 10)
end

local FILE_COLUMNS = {"kind", "name", "events", "oldest", "rejected", "bytes", "process"}
local STREAM_COLUMNS = {"kind", "name", "events", "oldest", "rejected", "pending", "claimable",
  "idle"}
local ALL_COLUMNS = {"kind", "name", "events", "oldest", "rejected", "pending", "claimable",
  "idle", "bytes", "process"}

local function add_files(context, writer, path)
  local status, err = context:module_of("klaviyo-outbox", "klaviyo.outbox").status(path)
  if not status then
    context:fail(exit_status.REFUSED, "%s", (tostring(err):gsub("^klaviyo: ", "")))
  end
  for _, file in ipairs(status.files) do
    writer:add {
      kind = "file", name = file.name, events = file.waiting, oldest = rounded(file.oldest_age),
      rejected = file.rejected, bytes = file.bytes,
      process = file.pid or (file.running and "running" or "ended"),
    }
  end
end

local function add_stream(writer, stats)
  writer:add {
    kind = "stream", name = stats.name, events = stats.length, oldest = rounded(stats.oldest_age),
    rejected = stats.rejected, pending = stats.pending, claimable = stats.claimable,
    group = stats.group, sender = stats.sender,
  }
  for _, consumer in ipairs(stats.consumers) do
    writer:add {kind = "consumer", name = consumer.name, pending = consumer.pending,
      idle = rounded(consumer.idle)}
  end
end

function M.run(context, arguments)
  local url = arguments.relay or context.getenv(VARIABLE)
  local folder = arguments.folder
  if url == "" then
    url = nil
  end
  if not folder and not url then
    context:usage("name the folder of an outbox, or a relay: --relay URL, or %s", VARIABLE)
  end
  local redis = url and context_redis.load(context)
  local writer = context:records {columns = not url and FILE_COLUMNS
    or not folder and STREAM_COLUMNS or ALL_COLUMNS}
  if folder then
    add_files(context, writer, folder)
  end
  local stats, err
  if url then
    stats, err = redis.stream_stats(url, arguments.stream,
      {claim_after = arguments.claim_after})
  end
  if stats then
    add_stream(writer, stats)
  end
  writer:finish()
  if err then
    context:flush()
    context_redis.fail(context, err, arguments.relay and "--relay" or VARIABLE)
  end
end

return M
