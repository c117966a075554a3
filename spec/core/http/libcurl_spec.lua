-- A libcurl that is older than the headers, or built without HTTP/2 or TLS:
-- spec/support/other_curl.c makes this machine's look like one.
local core = require "klaviyo.core"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local library = assert(package.searchpath("klaviyo.core", package.cpath))
  :gsub("klaviyo/core%.so$", "spec_other_curl.so")

local function run(kind, text, ...)
  return script.run(text, {args = {...}, env = {LD_PRELOAD = library, OTHER_CURL = kind}})
end

local GET = [[
  local engine = require "spec.support.engine"
  local url, ca_file = ...
  local answer, raw_error = engine.finish(engine.submit(url, {ca_file = ca_file}))
  print(answer and answer.status or raw_error.kind .. ": " .. raw_error.reason)
  print(raw_error and raw_error.maybe_sent, raw_error and raw_error.attempts == nil)
]]

-- what is preloaded and a sanitizer do not go together
describe("the libcurl in use #time", function()
  local file = io.open(library)
  if not file then
    return pending("other_curl was not built")
  end
  file:close()

  it("is that of this machine", function()
    assert.equal(core.libcurl .. "\n", (run("", "print(require('klaviyo.core').libcurl)")))
  end)

  it("is refused at require if it is too old", function()
    local output, status = run("old", [[
      local loaded, message = pcall(require, "klaviyo")
      print(loaded, message)
      os.exit(loaded and 1 or 0)
    ]])
    assert.equal(0, status)
    assert.matches("klaviyo needs libcurl 7.87.0 or later, but this process has loaded "
      .. "7.80.0: install a later one", output, 1, true)
  end)

  it("may have no HTTP/2 and no TLS: http is requested", function()
    raw.with({answers = {{body = "{}"}}}, function(server)
      assert.equal("200\nnil\tnil\n", (run("plain", GET, server.url)))
      assert.equal("200\nnil\tnil\n", (run("plain", GET, server.url, "/nowhere.pem")))
      assert.equal(2, #server:requests())
    end)
  end)

  it("is named if https needs what it lacks, without a retry", function()
    local output = run("plain", GET, "https://127.0.0.1:1")
    assert.equal("transport: this libcurl was built without TLS, which https needs\nfalse\ttrue\n",
      output)
  end)
end)
