--- klaviyo events send and tail, besides the operations of events.

local arguments = require "klaviyo.cli.arguments"
local dry_run = require "klaviyo.cli.dry_run"
local klaviyo = require "klaviyo"
local tail = require "klaviyo.cli.events.tail"

local M = {}

local function number(text)
  local value = tonumber(text)
  return value and value == value and math.abs(value) < math.huge and value or nil,
    ("%s is not a number"):format(text)
end

local function positive(text)
  local value = number(text)
  return value and value > 0 and value or nil,
    ("%s is not a number above 0"):format(text)
end

local function add_send(parser)
  parser:description("Sends an event. Klaviyo makes its metric and its profile if they "
    .. "do not exist.")
  parser:argument("metric"):argname("METRIC")
    :description("The name of the metric, such as \"Placed Order\".")
  parser:option("--profile"):argname("NAME=VALUE"):count("*")
    :description("Whose event it is: email=…, phone_number=…, id=… or external_id=…; "
    .. "more attributes update the profile.")
  parser:option("--value"):argname("NUMBER"):convert(number)
    :description("The value of the event, such as the total of an order.")
  parser:option("--currency"):argname("CODE"):target("value_currency")
    :description("The currency of the value, such as USD.")
  parser:option("--time"):argname("TIME")
    :description("When it happened: RFC 3339, or 2h for two hours ago; default: now.")
  parser:option("--unique-id"):argname("TEXT")
    :description("Events of one metric and profile with the same text count once; "
    .. "default: a new one.")
  parser:argument("values"):argname("NAME=VALUE"):args("*")
    :description("Properties: NAME=TEXT, NAME:=JSON, @FILE.json, or - for JSON on "
    .. "standard input.")
end

local function add_tail(parser)
  parser:description("Shows new events as they come, until Ctrl-C. It asks for them "
    .. "again and again, as the rate limits allow, and goes on after lost connections.")
  parser:option("--metric"):argname("NAME"):count("*"):target("metrics")
    :description("Only events of this metric: its name or its id.")
  parser:option("--since"):argname("TIME")
    :description("Begin with events since then: RFC 3339, or 10m; default: now.")
  parser:option("--interval"):argname("SECONDS"):convert(positive)
    :description("How long to wait between two requests; default 2.")
  parser:option("--limit"):argname("N"):convert(positive)
    :description("End after this number of events.")
end

local ADD = {send = add_send, tail = add_tail}
local SUMMARY = {send = "Send an event", tail = "Show new events as they come"}

function M.configure(parser)
  for _, name in ipairs {"send", "tail"} do
    local one = parser:command(name):target("word"):summary(SUMMARY[name])
    ADD[name](one)
    one:action(function(result)
      result.own_command = name
    end)
  end
end

-- Puts the properties of words into a table.
local function add_properties(context, event, words)
  for _, word in ipairs(words) do
    if word == "-" or word:sub(1, 1) == "@" then
      local value = arguments.read_json(context, word == "-" and word or word:sub(2))
      if type(value) ~= "table" or klaviyo.json.is_array(value) then
        context:usage("%s must have an object", word)
      end
      for name, one in pairs(value) do
        event.properties[name] = one
      end
    else
      arguments.assign(context, "create_event", event, "properties." .. word)
    end
  end
end

local commands = {}

function commands.send(context, parsed)
  local event = {metric = parsed.metric, profile = {}, properties = {},
    value = parsed.value, value_currency = parsed.value_currency,
    unique_id = parsed.unique_id,
    time = parsed.time and arguments.datetime(context, parsed.time).text}
  if #parsed.profile == 0 then
    context:usage("whose event is it? Add --profile email=…")
  end
  for _, word in ipairs(parsed.profile) do
    arguments.assign(context, "create_event", event, "profile." .. word)
  end
  add_properties(context, event, parsed.values)
  local client = context:client()
  local args = {body = client:document("create_event", event)}
  if context.arguments.dry_run then
    dry_run.show(context, assert(client:build("create_event", args)))
    return nil
  end
  local doc, err = client:call("create_event", args)
  if not doc then
    return context:error(err)
  end
  context:note(('sent "%s"'):format(parsed.metric))
end

function commands.tail(context, parsed)
  return tail.run(context, {
    metrics = parsed.metrics, interval = parsed.interval or 2, limit = parsed.limit,
    since = parsed.since and arguments.datetime(context, parsed.since).epoch,
  })
end

function M.run(context, parsed)
  return commands[parsed.own_command](context, parsed)
end

return M
