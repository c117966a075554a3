local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local script = require "spec.support.script"

describe("the command klaviyo", function()
  it("shows its version and its help", function()
    local result = cli.run {"--version"}
    assert.same({status = 0, out = ("klaviyo %s\n"):format(require("klaviyo")._VERSION), err = ""}, result)
    result = cli.run {"--help"}
    assert.equal(0, result.status)
    assert.equal("", result.err)
    assert.truthy(result.out:find("auth", 1, true))
  end)

  it("shows help in each way", function()
    local help = cli.call {"lists", "create", "--help"}
    assert.equal(0, help.status)
    for _, words in ipairs {{"help", "lists", "create"}, {"lists", "create", "-h"},
      {"--quiet", "lists", "create", "-h"}} do
      assert.same(help, cli.call(words))
    end
    assert.same(cli.call {"--help"}, cli.call {"help"})
    assert.truthy(cli.call({"help"}).out:find("Exit status:", 1, true))
  end)

  it("has the exit status 2 for a wrong command line", function()
    for _, arguments in ipairs {{"auht"}, {"auth"}, {"auth", "lst"}, {"auth", "list", "--no-such-option"},
      {"auth", "list", "--output", "xml"}, {}} do
      local result = cli.call(arguments)
      assert.equal(2, result.status, table.concat(arguments, " "))
      assert.is_true(result.err ~= "" or result.out ~= "")
    end
    assert.truthy(cli.call({"auht"}).err:find('did you mean "auth"?', 1, true))
    -- a command and a resource
    assert.truthy(cli.call({"evnts"}).err:find('did you mean "events"?', 1, true))
  end)

  it("names the option whose value is wrong", function()
    for words, message in pairs {
      ["report campaigns --limit x"] = '--limit: "x" is not a number',
      ["webhook verify --tolerance x"] = '--tolerance: "x" is not a number',
      ["events tail --interval x"] = "--interval: x is not a number above 0",
      ["sandbox --port x"] = "--port: x is not a whole number",
      ["outbox status --claim-after 0"] = "--claim-after: 0 is not a number of seconds above 0",
    } do
      local arguments = {}
      for word in words:gmatch "%S+" do
        arguments[#arguments + 1] = word
      end
      local result = cli.call(arguments)
      assert.equal(2, result.status)
      assert.equal(("klaviyo: %s; see klaviyo %s --help\n"):format(message,
        words:match "^(.-) %-%-"), result.err)
    end
  end)

  it("takes a wrong setting for no defect, also where a list is read", function()
    for _, path in ipairs {"", ("./"):rep(60)} do
      local command = cli.command({"lists", "list"}, {env = {KLAVIYO_API_KEY = "pk_x",
        KLAVIYO_BASE_URL = "http://127.0.0.1:1", KLAVIYO_RATE_LIMIT_FILE = "redis://h:1/abc"}})
      local output, status = script.shell((command:gsub(" bin/klaviyo", " " .. path .. "bin/klaviyo")))
      assert.matches("^klaviyo: rate_limit_file: ", output)
      assert.equal(2, status)
      assert.is_nil(output:find("redacted", 1, true), output)
    end
  end)

  it("passes no command to the terminal in a message", function()
    assert.truthy(cli.call({"auth\27[31m\194\15531mx"}).err:find('unknown command "auth [31m 31mx"', 1, true))
  end)

  it("has the exit status 4 without a key, 5 if nothing answers", function()
    assert.equal(4, cli.call({"auth", "status"}).status)
    local env = {KLAVIYO_API_KEY = "pk_a", KLAVIYO_BASE_URL = "http://127.0.0.1:1"}
    local result = cli.call({"auth", "status"}, {env = env})
    assert.equal(5, result.status)
    assert.truthy(result.err:find("connect", 1, true))
    assert.is_nil(result.err:find("\n."))
  end)

  it("says if its output cannot be written", function()
    for _, words in ipairs {{"operations"}, {"--help"}, {"operation", "get_lists"}} do
      local output, status = script.shell(cli.command(words) .. " >/dev/full")
      assert.equal(1, status, output)
      assert.equal("klaviyo: cannot write the output: No space left on device\n", output)
    end
    assert.equal(1, select(2, script.shell(cli.command {"--version"} .. " >/dev/full")))
  end)

  it("takes no closed stream for a file or a connection that it opens", function()
    local server = assert(klaviyo.sandbox.start {profiles = 25})
    local env = {KLAVIYO_API_KEY = server.key, KLAVIYO_BASE_URL = server.base_url}
    local command = cli.command({"profiles", "list", "--limit", "25"}, {env = env})
    local output, status = script.shell(command .. " >&-")
    assert.equal("klaviyo: cannot write the output: Bad file descriptor\n", output)
    assert.equal(1, status)
    output, status = script.shell(command .. " 2>&- | wc -l")
    assert.equal(0, status)
    assert.equal(25, tonumber(output))
    server:stop()
  end)

  it("does not take an input that cannot be read for an empty one", function()
    for _, words in ipairs {{"lists", "profiles", "add", "X", "-"}, {"import", "profiles", "-"},
      {"api", "-d", "-", "/api/lists"}} do
      local output, status = script.shell(cli.command(words, {env = {KLAVIYO_API_KEY = "pk_x"}}) .. " </")
      assert.truthy(output:find("klaviyo: the standard input cannot be read: Is a directory\n", 1, true), output)
      assert.equal(1, status)
    end
  end)
end)
