--- A location that takes system webhooks: klaviyo.webhook.handler.
---
---     init_by_lua_block {
---       receive = require("klaviyo").webhook.handler {
---         secret = …, dict = "klaviyo_webhooks", on_event = function(event) … end,
---       }
---     }
---     location = /webhooks/klaviyo { content_by_lua_block { receive() } }
---
--- Klaviyo wants its answer within 5 s, repeats what is not answered with 2xx,
--- and may repeat what was. So a delivery is verified, answered, and its
--- events handed to a timer, each once.

local misuse = require "klaviyo.misuse"
local webhook = require "klaviyo.webhook"

local M = {}

---@class klaviyo.receiver.options
---@field secret? string  the webhook's secret_key
---@field secrets? string[]  in its place, while one is replaced by another
---@field on_event fun(event: table, document: table)  told of every event, in a timer, where it may wait;
---  what it raises is logged: what must not be lost it writes down itself
---@field dict? string  a lua_shared_dict for the ids of events that came; without one nothing is known to be repeated
---@field remember? number  seconds for which an id is known; default three days, longer than Klaviyo repeats
---@field tolerance? number  seconds that a delivery may be old; default 300
---@field max_body_bytes? integer  default 5 MiB

local KNOWN = {
  secret = true, secrets = true, on_event = true, dict = true,
  remember = true, tolerance = true, max_body_bytes = true,
}

-- Klaviyo disables an endpoint after 48 hours of failure.
local REMEMBER = 3 * 86400
local MOST_BODY = 5 * 1024 * 1024

-- An old delivery is whole and signed, but 401 would say it was not.
local STATUS = { stale = 400 }

local function check_number(name, value, default)
  if value == nil then
    return default
  elseif type(value) ~= "number" or not (value > 0 and value < math.huge) then
    misuse.raise("webhook.handler: %s must be a number above 0", name)
  end
  return value
end

local function check(given)
  if type(given) ~= "table" then
    misuse.raise("webhook.handler: expected a table, got %s", type(given))
  end
  for name in pairs(given) do
    if not KNOWN[name] then
      misuse.unknown("setting of webhook.handler", name, KNOWN)
    end
  end
  if type(given.on_event) ~= "function" then
    misuse.raise("webhook.handler: on_event must be a function")
  elseif type(ngx) ~= "table" or not ngx.shared then
    misuse.raise("webhook.handler is for nginx's Lua module; elsewhere use "
      .. "webhook.verify")
  elseif given.dict ~= nil and not ngx.shared[given.dict] then
    misuse.raise('webhook.handler: there is no lua_shared_dict "%s" in '
      .. "nginx.conf", tostring(given.dict))
  end
  -- Judges the secrets now, not with the first delivery.
  webhook.verify { body = "", secret = given.secret, secrets = given.secrets,
    tolerance = given.tolerance }
end

local function answer(status, text, headers)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain"
  for name, value in pairs(headers or {}) do
    ngx.header[name] = value
  end
  ngx.say(text)
  return ngx.exit(ngx.HTTP_OK)
end

local function too_large(self)
  ngx.req.discard_body()
  return answer(413, ("no more than %d bytes"):format(self.max_body_bytes))
end

-- The bytes as they came. A long body lies in a file.
local function read_body(self)
  local size = tonumber(ngx.var.http_content_length)
  if size and size > self.max_body_bytes then
    return nil, true
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if path then
    local file = assert(io.open(path, "rb"))
    body = file:read(self.max_body_bytes + 1)
    file:close()
  end
  body = body or ""
  if #body > self.max_body_bytes then
    return nil, true
  end
  return body
end

-- The events that did not come before, noted as come.
local function new_events(self, document)
  local list, noted = {}, {}
  for _, event in ipairs(document.data) do
    local id = type(event) == "table" and event.external_id
    local key = self.dict and type(id) == "string" and "klaviyo:" .. id
    local added, why = true, nil
    if key then
      added, why = self.dict:add(key, true, self.remember)
      noted[#noted + 1] = added and key or nil
    end
    -- Better twice than never.
    if added or why ~= "exists" then
      list[#list + 1] = event
    end
  end
  return list, noted
end

-- Also when the worker is leaving: what was answered is not repeated.
local function tell(_, self, events, document)
  for _, event in ipairs(events) do
    local ok, why = xpcall(self.on_event, function(message)
      return debug.traceback(tostring(message), 2)
    end, event, document)
    if not ok then
      ngx.log(ngx.ERR, "klaviyo: on_event failed for the event ",
        type(event) == "table" and tostring(event.external_id) or "?", ": ",
        why)
    end
  end
end

local function hand_over(self, document)
  local events, noted = new_events(self, document)
  if #events == 0 then
    return true
  end
  local ok, why = ngx.timer.at(0, tell, self, events, document)
  if not ok then
    ngx.log(ngx.ERR, "klaviyo: a webhook cannot be handed over: ", why)
    for _, key in ipairs(noted) do
      self.dict:delete(key) -- it will be repeated
    end
  end
  return ok
end

local function receive(self)
  if ngx.req.get_method() ~= "POST" then
    ngx.req.discard_body()
    return answer(405, "POST only", { Allow = "POST" })
  end
  local body, large = read_body(self)
  if large then
    return too_large(self)
  end
  local document, err = webhook.verify {
    body = body, headers = ngx.req.get_headers(0), secret = self.secret,
    secrets = self.secrets, tolerance = self.tolerance,
  }
  if not document then
    ngx.log(ngx.WARN, "klaviyo: ", err.message)
    return answer(STATUS[err.kind] or err.status, err.message)
  elseif not hand_over(self, document) then
    return answer(503, "try again", { ["Retry-After"] = "5" })
  end
  return answer(202, "accepted")
end

--- The handler of a location for system webhooks: for init_by_lua; what it
--- returns is called in content_by_lua. It answers 202, or 401 (not signed by
--- the secret), 400 (too old, or no document), 405, 413.
---@param given klaviyo.receiver.options
---@return fun()
function M.handler(given)
  check(given)
  local self = {
    secret = given.secret, secrets = given.secrets,
    on_event = given.on_event, tolerance = given.tolerance,
    dict = given.dict and ngx.shared[given.dict],
    remember = check_number("remember", given.remember, REMEMBER),
    max_body_bytes = check_number("max_body_bytes", given.max_body_bytes,
      MOST_BODY),
  }
  return function()
    return receive(self)
  end
end

return M
