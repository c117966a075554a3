local raw = require "spec.support.raw"
local script = require "spec.support.script"

local function curl(words)
  return script.shell("curl -sS -m 3 " .. words)
end

describe("spec.support.raw", function()
  it("answers by the plan, and lists the requests that it received", function()
    raw.with({ answers = { { body = "one" }, { status = 500, headers = { X = "y" } } } }, function(server)
      assert.equal("one", (curl(server.url .. "/a?b")))
      assert.matches("^HTTP/1.1 500", (curl("-i -d 'x\ny\\' " .. server.url .. "/c")))
      local requests = server:requests()
      assert.equal(2, #requests)
      assert.equal("/a?b", requests[1].target)
      assert.equal("POST", requests[2].method)
      assert.equal("x\ny\\", requests[2].body)
      assert.equal(2, server:connections())
    end)
  end)

  it("keeps connections alive for requests_per_connection requests", function()
    raw.with({ answers = { { body = "x" } }, requests_per_connection = 2 }, function(server)
      local url = server.url
      assert.equal("xxxx", (curl(("%s %s %s %s"):format(url, url, url, url))))
      assert.equal(2, server:connections())
    end)
  end)

  it("resets, truncates, stays silent and does not accept", function()
    raw.with({ answers = { { body = "x", send = 0, after = "reset" } } }, function(server)
      local _, status = curl(server.url)
      assert.equal(56, status) -- failure in receiving
      assert.equal(1, #server:requests())
    end)
    raw.with({ answers = { { body = "half", length = 8, after = "close" } } }, function(server)
      local _, status = curl(server.url)
      assert.equal(18, status) -- partial file
    end)
    raw.with({ answers = { { never = true } } }, function(server)
      local _, status = curl("-m 0.3 " .. server.url)
      assert.equal(28, status)
    end)
    raw.with({ answers = {}, accept = false }, function(server)
      local output, status = curl("--connect-timeout 0.3 " .. server.url)
      assert.equal(28, status)
      assert.is_truthy(output:find "Failed to connect" -- newer curl says the second
        or output:find "Connection timed out", output)
    end)
    raw.with({ answers = {}, on_accept = "reset" }, function(server)
      local _, status = curl(server.url)
      assert.is_true(status == 7 or status == 52 or status == 55 or status == 56) -- as it happens
    end)
  end)

  it("ends when it is stopped, and when its parent ends", function()
    -- A dead process that nobody has asked after is still listed, as a Z.
    local function is_gone(pid)
      local _, status = script.shell("(for i in $(seq 30); do grep -qsv ') Z ' /proc/" .. pid
        .. "/stat || exit 0; sleep 0.1; done; exit 1)")
      return status == 0
    end
    local server = raw.start { answers = { { body = "x" } } }
    server:stop()
    assert.is_true(is_gone(server.last_pid))
    server:stop()
    local orphan = script.run([[
      local server = require("spec.support.raw").start { answers = {} }
      io.write(server.pid)
      io.stdout:flush()
      os.execute("kill -9 $PPID")
    ]]):match("^%d+")
    assert.is_true(is_gone(orphan))
  end)
end)
