--- System webhooks: is this request Klaviyo's, whole, and of now?
--
--     local events, err = klaviyo.webhook.verify {
--       body = body, headers = headers, secret = secret,
--     }
--     if not events then return answer(err.status) end
--     for _, event in ipairs(events.data) do … end
--
-- The signature is the lower-case hex of HMAC-SHA256(secret, body .. timestamp)
-- with the body's bytes as they came and the timestamp as its header has it.
-- That header's clock has been seen hours off, so it only proves; how old the
-- request is, `meta.timestamp` in the body says, which is signed as well.
-- (developers.klaviyo.com/en/docs/working_with_system_webhooks)

local datetime = require "klaviyo.values.datetime"
local digest = require "klaviyo.digest"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local usage_error = require "klaviyo.util.usage_error"
local options = require "klaviyo.webhook.options"

local M = {}

---@class klaviyo.webhook.Error : klaviyo.Error
---@field kind "signature"|"webhook_id"|"stale"|"decode"
---@field status integer  what to answer with: 401, or 400 for "decode"
---@field message string  one line; never holds a secret or a right signature

---@class klaviyo.webhook.Document
---@field data {external_id: string, topic: string, payload: table}[]
---@field meta? {klaviyo_account_id: string, klaviyo_webhook_id: string, timestamp: string, version: string}

local DEFAULT_TOLERANCE = 300

local STATUS = { signature = 401, webhook_id = 401, stale = 401, decode = 400 }

-- The arguments that a request's header gives, too.
local HEADERS = {
  ["klaviyo-signature"] = "signature",
  ["klaviyo-timestamp"] = "timestamp",
  ["klaviyo-webhook-id"] = "webhook_id",
}

local TO_SIGN = { body = true, timestamp = true, secret = true }

local TO_VERIFY = {
  body = true, headers = true, signature = true, timestamp = true,
  webhook_id = true, secret = true, secrets = true, tolerance = true,
  now = true,
}

local function refuse(kind, message, ...)
  return nil, errors.new {
    kind = kind,
    status = STATUS[kind],
    message = "webhook refused: " .. message:format(...),
  }
end

-- What the programmer gives --------------------------------------------------

local function check_names(call, given, known)
  if type(given) ~= "table" then
    usage_error.raise("%s: expected a table, got %s", call, type(given))
  end
  for name in pairs(given) do
    if not known[name] then
      usage_error.unknown("argument of " .. call, name, known)
    end
  end
end

-- What the request gives -----------------------------------------------------

-- Values of our three fields. One that came more than once is `false`: which
-- of them is meant nobody can say.
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

-- A string, nil, or false when it came more than once, which is no mistake of
-- the programmer: servers then give a list.
local function from_wire(call, name, given, headers)
  local value = given[name]
  if value == nil then
    return headers[name]
  elseif type(value) == "table" then
    return false
  end
  return options.text(call, name, value)
end

local function how_many(value)
  return value == nil and "no" or "more than one"
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

-- Seconds since 1970, or nil. What says no offset is UTC.
local function epoch_of(timestamp)
  if type(timestamp) ~= "string" then
    return nil
  end
  local text = timestamp:gsub("^(%d+%-%d+%-%d+) ", "%1T")
  local instant = datetime.parse(text) or datetime.parse(text .. "Z")
  return instant and instant.epoch
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

-- Nil when the document is of now, else why it is not.
local function staleness(timestamp, tolerance, now)
  local epoch = epoch_of(timestamp)
  if not epoch then
    return "meta.timestamp "
      .. (timestamp == nil and "is missing" or "cannot be read")
  end
  local age = now - epoch
  if age > tolerance then
    return ("meta.timestamp is %.0f s old"):format(age)
  elseif -age > tolerance then
    return ("meta.timestamp is %.0f s ahead"):format(-age)
  end
end

-- The face -------------------------------------------------------------------

--- Signs a body as Klaviyo does, for tests and stand-ins.
---@param given {body: string, timestamp: string, secret: string}  the timestamp as the header will have it
---@return string signature
function M.sign(given)
  local call = "webhook.sign"
  check_names(call, given, TO_SIGN)
  local body = options.text(call, "body", given.body)
  local timestamp = options.text(call, "timestamp", given.timestamp)
  local secret = options.text(call, "secret", given.secret)
  if secret == "" then
    usage_error.raise("%s: secret is empty", call)
  end
  return digest.hmac_sha256(secret, body .. timestamp)
end

---@class klaviyo.webhook.Request
---@field body string  its bytes, as they came (inside nginx a long one lies in a file: ngx.req.get_body_file)
---@field headers? table<string, string|string[]>  names in any case; or the three of them one by one:
---@field signature? string  Klaviyo-Signature
---@field timestamp? string  Klaviyo-Timestamp, untouched
---@field webhook_id? string  Klaviyo-Webhook-Id; compared with the body's, when both are there
---@field secret? string  the webhook's secret_key, of 16 characters or more
---@field secrets? string[]  in its place, while one is replaced by another: any of them will do
---@field tolerance? number  seconds that meta.timestamp may be off, either way; default 300, math.huge for no matter.
---  Without meta.timestamp the age is judged only when this is set; the request is then refused.
---@field now? number  seconds since 1970, in place of os.time()

--- Verifies a request and decodes its body. Nothing of the body is looked at
-- before the signature is found to be right. Klaviyo repeats what is not
-- answered with 2xx within 5 s: take `external_id` to know what came before.
---@param given klaviyo.webhook.Request
---@return klaviyo.webhook.Document|nil document
---@return klaviyo.webhook.Error|nil err
function M.verify(given)
  local call = "webhook.verify"
  check_names(call, given, TO_VERIFY)
  local body = options.text(call, "body", given.body)
  local secrets = options.secrets(call, given)
  local tolerance = options.seconds(call, "tolerance", given.tolerance,
    DEFAULT_TOLERANCE)
  local now = options.seconds(call, "now", given.now, os.time())
  if given.headers ~= nil and type(given.headers) ~= "table" then
    usage_error.raise("%s: headers must be a table, not %s", call,
      type(given.headers))
  end
  local headers = from_headers(given.headers or {})
  local signature = from_wire(call, "signature", given, headers)
  local timestamp = from_wire(call, "timestamp", given, headers)
  local webhook_id = from_wire(call, "webhook_id", given, headers)

  if not signature then
    return refuse("signature", "%s Klaviyo-Signature", how_many(signature))
  elseif not timestamp then
    return refuse("signature", "%s Klaviyo-Timestamp", how_many(timestamp))
  elseif not signed_by(secrets, body, timestamp, signature) then
    return refuse("signature", "the signature is not that of this body, "
      .. "timestamp and secret")
  end

  local document, wrong = json.decode(body)
  if type(document) ~= "table" then
    return refuse("decode", "the body is no JSON object%s",
      wrong and ": " .. wrong or "")
  elseif type(document.data) ~= "table" then
    return refuse("decode", "the body has no list of data")
  end

  local its_id = member(document.meta, "klaviyo_webhook_id")
  if webhook_id ~= nil and its_id ~= nil and webhook_id ~= its_id then
    return refuse("webhook_id", "Klaviyo-Webhook-Id is not the body's "
      .. "meta.klaviyo_webhook_id")
  end

  local dated = member(document.meta, "timestamp")
  if dated ~= nil or given.tolerance ~= nil then
    local stale = staleness(dated, tolerance, now)
    if stale then
      return refuse("stale", "%s", stale)
    end
  end
  return document
end

return M
