-- The time and the memory of an import, as make cli-scale measures them, for fewer
-- records.
package.path = "bench/?.lua;" .. package.path
local measured = require "spec.support.measured"
local measure = require "cli_import"
local script = require "spec.support.script"
local upstream = require "upstream"

describe("an import of 20,000 profiles #memory #time #alone", function()
  local server

  setup(function()
    server = upstream.start("build/spec-cli-import-" .. script.interpreter:match "[^/]+$")
  end)

  teardown(function()
    server:stop()
  end)

  it("takes the time of the library, and memory for a few requests", measured(function()
    local figures = measure.measure(server.base_url, server.dir, script.interpreter, 20000, 2, 2000)
    assert.is_true(figures.ratio <= measure.MAX_RATIO, ("%.2f times"):format(figures.ratio))
    assert.is_true(figures.growth <= measure.MAX_GROWTH_KB, figures.growth .. " kB")
  end))
end)
