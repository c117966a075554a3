--- The trace that a call belongs to (W3C Trace Context), from the settings or from
--- the request that nginx handles.

local digest = require "klaviyo.digest"
local protect = require "klaviyo.transport.protect"

local M = {}

local NO_SPAN = ("0"):rep(16)
local SAMPLED = "01"

--- Parses a value of traceparent. Only version 00 is accepted; an invalid value is
--- dropped, because its parts mean nothing.
---@param text any
---@return string|nil trace_id
---@return string|nil span_id  of the parent
---@return string|nil flags
function M.parse(text)
  if type(text) ~= "string" or #text ~= 55 then
    return nil
  end
  local trace_id, span_id, flags = text:match("^00%-([0-9a-f]+)%-([0-9a-f]+)%-([0-9a-f][0-9a-f])$")
  if not trace_id or #trace_id ~= 32 or not trace_id:find("[^0]")
      or not span_id:find("[^0]") then
    return nil
  end
  return trace_id, span_id, flags
end

local MAX_STATE, MAX_MEMBERS = 512, 32

-- A key is a name, or the name of a tenant, "@" and that of a system.
local function is_key(key)
  local tenant, system = key:match("^([^@]+)@([^@]+)$")
  if tenant then
    return #tenant <= 241 and #system <= 14 and tenant:find("^[a-z0-9][a-z0-9_*/-]*$")
      and system:find("^[a-z][a-z0-9_*/-]*$")
  end
  return #key <= 256 and key:find("^[a-z][a-z0-9_*/-]*$")
end

local function is_member(member)
  local key, value = member:match("^([^=]+)=([\32-\43\45-\60\62-\126]+)$")
  return key and #value <= 256 and value:sub(-1) ~= " " and is_key(key)
end

--- Returns a value of tracestate without blanks between its members, or nil if it
--- is empty or invalid.
---@param text any
---@return string|nil
function M.state(text)
  if type(text) ~= "string" or #text > MAX_STATE then
    return nil
  end
  local members, known = {}, {}
  for part in (text .. ","):gmatch("([^,]*),") do
    local member = part:match("^[ \t]*(.-)[ \t]*$")
    if member ~= "" then
      local key = member:match("^[^=]*")
      if not is_member(member) or known[key] or #members == MAX_MEMBERS then
        return nil
      end
      known[key] = true
      members[#members + 1] = member
    end
  end
  return members[1] and table.concat(members, ",") or nil
end

-- The phases of nginx in which a request is handled, and its fields can be read.
local HAS_REQUEST = {
  set = true, rewrite = true, server_rewrite = true, access = true, content = true,
  header_filter = true, body_filter = true, log = true, balancer = true,
}

local function handles_request()
  return type(ngx) == "table" and HAS_REQUEST[ngx.get_phase()] or false
end

-- Returns the fields of the setting, or of the request that nginx handles.
local function incoming(settings)
  local setting = settings.traceparent
  if type(setting) == "function" then
    return protect(settings, "traceparent", setting)
  elseif setting then
    return setting, settings.tracestate
  elseif setting == nil and handles_request() then
    local parent = ngx.var.http_traceparent
    return parent, parent and ngx.var.http_tracestate
  end
end

-- Returns the fields among the setting `headers`.
local function own_fields(headers)
  local parent, state
  for name, value in pairs(headers) do
    local lower = name:lower()
    if lower == "traceparent" then
      parent = value
    elseif lower == "tracestate" then
      state = value
    end
  end
  return parent, state
end

---@class klaviyo.Trace
---@field traceparent? string  the field to send; the core replaces the id of the parent
---@field tracestate? string
---@field seed? string  of the ids of the attempts, if these are reported
---@field trace_id? string
---@field parent_span_id? string
---@field flags? string
---@field nginx_request_id? string

-- Returns the trace of a call whose attempts are reported.
local function recorded(settings, trace_id, parent_id, flags)
  if not trace_id and settings.on_span then
    trace_id, flags = digest.uuid():gsub("-", ""), SAMPLED
  end
  return {
    seed = digest.random(8), trace_id = trace_id, parent_span_id = parent_id,
    flags = flags, nginx_request_id = settings.log and handles_request()
      and ngx.var.request_id or nil,
  }
end

--- Returns the trace of a call, or nil if there is none.
---
--- If the attempts are reported (on_span, log) each has an id of its own, which the
--- service receives. Else nobody knows such an id, so the id of the parent is passed
--- on as it is. Field values in the setting `headers` are sent as they are.
---@param settings klaviyo.Settings
---@param is_background boolean|nil  nobody waits: the attempts are not reported
---@return klaviyo.Trace|nil
function M.of(settings, is_background)
  local own_parent, own_state = own_fields(settings.headers)
  local parent, state
  if own_parent then
    parent = own_parent
  else
    parent, state = incoming(settings)
  end
  local trace_id, parent_id, flags = M.parse(parent)
  local trace
  if not is_background and (settings.on_span or settings.log) then
    trace = recorded(settings, trace_id, parent_id, flags)
  elseif trace_id then
    trace = {trace_id = trace_id, parent_span_id = parent_id, flags = flags}
  else
    return nil
  end
  if trace.trace_id and not own_parent and settings.traceparent ~= false then
    trace.traceparent = ("00-%s-%s-%s"):format(trace.trace_id,
      parent_id or NO_SPAN, trace.flags)
    trace.tracestate = not own_state and M.state(state) or nil
  end
  return trace
end

--- Gives the attempts of another request of the same call other ids.
---@param trace klaviyo.Trace|nil
function M.renew(trace)
  if trace and trace.seed then
    trace.seed = digest.random(8)
  end
end

return M
