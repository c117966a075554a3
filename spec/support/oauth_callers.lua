--- Tasks that make calls of one OAuth account, for processes of a spec: scripts and
--- workers of nginx. All of them, and the spec, share a folder:
---
---   config.json     what `new_app` and `client_of` need, written by the spec
---   go-N            round N may begin
---   stop            calls that go on end
---   pid-NAME        the pid of a process
---   failures, done  a line for each failed call, and for each process that ended

local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local read = shell.read

local function append(path, line)
  local file = assert(io.open(path, "ab"))
  file:write(line, "\n")
  file:close()
end

--- Returns the app of a folder.
---@param dir string
---@return klaviyo.oauth.App app, table config
function M.new_app(dir)
  local config = assert(json.decode(read(dir .. "/config.json")))
  return klaviyo.oauth.new {
    client_id = config.client_id, client_secret = config.client_secret,
    redirect_uri = "https://app.example/callback", scopes = {"accounts:read", "events:write", "lists:read"},
    store = config.store, encryption_key = config.key,
    on_reauthorize = function() append(dir .. "/failures", "on_reauthorize was called") end,
    settings = {base_url = config.base_url, proxy = "", pacing = false, rate_limit_file = false, retries = 8,
      revision = "2026-10-15", on_warning = function(message) append(dir .. "/failures", message) end},
  }, config
end

-- Waits for a file.
local function await(path)
  while not read(path) do
    klaviyo.sleep(0.02)
  end
end

local function call(dir, name, client)
  local document, err = client.lists:list()
  if not document then
    append(dir .. "/failures", name .. ": " .. tostring(err))
  end
end

-- Runs a function in many tasks, and notes the end.
local function run(dir, name, count, fn)
  klaviyo.run(function()
    for _ = 1, count do
      klaviyo.spawn(fn)
    end
  end)
  append(dir .. "/done", name)
end

--- Makes one call in each of `count` tasks, once in each round. The app of a round
--- knows no token before.
function M.rounds(dir, name, count, rounds)
  for number = 1, rounds do
    await(dir .. "/go-" .. number)
    local app, config = M.new_app(dir)
    local client = app:client(config.account)
    run(dir, name, count, function()
      call(dir, name, client)
    end)
  end
end

--- Makes calls in `count` tasks, with a pause after each, until the file stop exists.
function M.go_on(dir, name, count, pause)
  append(dir .. "/pid-" .. name, read("/proc/self/stat"):match("^%d+"))
  local app, config = M.new_app(dir)
  local client = app:client(config.account)
  run(dir, name, count, function()
    repeat
      call(dir, name, client)
      klaviyo.sleep(pause)
    until read(dir .. "/stop")
  end)
end

return M
