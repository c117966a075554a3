--- klaviyo sandbox: an implementation of the API on this machine, for as long as the
--- command runs.

local accounts = require "klaviyo.cli.accounts"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local shell = require "klaviyo.cli.shell"

local M = {}

local NAME = "sandbox"
local CHECK_INTERVAL = 2  -- seconds

local function whole(text)
  local number = tonumber(text)
  return number and number >= 0 and number % 1 == 0 and number
    or nil, ("%s is not a whole number"):format(text)
end

function M.configure(parser)
  parser:description("Starts an implementation of the API on this machine, and stores "
    .. 'it as the account "sandbox" (--account: another name), until Ctrl-C. '
    .. "Standard output gets a line for a shell, which sets KLAVIYO_API_KEY and "
    .. "KLAVIYO_BASE_URL for other programs.")
  parser:option("--profiles"):argname("NUMBER"):convert(whole)
    :description("The number of made-up profiles; default 0.")
  parser:flag("--limits"):description("Refuse more requests than Klaviyo allows.")
  parser:option("--port"):argname("NUMBER"):convert(whole)
    :description("The port of http; default: a free one.")
  parser:option("--seed"):argname("NUMBER"):convert(whole)
    :description("The seed of the ids; default 1.")
  parser:flag("--no-account"):description("Do not store an account.")
end

local function is_local(url)
  return url and url:find("^https?://127%.0%.0%.1[:/]") ~= nil
    or url and url:find("^https?://localhost[:/]") ~= nil
end

-- Returns the accounts; ends the command if one of this name is a real one.
local function read_accounts(context, name)
  local all, why = accounts.read(context.getenv)
  if not all then
    context:fail(exit_status.KEY, why)
  end
  local own = all.accounts[name]
  if own and not is_local(own.base_url) then
    context:usage('the account "%s" is not a sandbox; choose another name with '
      .. "--account, or add --no-account", name)
  end
  return all
end

local function store_account(context, name, server)
  local all = read_accounts(context, name)
  all.accounts[name] = {api_key = server.key, company_id = server.company_id,
    organization = "Sandbox", base_url = server.base_url}
  local ok, why = accounts.write(context.getenv, all)
  if not ok then
    context:fail(exit_status.REFUSED, why)
  end
end

--- Removes the account of a sandbox, unless the name stands for another one by now.
---@param getenv fun(name: string): string|nil
---@param name string
---@param base_url string
function M.forget(getenv, name, base_url)
  local all = accounts.read(getenv)
  local own = all and all.accounts[name]
  if own and own.base_url == base_url then
    all.accounts[name] = nil
    if all.current == name then
      all.current = nil
    end
    accounts.write(getenv, all)
  end
end

-- Starts a shell that removes the account when this process has ended, however it
-- ends: its input is then at the end.
local function watch(name, base_url)
  local i = 0
  while arg and arg[i - 1] do
    i = i - 1
  end
  local interpreter = arg and i < 0 and arg[i]
  if not interpreter then
    return nil
  end
  local code = ("require('klaviyo.cli.command.sandbox').forget(os.getenv, %q, %q)")
    :format(name, base_url)
  return io.popen(("trap '' INT TERM HUP; cat >/dev/null 2>&1; "
    .. "LUA_PATH=%s LUA_CPATH=%s LUA_INIT= LUA_INIT_5_4= exec %s -e %s >/dev/null 2>&1")
    :format(shell.quote(package.path), shell.quote(package.cpath), shell.quote(interpreter), shell.quote(code)),
    "w")
end

local function announce(context, server, name)
  context:out(("export KLAVIYO_API_KEY=%s KLAVIYO_BASE_URL=%s\n")
    :format(shell.word(server.key), shell.word(server.base_url)))
  context:flush()
  if name then
    context:note(("the sandbox runs until Ctrl-C; try: klaviyo --account %s profiles list")
      :format(shell.word(name)))
  else
    context:note("the sandbox runs until Ctrl-C")
  end
end

local function wait(server)
  while server:running() do
    klaviyo.sleep(CHECK_INTERVAL)
  end
end

function M.run(context, arguments)
  local name = not arguments.no_account
    and (context.arguments.account or NAME) or nil
  if name then
    read_accounts(context, name)
  end
  local server, err = klaviyo.sandbox.start {
    profiles = arguments.profiles, limits = arguments.limits or nil,
    port = arguments.port, seed = arguments.seed,
  }
  if not server then
    context:fail(exit_status.REFUSED, "%s", err.message)
  end
  local watcher
  local ok, why = pcall(function()
    if name then
      watcher = watch(name, server.base_url)
      store_account(context, name, server)
    end
    announce(context, server, name)
    wait(server)
  end)
  local base_url = server.base_url
  server:stop()
  if watcher then
    watcher:close()
  elseif name then
    M.forget(context.getenv, name, base_url)
  end
  if ok then
    context:fail(exit_status.REFUSED, "the sandbox has ended by itself")
  elseif tostring(why):find("interrupted!$") then
    return exit_status.OK
  end
  error(why, 0)
end

return M
