--- Warnings: what a program should be told once, and goes on without.

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local lazy_require = require "klaviyo.util.lazy_require"
local userinfo = require "klaviyo.util.userinfo"

local revision_diff = lazy_require "klaviyo.operations.revision_diff"

local M = {}

--- Warns, by the client's own way or by the host's.
function M.say(settings, message)
  message = "klaviyo: " .. userinfo.redacted(message)
  if settings.on_warning then
    settings.on_warning(message)
  elseif type(ngx) == "table" and ngx.log then
    ngx.log(ngx.WARN, message)
  else
    io.stderr:write(message, "\n")
  end
end

--- Has nginx's log tell of an error that nobody will hear of.
function M.log_error(err)
  if type(ngx) == "table" and ngx.log then
    ngx.log(ngx.ERR, tostring(err))
  end
end

--- The same of one that is about to be raised, where nginx would say no more
--- of it than that there was one: it is no text.
function M.log_raised(err)
  if type(err) ~= "string" then
    M.log_error(err)
  end
end

local said = {}

--- Says all warnings anew, for tests.
function M.forget()
  said = {}
end

local function warn_of_age(settings)
  local date = settings.revision
  local age = revision_lifecycle.age(date)
  if age.state == "retired" then
    local answers = settings.fall_forward == false and "nobody"
      or revision_lifecycle.served(date)
    M.say(settings, ("revision %s is retired since %s by the published policy; "
      .. "%s answers in its place"):format(date, age.retired, answers))
  elseif age.state == "deprecated" then
    M.say(settings, ("revision %s is deprecated since %s by the published "
      .. "policy, and retired on %s"):format(date, age.deprecated,
      age.retired))
  end
end

local function is_loopback(host)
  return host == "localhost" or host:find("%.localhost$") ~= nil
    or host:find("^127%.%d+%.%d+%.%d+$") ~= nil or host == "[::1]"
end

--- Warns once for each host that a key or a token is sent to unencrypted.
---@param settings klaviyo.settings
function M.of_plain_http(settings)
  local url = settings.base_url:lower()
  local host = url:match("^http://(%[[^%]]*%])") or url:match("^http://([^/:]+)")
  if not host or is_loopback(host) or said[host] then
    return
  end
  said[host] = true
  M.say(settings, ("base_url %s is not encrypted: anybody on the way can read "
    .. "the key and the data; use https"):format(settings.base_url))
end

--- Warns of a revision that is past its time, once per process, and once of
--- every operation in use that the revision answering has otherwise.
---@param settings klaviyo.settings
---@param op table
---@param view klaviyo.view  that it was found in
function M.of_age(settings, op, view)
  local date = settings.revision
  if not said[date] then
    said[date] = {}
    warn_of_age(settings)
  end
  if not said[date][op.id] then
    said[date][op.id] = true
    local also = not view:is_alike(op) and view:also(op)
    local names = also and revision_diff.between(op, also) or ""
    if names ~= "" then
      M.say(settings, ("%s is otherwise in %s than in %s: %s"):format(op.id,
        revision_lifecycle.served(date), date, names))
    end
  end
end

return M
