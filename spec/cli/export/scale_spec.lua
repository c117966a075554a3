-- The time and the memory of an export, as make cli-scale measures them, for fewer
-- records.
package.path = "bench/?.lua;" .. package.path
local measured = require "spec.support.measured"
local measure = require "cli_export"
local script = require "spec.support.script"
local upstream = require "upstream"

describe("an export of 60,000 profiles #memory #time #alone", function()
  local server

  setup(function()
    server = upstream.start("build/spec-cli-export-" .. script.interpreter:match "[^/]+$")
  end)

  teardown(function()
    server:stop()
  end)

  it("takes the time of a loop of the library, and the memory of a page", measured(function()
    local figures = measure.measure(server.base_url .. "/iterate", server.dir, script.interpreter, 60000, 3)
    assert.is_true(figures.ratio <= measure.MAX_RATIO, ("%.2f times"):format(figures.ratio))
    assert.is_true(figures.growth <= measure.MAX_GROWTH_KB, figures.growth .. " kB")
  end))
end)
