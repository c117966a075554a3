--- What a command gets: its options, the account, the client, and where its output
--- goes.

local exit_status = require "klaviyo.cli.exit_status"
local suggest = require "klaviyo.cli.suggest"
local terminals = require "klaviyo.cli.terminal"

local M = {}

---@class klaviyo.cli.Context
---@field arguments table  the global options: account, base_url, revision, output, columns, dry_run, debug, yes, quiet
---@field terminal klaviyo.cli.Terminal
---@field stdin file*
---@field stdout file*
---@field stderr file*
---@field getenv fun(name: string): string|nil
---@field new_parser fun(context: klaviyo.cli.Context): table  returns the parser of the command line
---@field progress klaviyo.cli.Progress|nil  the one that is drawn on stderr
---@field words string[]|nil  the words of the command line that are not options; nil: all is described, for a manual
---@field resource string|nil  the resource that is called, if the first word is not a command
local Context = {}
Context.__index = Context

--- Returns a context.
---@param streams table|nil  for specs: stdin, stdout, stderr, getenv, terminal, and
--- `settings` of clients
---@return klaviyo.cli.Context
function M.new(streams)
  streams = streams or {}
  return setmetatable({
    arguments = {}, stdin = streams.stdin or io.stdin,
    stdout = streams.stdout or io.stdout, stderr = streams.stderr or io.stderr,
    getenv = streams.getenv or os.getenv,
    terminal = terminals.new(streams.terminal, streams.getenv), more_settings = streams.settings,
  }, Context)
end

-- Ends ------------------------------------------------------------------------

--- Ends the command with an exit status and a message on stderr.
---@param status integer
---@param format string
function Context.fail(_, status, format, ...)
  error({status = status,
    message = select("#", ...) > 0 and format:format(...) or format}, 0)
end

--- Ends the command: the command line is not valid.
---@param format string
function Context:usage(format, ...)
  self:fail(exit_status.USAGE, format, ...)
end

--- Returns a module of another rock. Without the rock the command ends.
---@param rock string
---@param name string  of the module
---@return table
function Context:module_of(rock, name)
  local found, module = pcall(require, name)
  if not found then
    self:usage("the rock %s is not installed: luarocks install %s (%s)", rock, rock,
      tostring(module):match("^[^\n]*"))
  end
  return module
end

-- Input -----------------------------------------------------------------------

--- Returns the text of a file, or of standard input for "-".
---@param path string
---@return string
function Context:read_file(path)
  if path == "-" then
    local text, why = self.stdin:read("*a")
    if not text and why then
      self:fail(exit_status.REFUSED, "the standard input cannot be read: %s", why)
    end
    return text or ""
  end
  local file, why = io.open(path, "rb")
  local text
  if file then
    text, why = file:read("*a")
    file:close()
  end
  if not text then
    why = why and (why:find(path, 1, true) and why or path .. ": " .. why)
    self:usage("cannot read %s", why or path)
  end
  return text
end

-- Output ----------------------------------------------------------------------

local EPIPE = 32

--- Writes to stdout. If nobody reads it any more, the command ends quietly.
---@param text string
function Context:out(text)
  local ok, why, code = self.stdout:write(text)
  if not ok then
    self:refuse_output(why, code)
  end
end

--- Ends the command, because stdout cannot be written.
function Context:refuse_output(why, code)
  if code == EPIPE or why == "Broken pipe" then
    error({status = exit_status.BROKEN_PIPE}, 0)
  end
  self:fail(exit_status.REFUSED, "cannot write the output: %s", tostring(why))
end

--- Writes all that was passed to `out`.
function Context:flush()
  if self.stdout.flush then
    local ok, why, code = self.stdout:flush()
    if not ok then
      self:refuse_output(why, code)
    end
  end
end

local function one_line(text)
  return (text:gsub("[%c%s]+", " "):gsub("\194[\128-\159]", " "))
end

-- Removes the line of a progress bar: it is drawn again later.
local function clear_progress(self)
  if self.progress then
    self.progress:clear()
  end
end

--- Writes one line to stderr, unless --quiet is set.
---@param text string
function Context:note(text)
  if not self.arguments.quiet then
    clear_progress(self)
    self.stderr:write("klaviyo: ", one_line(text), "\n")
  end
end

--- Writes one line to stderr, in red on a terminal.
---@param text string
function Context:complain(text)
  clear_progress(self)
  local red, plain = "", ""
  if self.terminal:colour("stderr") then
    red, plain = "\27[31m", "\27[0m"
  end
  self.stderr:write(red, "klaviyo:", plain, " ", one_line(text), "\n")
end

--- Returns a writer of records, in the format of --output.
---@param options table|nil  see klaviyo.cli.output
function Context:records(options)
  return require("klaviyo.cli.output").new(self, options)
end

-- Errors ----------------------------------------------------------------------

local UNREACHABLE = {timeout = true, transport = true, rate_limited = true,
  closed = true}

--- Returns the exit status of a library error.
---@param err klaviyo.Error
---@return integer
function Context.status_of(_, err)
  local status = err.status
  if err.kind == "auth" or status == 401 or status == 403 then
    return exit_status.KEY
  elseif UNREACHABLE[err.kind] or status and status >= 500 then
    return exit_status.UNREACHABLE
  elseif err.kind == "cancelled" then
    return exit_status.INTERRUPTED
  end
  return exit_status.REFUSED
end

