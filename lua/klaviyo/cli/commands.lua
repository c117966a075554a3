--- The commands besides the resources. A module is loaded when its command runs.

return {
  {name = "auth", module = "klaviyo.cli.command.auth",
    summary = "Log in to accounts, and choose one"},
  {name = "find", module = "klaviyo.cli.command.find",
    summary = "Find lists, segments, metrics, … by name"},
  {name = "revisions", module = "klaviyo.cli.command.revisions",
    summary = "Show the revisions of the API, and what changed"},
  {name = "webhook", module = "klaviyo.cli.command.webhook",
    summary = "Sign, verify and send webhooks"},
}
