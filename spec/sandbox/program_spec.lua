local programs = require "klaviyo.sandbox.program"
local shell = require "klaviyo.sandbox.shell"

describe("sandbox/program", function()
  local dir

  setup(function()
    local _, path = shell.run("mktemp -d")
    dir = path:gsub("%s+$", "")
  end)

  teardown(function()
    shell.run("rm -rf " .. shell.quote(dir))
  end)

  -- An nginx that only prints its version.
  local function nginx(version)
    local path = dir .. "/nginx-" .. version
    shell.write(path, "#!/bin/sh\necho 'nginx version: nginx/" .. version
      .. " (Debian)' >&2\n")
    shell.run("chmod 755 " .. shell.quote(path))
    shell.write(dir .. "/ngx_http_lua_module.so", "")
    return assert(programs.find {nginx = path, modules = dir})
  end

  it("listens with HTTP/2 by the directive that the version supports", function()
    for version, expected in pairs {
      ["1.22.1"] = "listen 127.0.0.1:1 ssl http2;",
      ["1.25.0"] = "listen 127.0.0.1:1 ssl http2;",
      ["1.25.1"] = "listen 127.0.0.1:1 ssl; http2 on;",
      ["1.26.3"] = "listen 127.0.0.1:1 ssl; http2 on;",
      ["2.0.0"] = "listen 127.0.0.1:1 ssl; http2 on;",
    } do
      assert.equal(expected, nginx(version):listen_http2("127.0.0.1:1 ssl"))
    end
  end)

  it("reports what is missing", function()
    local program, message = programs.find {nginx = dir .. "/none"}
    assert.is_nil(program)
    assert.matches("^nginx is missing: install it", message)
    program, message = programs.find {modules = "/nowhere"}
    assert.is_nil(program)
    assert.matches("^/nowhere/ngx_http_lua_module.so is missing", message)
  end)
end)
