-- tools/setup.sh where there is no apt: what it finds, and what it names. What
-- it does with apt is what tools/fresh.sh tries.

local folder = require "spec.support.folder"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

describe("tools/setup.sh without apt", function()
  local folders = folder.here(after_each)
  local dir

  before_each(function()
    dir = folders.new()
    for _, name in ipairs {"cc", "pkg-config", "curl", "openssl", "nginx"} do
      shell.write(dir .. "/" .. name, "#!/bin/sh\n")
    end
    shell.run("chmod 755 " .. script.quote(dir) .. "/*")
  end)

  local function run()
    return script.shell("env -i PATH=" .. script.quote(dir) .. " /bin/sh tools/setup.sh")
  end

  it("succeeds without a word if all is there", function()
    assert.same({"", 0}, {run()})
  end)

  it("names the programs that are missing", function()
    os.remove(dir .. "/curl")
    os.remove(dir .. "/cc")
    local output, status = run()
    assert.equal(1, status)
    assert.matches("setup: missing: cc curl\n", output, 1, true)
    assert.matches("only Debian's packages are installed", output, 1, true)
  end)

  it("names the libraries that are missing", function()
    shell.write(dir .. "/pkg-config", "#!/bin/sh\n[ $2 != libcurl ]\n")
    shell.run("chmod 755 " .. script.quote(dir) .. "/pkg-config")
    local output, status = run()
    assert.equal(1, status)
    assert.matches("setup: missing: libcurl\n", output, 1, true)
  end)
end)
