-- Two threads of a process that count at the same time, while one of them reads: the
-- loop thread and that of Lua. `make tsan` runs it, too.
local raw = require "spec.support.raw"
local script = require "spec.support.script"

describe("the metrics of two threads", function()
  it("lose nothing", function()
    local output, status
    raw.with({ answers = { { body = "{}" } } }, function(server)
      output, status = script.run([[
        local core = require "klaviyo.core"
        local engine = require "spec.support.engine"
        local url = ...
        assert(core.metrics_start())
        local queue, request_queue = core.completion_queue(), engine.request_queue(url)
        local series = core.metrics_series("a series", false)
        local open, added = {}, 0
        for i = 1, 200 do
          local number = core.metrics_operation("operation_" .. i % 7)
          local ticket = core.submit(engine.settings(), request_queue, "GET", url .. "/", nil, true, queue, nil, number)
          open[ticket:announce()] = ticket
        end
        local stop = core.clock() + 60
        while next(open) do
          assert(core.clock() < stop, "no end")
          for _ = 1, 100 do
            core.metrics_add(series, 3)
            added = added + 3
          end
          core.metrics_source("module " .. added % 5)
          core.metrics()
          for _, serial in ipairs(engine.drain(queue, 0.01)) do
            open[serial] = nil
          end
        end
        local now, attempts, ended = core.metrics(), 0, 0
        for _, one in ipairs(now.operations) do
          attempts, ended = attempts + one.attempts, ended + (one.statuses["200"] or 0)
        end
        assert(attempts == 200 and ended == 200, attempts .. " " .. ended)
        for _, one in ipairs(now.series) do
          assert(one.value == (one.key == "a series" and added or 0))
        end
        io.write "ok"
      ]], { args = { server.url }, timeout = 120 })
    end)
    assert.equal("ok", output)
    assert.equal(0, status)
  end)
end)
