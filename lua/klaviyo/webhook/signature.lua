--- System webhooks: verifies that a request comes from Klaviyo, and is complete and
--- recent.
---
---     local events, err = klaviyo.webhook.verify {
---       body = body, headers = headers, secret = secret,
---     }
---     if not events then return answer(err.status) end
---     for _, event in ipairs(events.data) do … end
---
--- The signature is the lower-case hex of HMAC-SHA256(secret, body .. timestamp)
--- with the body's bytes as received and the timestamp as in its header. The
--- clock of that header may be hours off, so the age of a request follows from
--- `meta.timestamp` in the body, which is signed as well.
--- (developers.klaviyo.com/en/docs/working_with_system_webhooks)

local checker = require "klaviyo.util.options"
local datetime = require "klaviyo.values.datetime"
local digest = require "klaviyo.digest"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local rules = require "klaviyo.webhook.options"

local M = {}

---@class klaviyo.webhook.Error : klaviyo.Error
---@field kind "signature"|"webhook_id"|"stale"|"decode"
---@field status integer  status of the response: 401, or 400 for "decode"
---@field message string  one line; never contains a secret or a valid signature

---@class klaviyo.webhook.Document
---@field data {external_id: string, topic: string, payload: table}[]
---@field meta? {klaviyo_account_id: string, klaviyo_webhook_id: string, timestamp: string, version: string}

local DEFAULT_TOLERANCE = 300

local STATUS = {signature = 401, webhook_id = 401, stale = 401, decode = 400}

-- The arguments that may come from the request's header.
local HEADERS = {
  ["klaviyo-signature"] = "signature",
  ["klaviyo-timestamp"] = "timestamp",
  ["klaviyo-webhook-id"] = "webhook_id",
}

local REQUIRED = {type = "string", required = true}

-- A field of the header that came more than once is a list in some servers, so
-- that is not an error of the caller.
local FIELD = {type = {"string", "table"}, expected = "a string",
  convert = function(_, value)
    return type(value) == "string" and value
  end}

local SIGN_FIELDS = {
  body = REQUIRED, timestamp = REQUIRED,
  secret = {type = "text", secret = true, required = true},
}

local VERIFY_FIELDS = {
  body = REQUIRED, headers = {type = "table"}, signature = FIELD,
  timestamp = FIELD, webhook_id = FIELD, secret = rules.SECRET,
  secrets = rules.SECRETS, tolerance = rules.TOLERANCE,
  now = {type = "number", unit = "seconds", min = 0},
}

local function reject(kind, message, ...)
  return nil, errors.new {
    kind = kind,
    status = STATUS[kind],
    message = "webhook rejected: " .. message:format(...),
  }
end

-- The request ----------------------------------------------------------------

-- Returns the values of the three header fields. A field that comes more than
-- once is `false`, because its value is ambiguous.
local function from_headers(headers)
  local found = {}
  for name, value in pairs(headers) do
    local argument = type(name) == "string" and HEADERS[name:lower()]
    if argument then
      if type(value) == "table" and #value == 1 then
        value = value[1]
      end
      local usable = found[argument] == nil and type(value) == "string"
      found[argument] = usable and value or false
    end
  end
  return found
end

-- Returns a string, nil, or false if the field came more than once.
local function from_wire(name, request, headers)
  if request[name] == nil then
    return headers[name]
  end
  return request[name]
end

local function without(name, value)
  return reject("signature", value == nil and "the header field %s is missing"
    or "the header field %s comes more than once", name)
end

local function signed_by(secrets, body, timestamp, signature)
  local message = body .. timestamp
  local found = false
  for i = 1, #secrets do
    local right = digest.hmac_sha256(secrets[i], message)
    found = digest.equal(right, signature) or found
  end
  return found
end

-- Returns seconds since 1970, or nil. A time without an offset is UTC.
local function epoch_of(timestamp)
  if type(timestamp) ~= "string" then
    return nil
  end
  local text = timestamp:gsub("^(%d+%-%d+%-%d+) ", "%1T")
  local time = datetime.parse(text) or datetime.parse(text .. "Z")
  return time and time.epoch
