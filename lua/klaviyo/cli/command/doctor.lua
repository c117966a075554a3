--- klaviyo doctor: checks this machine, the network and the key.

local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local local_checks = require "klaviyo.cli.doctor.local_checks"
local output = require "klaviyo.cli.output"
local probes = require "klaviyo.cli.doctor.probes"

local M = {}

function M.configure(parser)
  parser:description("Checks Lua, libcurl, the clock, the network, the key and its "
    .. "scopes, the file of the rate limits, nginx, the outbox, the revision and the "
    .. "proxy, and says what to do. It only reads: about 20 small calls. Exit status "
    .. "1: there is a problem.")
  parser:flag("--offline"):description("Make no calls.")
end

local MONTHS = {Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8,
  Sep = 9, Oct = 10, Nov = 11, Dec = 12}

--- Returns the time of a Date field as RFC 3339; nil if it is not one.
---@param text string|nil
---@return string|nil
function M.rfc3339_of(text)
  local day, month, year, time = (text or ""):match(
    "^%a+, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d:%d%d:%d%d) GMT$")
  return month and MONTHS[month]
    and ("%s-%02d-%sT%sZ"):format(year, MONTHS[month], day, time) or nil
end

local function field(response, name)
  for key, value in pairs(response and response.headers or {}) do
    if key:lower() == name then
      return value
    end
  end
end

local MAX_CLOCK_WARNING, MAX_CLOCK = 10, 120  -- seconds

local function check_clock(report, response)
  local text = M.rfc3339_of(field(response, "date"))
  if not text then
    report("clock", "warning", "the API's response has no date", "try again later")
    return
  end
  local off = math.abs(os.time() - klaviyo.datetime(text).epoch)
  local shown = ("%d s from that of the API"):format(off)
  local todo = "set the clock, and keep it right with NTP (timedatectl set-ntp true)"
  if off > MAX_CLOCK then
    report("clock", "problem", shown, todo)
  elseif off > MAX_CLOCK_WARNING then
    report("clock", "warning", shown, todo)
  else
    report("clock", "ok", shown)
  end
end

local function check_scopes(report, client)
  local granted, denied, err = probes.run(client)
  local total = #granted + #denied
  if #denied > 0 then
    report("scopes", "warning", ("%d of %d to read; not: %s"):format(#granted, total,
      table.concat(denied, ", ")), "if you need them, make a key that has them: "
      .. "the scopes of a key cannot be changed")
  elseif total > 0 then
    report("scopes", "ok", ("all %d to read; scopes to write are not tried"):format(total))
  end
  if err then
    report("scopes", "warning", err.message, "try again later")
  end
end

-- Makes the first call. Returns its response, or nil if there was none.
local function check_network(report, context, client)
  local began = klaviyo.clock()
  local doc, err = client:call("get_accounts")
  local response = doc and doc.response or err.response
  local base = context.base_url
  local elapsed = math.floor((klaviyo.clock() - began) * 1000 + 0.5)
  if not doc and not err.status then
    report("network", "problem", ("%s: %s"):format(base, err.message),
      "check the network, the proxy and --base-url")
    return nil
  end
  report("network", "ok", ("%s answers in %d ms"):format(base, elapsed))
  if doc then
    local account = doc.data[1] or {}
    report("key", "ok", ("%s, of the account %s"):format(context.source, account.id or "?"))
  elseif err.status == 401 then
    report("key", "problem", ("%s: the API does not know it"):format(context.source),
      "make a private key in Klaviyo (Settings, API keys), and log in with it: "
      .. "klaviyo auth login")
  elseif err.status == 403 then
    report("key", "ok", ("%s, without the scope accounts:read"):format(context.source))
  else
    report("key", "warning", err.message, "try again later")
  end
  return response, doc ~= nil or err.status == 403
end

local function check_api(report, context, is_offline)
  local account = context:account()
  if not account then
    report("key", "problem", "none", "log in with `klaviyo auth login`, or set KLAVIYO_API_KEY")
    return
  end
  local client = context:client {deadline = 20}
  local_checks.rate_limit_file(report, client)
  if is_offline then
    return
  end
  local base = context:settings(account).base_url or "https://a.klaviyo.com"
  local response, accepted = check_network(report,
    {base_url = base, source = account.name or account.source}, client)
  if response then
    check_clock(report, response)
  end
  if accepted then
    check_scopes(report, client)
  end
end

-- Output ----------------------------------------------------------------------

local COLOURS = {ok = "\27[32m", warning = "\27[33m", problem = "\27[31m"}

-- Breaks a text into lines, between words.
local function wrapped(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + 1 + #word > width then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local INDENT = (" "):rep(23)

local function show(context, finding)
  local colour = context.terminal:colour() and COLOURS[finding.state]
  local state = ("%-8s"):format(finding.state)
  local width = math.max(context.terminal:width() - #INDENT, 20)
  local lines = wrapped(finding.detail, width)
  for _, line in ipairs(finding.advice and wrapped("-> " .. finding.advice, width) or {}) do
    lines[#lines + 1] = line
  end
  context:out(("%s  %-11s  "):format(colour and colour .. state .. "\27[0m" or state,
    finding.check))
  context:out(table.concat(lines, "\n" .. INDENT) .. "\n")
end

function M.run(context, arguments)
  local is_table = output.format(context) == "table"
  local writer = not is_table
    and context:records {columns = {"check", "state", "detail", "advice"}}
  local problems = 0
  local function report(check, state, detail, advice)
    local finding = {check = check, state = state, detail = detail, advice = advice}
    problems = problems + (state == "problem" and 1 or 0)
    if writer then
      writer:add(finding)
    else
      show(context, finding)
      context:flush()
    end
  end
  local_checks.lua(report)
  local_checks.libcurl(report)
  local_checks.digest(report)
  local_checks.revision(report, context:revision())
  local_checks.proxy(report, context.getenv)
  check_api(report, context, arguments.offline)
  local_checks.nginx(report)
  local_checks.outbox(report)
  if writer then
    writer:finish()
  end
  return problems > 0 and exit_status.REFUSED or exit_status.OK
end

return M