-- Returns what to do about an error.
local function advice(err)
  if err.status == 401 then
    return "check the key with `klaviyo auth status`"
  elseif err.code == "permission_denied" and not err.operation
      and not err.response.headers["x-klaviyo-gateway"] then
    return "the key may lack a scope"  -- the message names that of an operation
  elseif err.status == 429 or err.kind == "rate_limited" then
    return not err.retry_after and "try again later"  -- else the message says when
  elseif err.kind == "timeout" then
    return "try again, or set KLAVIYO_DEADLINE to more seconds"
  elseif err.kind == "transport" then
    return "check the network and --base-url"
  elseif err.status == 410 then
    return "choose a later --revision"
  elseif err.maybe_sent and err.status == nil then
    return "it may have been done: look before you repeat it"
  end
end

--- Writes a library error as one line, with the API's detail and what to do.
--- Returns the exit status for it.
---@param err klaviyo.Error
---@return integer
function Context:error(err)
  local text = tostring(err):gsub("^klaviyo: ", "")
  local todo = type(err) == "table" and advice(err)
  self:complain(text .. (todo and "; " .. todo or ""))
  return type(err) == "table" and self:status_of(err) or exit_status.REFUSED
end

--- Returns true if the user agrees. Asks on a terminal; elsewhere --yes is needed.
---@param question string
---@return boolean
function Context:confirm(question)
  if self.arguments.yes or self.arguments.dry_run then
    return true
  end
  if not self.terminal.stdin or not self.terminal.stderr then
    self:usage("%s Add --yes to do it without a question", question)
  end
  self.stderr:write(question, " [y/N] ")
  local answer = self.stdin:read("*l")
  if answer and answer:lower():find("^%s*y") then
    return true
  end
  self:fail(exit_status.USAGE, "nothing was done")
end

-- The account and its client ---------------------------------------------------

--- Returns the revision that the command uses.
---@return string
function Context:revision()
  local revision = self.arguments.revision or self.getenv "KLAVIYO_REVISION"
  if revision and revision ~= "" then
    return revision
  end
  return M.default_revision()
end

--- Returns the newest revision that is known from Klaviyo's own description.
---@return string
function M.default_revision()
  local newest
  for _, one in ipairs(require("klaviyo").revisions()) do
    if one.state ~= "beta" and not one.provisional then
      newest = one.date
    end
  end
  return newest
end

--- Returns the account of the command, or nil.
---@return klaviyo.cli.Account|nil
function Context:account()
  if self.chosen == nil then
    local accounts = require "klaviyo.cli.accounts"
    local account, why, names = accounts.choose(self.arguments.account,
      self.getenv)
    if why then
      self:fail(exit_status.KEY, "%s%s", why, names
        and suggest.text(self.arguments.account or "", names)
        .. "; `klaviyo auth list` shows all" or "")
    end
    self.chosen = account or false
  end
  return self.chosen or nil
end

local NO_KEY = "no key: log in with `klaviyo auth login`, or set KLAVIYO_API_KEY"

-- A call that waits longer is reported.
local LONG_WAIT = 5

local WAITS = {
  rate_limit = "for its rate limit",
  retry_after = "as the API asks",
  backoff = "before it tries again",
}

-- Returns the on_wait of a command that shows no progress. Each operation is
-- reported once.
local function wait_reporter(self)
  local reported = {}
  return function(operation, seconds, why)
    if seconds > LONG_WAIT and operation and not reported[operation] then
      reported[operation] = true
      self:note(("%s waits %.0f s %s; set KLAVIYO_DEADLINE to wait for less")
        :format(operation, seconds, WAITS[why] or why))
    end
  end
end

--- Returns the settings of the account's client.
---@param account klaviyo.cli.Account
---@return klaviyo.Settings
function Context:settings(account)
  local options = self.arguments
  local from_environment = self.getenv "KLAVIYO_BASE_URL"
  if from_environment == "" then
    from_environment = nil
  end
  local settings = {
    api_key = account.api_key, access_token = account.access_token,
    company_id = account.company_id, auth_scheme = account.auth_scheme,
    rate_limit_key = account.rate_limit_key,
    base_url = options.base_url or from_environment or account.base_url,
    revision = self:revision(), debug = options.debug or nil,
    app_info = "klaviyo-cli/" .. require("klaviyo")._VERSION,
    on_warning = function(message)
      self:note((message:gsub("^klaviyo: ", "")))
    end,
    on_wait = wait_reporter(self),
  }
  if settings.access_token and not settings.rate_limit_key then
    settings.rate_limit_file = false  -- a token does not tell whose limits count
  end
  for name, value in pairs(self.more_settings or {}) do
    settings[name] = value
  end
  return settings
end

--- Returns a client for the calls of the /client API, which have a public key and
--- no private one.
---@param company_id string|nil  default: that of the account
---@param needs_it boolean|nil  whether the call is not possible without it
---@return klaviyo.Client
function Context:public_client(company_id, needs_it)
  local account = self:account() or {}
  local settings = self:settings(account)
  settings.api_key, settings.access_token = nil, nil
  settings.company_id = company_id or settings.company_id
  if not settings.company_id and not needs_it then
    settings.api_key = "pk_none"  -- is not sent
  elseif not settings.company_id then
    self:usage("no public key: pass --company-id, or log in with `klaviyo auth login`")
  end
  return require("klaviyo").new(settings)
end

--- Returns the client of the account; it is made once.
---@param settings klaviyo.Settings|nil  others, for this caller
---@return klaviyo.Client
function Context:client(settings)
  if not self.made then
    local account = self:account()
    if not account then
      if not self.arguments.dry_run then
        self:fail(exit_status.KEY, NO_KEY)
      end
      account = {api_key = "pk_none", source = "--dry-run"}
    end
    self.made = require("klaviyo").new(self:settings(account))
  end
  return settings and self.made:with(settings) or self.made
end

return M