end

local function member(t, name)
  local value = nil
  if type(t) == "table" then
    value = t[name]
  end
  if value ~= json.null then
    return value
  end
end

-- Returns why a document is too old or too new, or nil if it is recent.
local function staleness(timestamp, tolerance, now)
  local epoch = epoch_of(timestamp)
  if not epoch then
    return "meta.timestamp "
      .. (timestamp == nil and "is missing" or "cannot be read")
  end
  local age = now - epoch
  if age > tolerance then
    return ("meta.timestamp is %.0f s old; the tolerance is %.0f s"):format(age,
      tolerance)
  elseif -age > tolerance then
    return ("meta.timestamp is %.0f s in the future; the tolerance is %.0f s")
      :format(-age, tolerance)
  end
end

-- Public functions -----------------------------------------------------------

--- Signs a body as Klaviyo does, for tests.
---@param request {body: string, timestamp: string, secret: string}  timestamp: as in the header field
---@return string signature
function M.sign(request)
  request = checker.check(SIGN_FIELDS, request, "webhook.sign")
  return digest.hmac_sha256(request.secret, request.body .. request.timestamp)
end

---@class klaviyo.webhook.Request
---@field body string  the bytes as received (inside nginx a long body is in a file: ngx.req.get_body_file)
---@field headers? table<string, string|string[]>  the header, with names in any case; or pass the next three fields
---@field signature? string  the value of Klaviyo-Signature
---@field timestamp? string  the value of Klaviyo-Timestamp, unchanged
---@field webhook_id? string  the value of Klaviyo-Webhook-Id; if the body has one, too, they must be equal
---@field secret? string  the webhook's secret_key, of 16 characters or more
---@field secrets? string[]  instead of `secret`, while you replace one secret by another: each of them is accepted
---@field tolerance? number  the largest accepted difference between meta.timestamp and the clock, in seconds; default
---  300; math.huge accepts any. If this is set, a request without meta.timestamp is rejected; otherwise it is accepted
---@field now? number  the time of the clock, in seconds since 1970; default os.time()

--- Verifies a request and returns its decoded body. The body is decoded only after
--- the signature was verified. Klaviyo repeats a delivery that gets no 2xx response
--- within 5 s: use `external_id` to detect repeated events.
---@param request klaviyo.webhook.Request
---@return klaviyo.webhook.Document|nil document
---@return klaviyo.webhook.Error|nil err
function M.verify(request)
  local call = "webhook.verify"
  request = checker.check(VERIFY_FIELDS, request, call)
  local body, secrets = request.body, rules.secrets(call, request)
  local headers = from_headers(request.headers or {})
  local signature = from_wire("signature", request, headers)
  local timestamp = from_wire("timestamp", request, headers)
  local webhook_id = from_wire("webhook_id", request, headers)

  if not signature then
    return without("Klaviyo-Signature", signature)
  elseif not timestamp then
    return without("Klaviyo-Timestamp", timestamp)
  elseif not signed_by(secrets, body, timestamp, signature) then
    return reject("signature", "the signature does not match the body, the "
      .. "timestamp and the secret")
  end

  local document, wrong = json.decode(body)
  if type(document) ~= "table" then
    return reject("decode", "the body is not a JSON object%s",
      wrong and ": " .. wrong or "")
  elseif type(document.data) ~= "table" then
    return reject("decode", "the body has no list named data")
  end

  local its_id = member(document.meta, "klaviyo_webhook_id")
  if webhook_id ~= nil and its_id ~= nil and webhook_id ~= its_id then
    return reject("webhook_id", "Klaviyo-Webhook-Id differs from "
      .. "meta.klaviyo_webhook_id in the body")
  end

  local dated = member(document.meta, "timestamp")
  if dated ~= nil or request.tolerance ~= nil then
    local stale = staleness(dated, request.tolerance or DEFAULT_TOLERANCE,
      request.now or os.time())
    if stale then
      return reject("stale", "%s", stale)
    end
  end
  return document
end

return M
