local measured = require "spec.support.measured"

describe("measured", function()
  -- Measures a function whose first `failures` runs fail; counts its runs and those of `between`.
  local function run(failures)
    local runs, betweens = 0, 0
    local ok, failure = pcall(measured(function()
      runs = runs + 1
      assert.is_true(runs > failures, "late")
    end, function()
      betweens = betweens + 1
    end))
    return ok, runs, betweens, failure
  end

  it("runs what holds once", function()
    assert.same({true, 1, 0}, {run(0)})
  end)

  it("runs what fails again, three times at most", function()
    assert.same({true, 3, 2}, {run(2)})
    local ok, runs, betweens, failure = run(3)
    assert.same({false, 3, 2}, {ok, runs, betweens})
    assert.matches("late", tostring(failure.message or failure))
  end)
end)
