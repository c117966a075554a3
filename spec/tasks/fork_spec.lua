-- Tasks that wait for a call while the process forks.
local has_fork, fork = pcall(require, "spec_fork")
local has_socket, socket = pcall(require, "socket")
if not has_fork or not has_socket then
  pending("the probe of fork was not built, or lua-socket is not installed")
  return
end
local connect = require "spec.support.connect"
local klaviyo = require "klaviyo"

describe("tasks", function()
  it("of a forked child get an error for the calls of its parent #native", function()
    local silent = assert(socket.bind("127.0.0.1", 0))
    local _, port = silent:getsockname()
    local client = connect("http://127.0.0.1:" .. port, {
      retries = 0, deadline = 1, pacing = false, rate_limit_file = false, revision = "2026-07-15",
    })
    local child, kind
    klaviyo.run(function()
      klaviyo.spawn(function()
        local _, err = client:call("get_metrics")
        kind = err.kind
      end)
      klaviyo.sleep(0.05)
      child = fork.fork()
      if child == 0 then -- it would wait for ever
        klaviyo.spawn(function()
          klaviyo.sleep(5)
          fork.leave(9)
        end)
        while not kind do
          klaviyo.sleep(0.01)
        end
        fork.leave(kind == "closed" and 7 or 8)
      end
    end)
    assert.equal("timeout", kind)
    assert.equal(7, fork.wait(child))
    silent:close()
  end)
end)
