--- The access tokens of accounts, refreshed before they expire: by one light thread
--- of one process at a time, while the others use the old token or wait for the new
--- one.

local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local entries = require "klaviyo.oauth.entry"
local errors = require "klaviyo.response.errors"
local folder_store = require "klaviyo.oauth.folder_store"
local phases = require "klaviyo.nginx.phases"
local refresh_request = require "klaviyo.oauth.refresh_request"
local tasks = require "klaviyo.tasks"
local token_endpoint = require "klaviyo.oauth.token_endpoint"
local warning = require "klaviyo.util.warning"

local M = {}

local RETRY = 10          -- seconds until a refresh that failed is tried again
local POLL = 0.05         -- seconds between looks at a locked file
local COLLECT = 200       -- looks: code that nginx ended may hold the lock

-- Reads the stored pair. Returns the access token if it needs no refresh; nil and the
-- pair if it does; or nil, nil and an error.
local function read(own, entry, refused)
  local pair, err = own.store:load(entry.account)
  if err then
    return nil, nil, err
  elseif not pair then
    entry.pair = nil
    return nil, nil, entries.failure(entry, "unknown_account", "authorize first")
  elseif pair.must_authorize then
    entry.pair = nil
    return nil, nil, entries.failure(entry, "invalid_grant", "authorize again")
  elseif pair.access_token ~= refused and os.time() < entries.refresh_time(pair) then
    return entries.adopt(entry, pair)
  end
  entry.pair, entry.refresh_at = pair, 0
  return nil, pair
end

-- Locks the file of an account. Returns the lock; nil if another process holds it; or
-- nil and an error.
local function try_lock(own, entry)
  core.make_folder(own.lock_folder)
  local path = ("%s/%s.lock"):format(own.lock_folder,
    folder_store.file_name(entry.account))
  local held, why = core.file_lock(path)
  if not held and why then
    return nil, errors.new {kind = "auth", code = "store",
      message = ("%s cannot be locked: %s"):format(path, why)}
  end
  return held
end

local function too_late(entry)
  return errors.new {kind = "timeout", message = ("another process refreshes the "
    .. "tokens of the account %q for too long"):format(entry.account)}
end

-- Waits for the lock. `is_over` ends it: its first result that is not nil is returned
-- in place of the lock.
local function wait_for_lock(own, entry, is_over)
  local deadline = tasks.clock() + own.values.deadline
  local looks = 0
  while true do
    local held, err = try_lock(own, entry)
    if held or err then
      return held, nil, err
    end
    local token
    token, err = is_over()
    if token or err then
      return nil, token, err
    elseif tasks.clock() >= deadline then
      return nil, nil, too_late(entry)
    end
    looks = looks + 1
    if looks % COLLECT == 0 then
      collectgarbage()
    end
    tasks.sleep(POLL, own.values.wait)
  end
end

-- Runs a function while it holds the lock, and returns what that returns.
local function release(held, ok, ...)
  held:release()
  if not ok then
    error((...), 0)
  end
  return ...
end

local METRIC = "klaviyo_oauth_refreshes_total"

local function count_shared(before, token)
  if before and token and token ~= before.access_token then
    counters.add(METRIC, "shared")
  end
  return token
end

local function read_and_request(own, entry, refused)
  local before = entry.pair
  local token, pair, err = read(own, entry, refused)
  if not pair then
    return count_shared(before, token), err
  end
  local result
  token, err, result = refresh_request.run(own, entry, refused, pair)
  counters.add(METRIC, result)
  return token, err, result == "reauthorize"
end

-- Returns the token, or nil and an error, and whether the grant ended now.
local function refresh_locked(own, entry, refused)
  local before = entry.pair
  local token, pair, err = read(own, entry, refused)
  if not pair then
    return count_shared(before, token), err
  end
  local held
  held, token, err = wait_for_lock(own, entry, function()
    if entries.is_valid(pair, refused) then
      entry.pair, entry.refresh_at = pair, os.time() + 1  -- another process does it
      return pair.access_token
    end
    local found, _, why = read(own, entry, refused)
    return found, why
  end)
  if not held then
    return count_shared(before, token), err
  end
  return release(held, pcall(read_and_request, own, entry, refused))
end

