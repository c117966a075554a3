-- Every snippet of the README is run, in the order in which it is read,
-- against a sandbox that stands in for the service and for the gateway.

local snippets = require "spec.support.snippets"

describe("README.md", function()
  local server, env

  setup(function()
    server = assert(require("klaviyo.sandbox").start {profiles = 250})
    env = snippets.environment(server)
  end)

  teardown(function()
    server:stop()
  end)

  local list = snippets.of("README.md")

  it("has snippets", function()
    assert.is_true(#list >= 20)
  end)

  for _, snippet in ipairs(list) do
    it("runs the snippet at line " .. snippet.line, function()
      snippets.compile(snippet, env)()
    end)
  end
end)
