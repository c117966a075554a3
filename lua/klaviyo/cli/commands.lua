--- The commands besides the resources. A module is loaded when its command runs.

return {
  {name = "auth", module = "klaviyo.cli.command.auth",
    summary = "Log in to accounts, and choose one"},
}