local function report(own, account)
  if not own.on_reauthorize then
    return
  end
  local ok, why = pcall(own.on_reauthorize, account)
  if not ok then
    warning.say(own.values, "on_reauthorize failed: " .. tostring(why))
  end
end

local function copy_of(err)
  local copy = {}
  for name, value in pairs(err) do
    copy[name] = value
  end
  return setmetatable(copy, getmetatable(err))
end

-- Refreshes as the one light thread of this process that does.
local function refresh_alone(own, entry, refused, turn)
  if entries.is_fresh(entry, refused) then
    return entry.pair.access_token
  elseif entry.turn ~= turn and entry.failure then
    return nil, copy_of(entry.failure)  -- of the thread that this one waited for
  end
  entry.turn, entry.failure, entry.is_busy = entry.turn + 1, nil, true
  local ok, token, err, is_ended = pcall(refresh_locked, own, entry, refused)
  entry.is_busy = false
  if not ok then
    error(token, 0)
  elseif token then
    return token
  elseif entries.is_valid(entry.pair, refused) then  -- the refresh ahead failed
    entry.refresh_at = os.time() + RETRY
    return entry.pair.access_token
  end
  entry.failure = err
  if is_ended then
    report(own, entry.account)
  end
  return nil, copy_of(err)
end

--- Returns the access token of an account, or nil and an error.
---@param own table  of an app
---@param entry klaviyo.oauth.Entry
---@param refused string|nil  the token that the service rejected
---@return string|nil
---@return klaviyo.Error|nil
function M.token(own, entry, refused)
  if entries.is_fresh(entry, refused) then
    return entry.pair.access_token
  elseif entries.is_valid(entry.pair, refused) and entry.is_busy then
    return entry.pair.access_token
  elseif type(ngx) == "table" and not phases.can_wait() then
    local token, pair, err = read(own, entry, refused)
    if token or entries.is_valid(pair, refused) then
      return token or pair.access_token
    end
    return nil, err or entries.failure(entry, "phase",
      "a token cannot be refreshed in the phase " .. ngx.get_phase())
  end
  return entry.lock:with(own.values.wait, refresh_alone, own, entry, refused, entry.turn)
end

--- Refreshes the tokens of an account now, unless another process does. Returns true,
--- or nil and an error.
---@param own table  of an app
---@param entry klaviyo.oauth.Entry
---@return boolean|nil
---@return klaviyo.Error|nil
function M.refresh(own, entry)
  local pair, err = own.store:load(entry.account)
  if not pair then
    return nil, err or entries.failure(entry, "unknown_account", "authorize first")
  end
  entry.pair, entry.refresh_at = pair, 0
  local token
  token, err = M.token(own, entry, pair.access_token)
  if not token then
    return nil, err
  end
  return true
end

local function revoke_locked(own, entry)
  local pair, err = own.store:load(entry.account)
  if not pair then
    return nil, err or entries.failure(entry, "unknown_account", "authorize first")
  end
  if not pair.must_authorize then
    local body
    body, err = token_endpoint.request(own.values, "/oauth/revoke", {
      token = pair.refresh_token, token_type_hint = "refresh_token",
    }, true, "the tokens could not be revoked")
    if not body then
      return nil, err
    end
  end
  entry.pair = nil
  return own.store:save(entry.account, nil)
end

--- Stores a new pair of an account, after a refresh that is in progress, which else
--- would replace it. A pair that is not stored is lost: so if the lock is not to be
--- had, the pair is stored without it. Returns true, or nil and an error.
---@param own table  of an app
---@param account string
---@param pair klaviyo.oauth.Pair
---@return boolean|nil
---@return klaviyo.Error|nil
function M.store(own, account, pair)
  local held = own.lock_folder and wait_for_lock(own, {account = account}, function() end)
  if not held then
    return own.store:save(account, pair)
  end
  return release(held, pcall(own.store.save, own.store, account, pair))
end

--- Revokes the tokens of an account and removes them from the store. Returns true, or
--- nil and an error.
---@param own table  of an app
---@param entry klaviyo.oauth.Entry
---@return boolean|nil
---@return klaviyo.Error|nil
function M.revoke(own, entry)
  local held, _, err = wait_for_lock(own, entry, function() end)
  if not held then
    return nil, err
  end
  return release(held, pcall(revoke_locked, own, entry))
end

return M
