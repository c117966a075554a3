-- Every Lua snippet of the README and of the guides is run, in the order in
-- which it is read, against a sandbox that stands in for the service and for
-- the gateway.

local snippets = require "spec.support.snippets"

for _, path in ipairs {"README.md", "docs/guide.md", "docs/testing.md"} do
  describe(path, function()
    local server, env

    setup(function()
      server = assert(require("klaviyo.sandbox").start {profiles = 250})
      env = snippets.environment(server)
    end)

    teardown(function()
      server:stop()
    end)

    local list = snippets.of(path)

    it("has been read to its end", function()
      local _, fences = ("\n" .. assert(io.open(path)):read("*a"))
        :gsub("\n```lua", "")
      assert.equal(fences, #list)
    end)

    for _, snippet in ipairs(list) do
      it("runs the snippet at line " .. snippet.line, function()
        snippets.compile(snippet, env)()
      end)
    end
  end)
end

it("finds the README's snippets", function()
  assert.is_true(#snippets.of "README.md" >= 20)
end)
