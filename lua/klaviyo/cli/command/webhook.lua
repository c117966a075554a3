--- klaviyo webhook: signs, verifies and sends deliveries of system webhooks.

local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"

local M = {}

local VARIABLE = "KLAVIYO_WEBHOOK_SECRET"

local function add_secret(parser)
  parser:option("--secret-file"):argname("FILE")
    :description("A file with the webhook's secret key; default: $" .. VARIABLE
    .. ", or it is asked for.")
end

local function add_body(parser)
  parser:argument("file"):argname("FILE"):args("?")
    :description("The body of the request; default -: standard input.")
end

local function seconds(text)
  return text == "inf" and math.huge or tonumber(text)
end

function M.configure(parser)
  parser:command_target("action")
  local sign = parser:command("sign"):summary("Show the signature of a body")
    :description("Shows the header fields with which Klaviyo would send a body.")
  add_secret(sign)
  sign:option("--timestamp"):argname("TEXT")
    :description("The value of Klaviyo-Timestamp; default: now.")
  add_body(sign)

  local verify = parser:command("verify"):summary("Verify a request that was received")
    :description("Verifies the signature of a request, and shows the events in it. "
    .. "Exit status 1: it is not valid.")
  add_secret(verify)
  verify:option("--headers"):argname("FILE")
    :description("A file with the header of the request, a field on each line.")
  verify:option("--signature"):argname("TEXT")
    :description("The value of Klaviyo-Signature, if there is no --headers.")
  verify:option("--timestamp"):argname("TEXT")
    :description("The value of Klaviyo-Timestamp, if there is no --headers.")
  verify:option("--tolerance"):argname("SECONDS"):convert(seconds):default("300")
    :description("How old it may be; default 300; inf: any age.")
  add_body(verify)

  local send = parser:command("send"):summary("Send a signed request to a URL")
    :description("Sends a request as Klaviyo sends it, to try a receiver: with events "
    .. "that are made up, or with a body of yours.")
  add_secret(send)
  send:argument("url"):argname("URL"):description("The address of the receiver.")
  send:option("--topic"):argname("TOPIC"):default("event:klaviyo.opened_email")
    :description("The topic of the event; default event:klaviyo.opened_email.")
  send:option("--webhook-id"):argname("ID"):default("test-webhook")
    :description("The value of Klaviyo-Webhook-Id; default test-webhook.")
  send:option("--data"):argname("FILE")
    :description("The body of the request instead; -: standard input.")
end

-- The secret is never an argument: other users see arguments.
local function secret_of(context, arguments, body_path)
  local text
  if arguments.secret_file then
    if arguments.secret_file == "-" and body_path == "-" then
      context:usage("the secret and the body cannot both come from standard input")
    end
    text = context:read_file(arguments.secret_file):match("^[^\r\n]*")
  else
    text = context.getenv(VARIABLE)
    if (text == nil or text == "") and context.terminal.stderr then
      text = context.terminal:read_secret("Secret key of the webhook (it is not shown): ")
    end
  end
  if text == nil or text == "" then
    context:fail(exit_status.KEY,
      "no secret: set %s, or pass --secret-file FILE", VARIABLE)
  end
  return text
end

-- os.date follows the locale.
local DAYS = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
local MONTHS = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
  "Oct", "Nov", "Dec"}

--- Returns a time as in the field Date of HTTP.
---@param epoch integer
---@return string
function M.http_date(epoch)
  local t = os.date("!*t", epoch)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day,
    MONTHS[t.month], t.year, t.hour, t.min, t.sec)
end

local actions = {}

function actions.sign(context, arguments)
  local file = arguments.file or "-"
  local secret = secret_of(context, arguments, file)
  local timestamp = arguments.timestamp or M.http_date(os.time())
  local signature = klaviyo.webhook.sign {
    body = context:read_file(file), timestamp = timestamp, secret = secret,
  }
  context:out(("Klaviyo-Signature: %s\nKlaviyo-Timestamp: %s\n")
    :format(signature, timestamp))
end

