--- Log lines: one JSON object in one line, for the setting `log`.

local core = require "klaviyo.core"

local M = {}

-- The order in which a line has its members.
local ORDER = {
  "ts", "level", "msg", "operation", "method", "status", "error", "error_type",
  "attempt", "elapsed", "wait", "request_id", "trace_id", "span_id",
  "nginx_request_id",
}

local MAX_TEXT = 1000
local REPLACEMENT = "\239\191\189"  -- U+FFFD

-- Returns a text as JSON, in ASCII or UTF-8, whatever its bytes are.
local function quoted(text)
  if #text > MAX_TEXT then
    text = text:sub(1, MAX_TEXT):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  local json, bad = core.quote(text)
  while not json do
    text = text:sub(1, bad - 1) .. REPLACEMENT .. text:sub(bad + 1)
    json, bad = core.quote(text)
  end
  return json
end

local function encoded(value)
  if type(value) == "number" then
    return core.number(math.floor(value * 1e6 + 0.5) / 1e6) or "null"
  end
  return quoted(tostring(value))
end

--- Returns the JSON of an entry, without a line break.
---@param entry table<string, string|number>
---@return string
function M.encode(entry)
  local parts = {}
  for _, name in ipairs(ORDER) do
    if entry[name] ~= nil then
      parts[#parts + 1] = ('"%s":%s'):format(name, encoded(entry[name]))
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Returns a time as text (RFC 3339).
---@param now number  seconds since 1970
---@return string
function M.timestamp(now)
  local second = math.floor(now)
  return ("%s.%03dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", second),
    math.floor((now - second) * 1000))
end

--- Logs an entry: passes it to the function, or (if the sink is "json") writes it to
--- stderr. nginx has redirected the stderr of its workers to the error log. ngx.log is
--- not used: it adds a prefix and the line of the handled request, with its query, and
--- it cuts long lines.
---@param sink "json"|fun(line: string, entry: table)  the setting `log`
---@param entry table<string, string|number>  `ts` is the current time, if there is none
function M.log(sink, entry)
  entry.ts = entry.ts or M.timestamp(core.time())
  local line = M.encode(entry)
  if type(sink) == "function" then
    sink(line, entry)
  else
    io.stderr:write(line .. "\n")
  end
end

return M
