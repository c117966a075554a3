--- The commands besides the resources. A module is loaded when its command runs. A
--- command that `extends` the resource of its name has its operations, too.

return {
  {name = "api", module = "klaviyo.cli.command.api",
    summary = "Make any request"},
  {name = "auth", module = "klaviyo.cli.command.auth",
    summary = "Log in to accounts, and choose one"},
  {name = "client", module = "klaviyo.cli.command.resource",
    summary = "Calls with a public key, as a browser makes them"},
  {name = "doctor", module = "klaviyo.cli.command.doctor",
    summary = "Check this machine, the network and the key"},
  {name = "export", module = "klaviyo.cli.command.export",
    summary = "Write all records of a resource to a file"},
  {name = "find", module = "klaviyo.cli.command.find",
    summary = "Find lists, segments, metrics, … by name"},
  {name = "operation", module = "klaviyo.cli.command.operation",
    summary = "Describe an operation of the API"},
  {name = "operations", module = "klaviyo.cli.command.operations",
    summary = "Find operations of the API"},
  {name = "report", module = "klaviyo.cli.command.report",
    summary = "Show what campaigns, flows, forms and segments achieved"},
  {name = "revisions", module = "klaviyo.cli.command.revisions",
    summary = "Show the revisions of the API, and what changed"},
  {name = "sandbox", module = "klaviyo.cli.command.sandbox",
    summary = "Run an implementation of the API on this machine"},
  {name = "webhook", module = "klaviyo.cli.command.webhook",
    summary = "Sign, verify and send webhooks"},
}
