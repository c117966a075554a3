local script = require "spec.support.script"

describe("spec.support.script", function()
  it("returns the output and the exit status", function()
    local output, status = script.run([[io.stderr:write("err\n") print(..., os.getenv("VALUE")) os.exit(3)]],
      { args = { "it's" }, env = { VALUE = "a b'c" } })
    assert.equal(3, status)
    assert.equal("err\nit's\ta b'c\n", output)
  end)

  it("ends a script at the timeout", function()
    local _, status = script.run("while true do end", { timeout = 0.2 })
    assert.equal(124, status)
  end)

  it("uses the interpreter of this process", function()
    assert.equal(_VERSION .. tostring(rawget(_G, "jit") ~= nil),
      (script.run("io.write(_VERSION .. tostring(jit ~= nil))")))
  end)
end)