local function header_of(context, path)
  local fields = {}
  for line in context:read_file(path):gmatch("[^\r\n]+") do
    local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):%s*(.-)%s*$")
    if name then
      fields[name] = value
    end
  end
  return fields
end

function actions.verify(context, arguments)
  if not arguments.headers and not (arguments.signature and arguments.timestamp) then
    context:usage("pass --headers FILE, or --signature and --timestamp")
  end
  local file = arguments.file or "-"
  local delivery, err = klaviyo.webhook.verify {
    secret = secret_of(context, arguments, file),
    headers = arguments.headers and header_of(context, arguments.headers),
    signature = arguments.signature, timestamp = arguments.timestamp,
    tolerance = arguments.tolerance, body = context:read_file(file),
  }
  if not delivery then
    context:fail(exit_status.REFUSED, "not valid (%s): %s", err.kind, err.message)
  end
  local writer = context:records {columns = {"external_id", "topic", "payload"}}
  for _, event in ipairs(delivery.data) do
    writer:add(event)
  end
  writer:finish()
end

-- Returns the body of a delivery with one event.
local function sample(topic, webhook_id)
  local now = os.time()
  return klaviyo.json.encode {
    data = {{
      external_id = ("test-%d"):format(now), topic = topic,
      payload = {test = true, email = "test@example.com"},
    }},
    meta = {
      klaviyo_account_id = "TESTID", klaviyo_webhook_id = webhook_id,
      timestamp = os.date("!%Y-%m-%dT%H:%M:%S+00:00", now), version = "1",
    },
  }
end

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- Splits a URL into the origin, the path and the query.
local function split(context, url)
  local origin, rest = url:match("^([Hh][Tt][Tt][Pp][Ss]?://[^/?#]+)([^#]*)$")
  if not origin then
    context:usage('"%s" is not a URL that begins with http:// or https://', url)
  end
  local path, text = rest:match("^([^?]*)%??(.*)$")
  local query
  for name, value in text:gmatch("([^&=]+)=?([^&]*)") do
    query = query or {}
    query[decoded(name)] = decoded(value)
  end
  return origin, path == "" and "/" or path, query
end

function actions.send(context, arguments)
  local secret = secret_of(context, arguments, arguments.data)
  local origin, path, query = split(context, arguments.url)
  local body = arguments.data and context:read_file(arguments.data)
    or sample(arguments.topic, arguments.webhook_id)
  local timestamp = M.http_date(os.time())
  local headers = {
    ["Content-Type"] = "application/json", ["Klaviyo-Timestamp"] = timestamp,
    ["Klaviyo-Webhook-Id"] = arguments.webhook_id,
    ["Klaviyo-Signature"] = klaviyo.webhook.sign {
      body = body, timestamp = timestamp, secret = secret},
  }
  if context.arguments.dry_run then
    context:out(("POST %s\n"):format(arguments.url))
    for _, name in ipairs {"Content-Type", "Klaviyo-Signature", "Klaviyo-Timestamp",
      "Klaviyo-Webhook-Id"} do
      context:out(("%s: %s\n"):format(name, headers[name]))
    end
    context:out("\n" .. body .. "\n")
    return
  end
  -- the receiver is another server: it must not get a key
  local client = klaviyo.new {
    api_key = "none", base_url = origin, headers = headers, retries = 0,
    pacing = false, rate_limit_file = false, timeout = 10,
    on_warning = function(message) context:note(message) end,
  }
  local began = klaviyo.clock()
  local doc, err = client:request {method = "POST", path = path, query = query,
    body = body}
  local status = doc and doc.response.status or err and err.status
  if not status then
    context:fail(exit_status.UNREACHABLE, "%s: %s", arguments.url,
      err.cause or err.message)
  end
  context:out(("%d in %d ms\n"):format(status,
    math.floor((klaviyo.clock() - began) * 1000 + 0.5)))
  if status < 200 or status > 299 then
    context:fail(exit_status.REFUSED, "the receiver refused the request with %d%s",
      status, status == 401 and ": does it have the same secret?" or "")
  end
end

function M.run(context, arguments)
  return actions[arguments.action](context, arguments)
end

return M
