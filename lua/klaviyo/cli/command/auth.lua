--- klaviyo auth: the accounts of this user.

local accounts = require "klaviyo.cli.accounts"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local sorted_keys = require "klaviyo.cli.sorted_keys"
local suggest = require "klaviyo.cli.suggest"

local M = {}

function M.configure(parser)
  parser:command_target("action")
  local login = parser:command("login"):summary("Store the key of an account")
    :description("Asks for a private API key, checks it, and stores it."
    .. " --account names the account; default: the name of its organization.")
  login:option("--with-key"):argname("-")
    :description("Read the key from standard input instead of asking for it.")
  parser:command("logout"):summary("Forget an account")
    :description("Forgets an account: the one that --account names, or the current one.")
  parser:command("list"):summary("List the accounts")
    :description("Lists the accounts.")
  local switch = parser:command("switch"):summary("Use another account")
    :description("Makes another account the current one.")
  switch:argument("name"):argname("NAME"):description("The name of the account.")
  parser:command("status"):summary("Show the account in use, and check its key")
    :description("Shows the account in use, and checks its key.")
end

local function read_all(context)
  local all, why = accounts.read(context.getenv)
  if not all then
    context:fail(exit_status.KEY, why)
  end
  return all
end

local function write_all(context, all)
  local ok, why = accounts.write(context.getenv, all)
  if not ok then
    context:fail(exit_status.REFUSED, why)
  end
end

-- Returns the account that a name means, or ends the command.
local function find(context, all, name)
  local account = name and all.accounts[name]
  if not account then
    local names = sorted_keys(all.accounts)
    if #names == 0 then
      context:fail(exit_status.KEY, "no account is logged in; use `klaviyo auth login`")
    elseif not name then
      context:fail(exit_status.KEY,
        "no account is chosen; use `klaviyo auth switch NAME` (%s)",
        table.concat(names, ", "))
    end
    context:usage('no account "%s"%s; there are: %s', name,
      suggest.text(name, names), table.concat(names, ", "))
  end
  return account
end

-- Returns the key, without blanks around it. A message never shows it.
local function read_key(context, source)
  local text
  if source then
    if source ~= "-" then
      context:usage("--with-key takes only -, which reads the key from standard "
        .. "input: an argument would be visible to other users")
    end
    text = context.stdin:read("*l")
  elseif not context.terminal.stdin then
    context:usage("there is no terminal to ask for the key; pass it on standard "
      .. "input: klaviyo auth login --with-key - <FILE")
  else
    text = context.terminal:read_secret("Private API key (it is not shown): ")
  end
  local key = (text or ""):match("^%s*(.-)%s*$")
  if key == "" then
    context:fail(exit_status.KEY, "no key was entered")
  elseif key:find("[%c%s]") then
    context:fail(exit_status.KEY, "the key contains a blank or a control character")
  end
  return key
end

-- Returns the account's own resource, or ends the command.
local function verify(context, account)
  local client = klaviyo.new(context:settings(account))
  local document, err = client:call("get_accounts")
  if not document then
    error(err, 0)
  end
  return document.data[1] or {}
end

local function organization_of(resource)
  local attributes = resource.attributes or {}
  local contact = attributes.contact_information
  return type(contact) == "table" and type(contact.organization_name) == "string"
    and contact.organization_name ~= "" and contact.organization_name or nil
end

-- Returns the public key of an account.
local function company_of(resource)
  local attributes = resource.attributes or {}
  return type(attributes.public_api_key) == "string"
    and attributes.public_api_key or resource.id
end

-- Makes a name for an account: "The Shop" becomes the-shop.
local function name_of(resource)
  local text = (organization_of(resource) or resource.id or "default"):lower()
    :gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
  return text ~= "" and text or "default"
end

local actions = {}

function actions.login(context, arguments)
  local all = read_all(context)
  local key = read_key(context, arguments.with_key)
  local account = {api_key = key}
  local resource = verify(context, account)
  account.company_id = company_of(resource)
  account.organization = organization_of(resource)
  account.base_url = context:settings(account).base_url
  local name = context.arguments.account or name_of(resource)
  all.accounts[name], all.current = account, name
  write_all(context, all)
  context:note(('logged in to "%s" (%s)'):format(name,
    account.organization or resource.id or "?"))
end

function actions.logout(context)
  local all = read_all(context)
  local name = context.arguments.account or all.current
  find(context, all, name)
  all.accounts[name] = nil
  if all.current == name then
    all.current = nil
  end
  write_all(context, all)
  context:note(('forgot "%s"'):format(name))
end

function actions.list(context)
  local all = read_all(context)
  local writer = context:records {
    columns = {"name", "current", "organization", "company_id", "base_url"}}
  for _, name in ipairs(sorted_keys(all.accounts)) do
    local account = all.accounts[name]
    writer:add({name = name, current = name == all.current,
      organization = account.organization, company_id = account.company_id,
      base_url = account.base_url})
  end
  writer:finish()
  if writer.count == 0 then
    context:note("no account is logged in; use `klaviyo auth login`")
  end
end

function actions.switch(context, arguments)
  local all = read_all(context)
  find(context, all, arguments.name)
  all.current = arguments.name
  write_all(context, all)
  context:note(('using "%s"'):format(arguments.name))
end

function actions.status(context)
  local account = context:account()
  if not account then
    context:client()  -- says what to do
  end
  local resource = verify(context, account)
  local writer = context:records {is_single = true, columns = {"name", "source",
    "organization", "company_id", "base_url", "revision"}}
  writer:add({name = account.name, source = account.source,
    organization = organization_of(resource), company_id = company_of(resource),
    base_url = context:settings(account).base_url or "https://a.klaviyo.com",
    revision = context:revision()})
  writer:finish()
end

function M.run(context, arguments)
  return actions[arguments.action](context, arguments)
end

return M
