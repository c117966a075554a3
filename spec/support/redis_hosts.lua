--- Hosts that share the limits of an account through Redis, for specs. Two URLs of
--- one Redis are two hosts: each has a local file of its own. A process runs
--- connections to 16 of them at most.

local connect = require "spec.support.connect"
local core = require "klaviyo.core"
local digest = require "klaviyo.digest"
local redis_server = require "spec.support.redis_server"
local socket = require "socket"

local M = {}

local accounts = 0
local servers, used_urls = {}, {}

--- Removes the local file of a host with this URL, and no other: other specs run at
--- the same time.
function M.remove_file(url)
  os.remove(("/tmp/klaviyo-rate-limits-%d-%s"):format(core.user(), digest.sha256(url):sub(1, 16)))
end

--- Starts a Redis that `close_all` stops.
function M.start(options)
  servers[#servers + 1] = redis_server.start(options)
  return servers[#servers]
end

function M.close_all()
  for _, server in ipairs(servers) do
    server:close()
    used_urls[server.url] = true
  end
  servers = {}
end

--- Removes the local files of all hosts. For the end of the process: while it makes
--- calls, it creates a file again that was removed.
function M.remove_files()
  for url in pairs(used_urls) do
    M.remove_file(url)
  end
end

--- Returns clients with these URLs, for an account of their own, and lists to which
--- their warnings and the statuses of their attempts are added. On a busy machine any
--- reply may be late: this warning has a list of its own.
---@param base_url string
---@param urls string[]
---@param more table|nil settings
---@return table[] clients
---@return string[] warnings
---@return integer[] statuses
---@return string[] late  warnings of replies that came late or not at all
function M.clients(base_url, urls, more)
  accounts = accounts + 1
  local list, warnings, statuses, late = {}, {}, {}, {}
  local account = ("redis %d %.3f"):format(accounts, socket.gettime())
  for i, url in ipairs(urls) do
    used_urls[url] = true
    local settings = {
      pacing = true, rate_limit_file = url, revision = "2026-07-15", retries = 4,
      rate_limit_key = account,
      -- of these hosts: another one may still have its trouble
      on_warning = function(text)
        for _, address in ipairs(urls) do
          if text:find(address:match("[^@/]+:%d+") or address, 1, true) then
            local to = text:find("no reply in 50 ms", 1, true) and late or warnings
            to[#to + 1] = text
          end
        end
      end,
      on_attempt = function(attempt) statuses[#statuses + 1] = attempt.status end,
    }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    list[i] = connect(base_url, settings)
  end
  return list, warnings, statuses, late
end

--- Makes a call, and returns the seconds that it took.
function M.call(client)
  local began = socket.gettime()
  assert(client:call("get_metrics"))
  return socket.gettime() - began
end

--- Calls until a server has made another exchange, for at most 15 s.
function M.call_until_shared(client, server)
  local last, before = socket.gettime() + 15, M.exchanges(server)
  while M.exchanges(server) == before and socket.gettime() < last do
    assert(M.call(client) < 1)
    socket.sleep(0.1)
  end
  return M.exchanges(server) > before
end

--- Returns how many exchanges a server made.
function M.exchanges(server)
  return tonumber(server:call("INFO", "commandstats"):match(
    "cmdstat_evalsha:calls=(%d+)")) or 0
end

function M.count(list, value)
  local n = 0
  for _, one in ipairs(list) do
    n = n + (one == value and 1 or 0)
  end
  return n
end

return M
