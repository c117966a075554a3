-- What the man page and docs/cli.md say besides the commands and their options.

local exit_status = require "klaviyo.cli.exit_status"

local M = {}

M.EXIT = {
  {exit_status.OK, "The command succeeded."},
  {exit_status.REFUSED, "The API refused the request, or a file could not be read or written."},
  {exit_status.USAGE, "The command line is not valid, or nothing was done because --yes was missing."},
  {exit_status.SOME_FAILED, "Some of the records failed."},
  {exit_status.KEY, "There is no key, it is not valid, or it lacks a scope."},
  {exit_status.UNREACHABLE, "The API could not be reached, or did not answer in time."},
  {exit_status.INTERRUPTED, "Ctrl-C ended the command."},
}

M.ENVIRONMENT = {
  {"KLAVIYO_ACCOUNT", "The account to use, as --account does."},
  {"KLAVIYO_API_KEY", "A private key, instead of an account."},
  {"KLAVIYO_ACCESS_TOKEN", "An OAuth token, instead of a key."},
  {"KLAVIYO_RATE_LIMIT_KEY", "Names the account of a token, so that programs share its rate limits."},
  {"KLAVIYO_COMPANY_ID", "The public key, for klaviyo client."},
  {"KLAVIYO_BASE_URL", "The address of a gateway or a sandbox, as --base-url does."},
  {"KLAVIYO_REVISION", "The revision of the API, as --revision does."},
  {"KLAVIYO_DEADLINE", "How many seconds a call may take with all its waiting; default 120."},
  {"KLAVIYO_RATE_LIMIT_FILE", "The file in which the programs of the machine count their use of the rate limits, "
    .. "or the URL of the Redis through which machines share them."},
  {"KLAVIYO_OUTBOX_RELAY", "The URL of the Redis of an outbox's relay, for klaviyo outbox status."},
  {"KLAVIYO_PROXY, HTTPS_PROXY, NO_PROXY", "The proxy, and the hosts that are called without it."},
  {"NO_COLOR", "If it is set, nothing is coloured."},
  {"XDG_CONFIG_HOME", "The folder of klaviyo/accounts.json; default ~/.config."},
}

M.PRECEDENCE = "The account of a command is the first of these: --account, $KLAVIYO_ACCOUNT, "
  .. "$KLAVIYO_API_KEY (or $KLAVIYO_ACCESS_TOKEN), and the account that was logged in or "
  .. "switched to last. The address is the first of these: --base-url, $KLAVIYO_BASE_URL, that "
  .. "of the account, and https://a.klaviyo.com."

M.RESOURCES = "Every resource of the API is a command: klaviyo profiles list, klaviyo lists profiles "
  .. "add LIST ID…. Each has the operations of the revision as commands of its own; --help on every "
  .. "level shows its arguments, attributes, limits and scopes, and a sample."

M.EXAMPLES = {
  {"klaviyo auth login", "Store the key of an account."},
  {"klaviyo profiles list --where email=ann@example.com", "Find a profile."},
  {"klaviyo profiles create email=ann@example.com first_name=Ann", "Create one."},
  {'klaviyo events send "Placed Order" --profile email=ann@example.com --value 12.5', "Send an event."},
  {"klaviyo export profiles -o profiles.jsonl", "Write all profiles to a file."},
}

return M
