local programs = require "klaviyo.sandbox.program"
local script = require "spec.support.script"
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

  -- Makes an nginx that only prints its version, and how it was built.
  local function make_nginx(path, version, arguments)
    shell.run("mkdir -p " .. shell.quote(path:match("^(.*)/")))
    shell.write(path, ("#!/bin/sh\necho 'nginx version: %s' >&2\n"
      .. "[ $1 = -v ] || echo 'configure arguments: %s' >&2\n"):format(version, arguments or ""))
    shell.run("chmod 755 " .. shell.quote(path))
    return path
  end

  local function find(version, arguments, more)
    more = more or {}
    more.nginx = make_nginx(dir .. "/nginx-" .. version:gsub("/", "-"), version, arguments)
    return programs.find(more)
  end

  local function modules()
    shell.write(dir .. "/ngx_http_lua_module.so", "")
    return {modules = dir}
  end

  it("listens with HTTP/2 by the directive that the version supports", function()
    for version, expected in pairs {
      ["nginx/1.22.1 (Debian)"] = "listen 127.0.0.1:1 ssl http2;",
      ["nginx/1.25.0"] = "listen 127.0.0.1:1 ssl http2;",
      ["nginx/1.25.1"] = "listen 127.0.0.1:1 ssl; http2 on;",
      ["nginx/1.26.3"] = "listen 127.0.0.1:1 ssl; http2 on;",
      ["nginx/2.0.0"] = "listen 127.0.0.1:1 ssl; http2 on;",
      ["openresty/1.21.4.3"] = "listen 127.0.0.1:1 ssl http2;",
      ["openresty/1.27.1.2"] = "listen 127.0.0.1:1 ssl; http2 on;",
    } do
      assert.equal(expected, assert(find(version, "", modules())):listen_http2("127.0.0.1:1 ssl"))
    end
  end)

  it("loads ngx_lua unless it is built in", function()
    local program = assert(find("nginx/1.26.3", "--with-threads", modules()))
    assert.equal(('load_module "%s/ndk_http_module.so"; load_module "%s/ngx_http_lua_module.so";')
      :format(dir, dir), program:load_lua())
    for _, arguments in ipairs {
      "--prefix=/usr/local/openresty/nginx --add-module=../ngx_devel_kit-0.3.4 "
        .. "--add-module=../ngx_lua-0.10.28 --add-module=../ngx_lua_upstream-0.07 --with-http_ssl_module",
      "--add-module=../ngx_devel_kit-0.3.4/ --add-module=../lua-nginx-module-0.10.28/",
      "--add-module=/src/ngx_devel_kit --add-module=/src/lua-nginx-module",
    } do
      program = assert(find("nginx/1.27.1", arguments, {modules = "/nowhere"}))
      assert.equal("", program:load_lua(), arguments)
    end
    for _, arguments in ipairs {
      "--add-module=../ngx_lua_upstream-0.07 --add-module=../ngx_stream_lua-0.0.16",
      "--add-module=../stream-lua-nginx-module-0.0.16 --prefix=/opt/lua-nginx-module",
      "--add-dynamic-module=../lua-nginx-module-0.10.28",
    } do
      local none, message = find("nginx/1.27.1", arguments, {modules = "/nowhere"})
      assert.is_nil(none, arguments)
      assert.matches("^/nowhere/ngx_http_lua_module.so is missing", message)
    end
  end)

  it("finds OpenResty's nginx where no nginx with Lua is in the path", function()
    local built_in = "--add-module=../ngx_lua-0.10.28"
    make_nginx(dir .. "/plain/nginx", "nginx/1.27.1")
    make_nginx(dir .. "/resty/openresty", "openresty/1.27.1.2", built_in)
    make_nginx(dir .. "/lua/nginx", "nginx/1.27.1", built_in)
    local function found(path, prefix)
      return script.run([[
        local program, message = require("klaviyo.sandbox.program").find {modules = "/nowhere"}
        io.write(program and program.path or message)
      ]], {prefix = prefix,
        env = {PATH = path:gsub("%w+", function(name) return dir .. "/" .. name end)
          .. ":" .. os.getenv("PATH")}})
    end
    assert.equal(dir .. "/lua/nginx", found("lua:resty"))
    assert.equal(dir .. "/resty/openresty", found("plain:resty"))
    -- and where OpenResty installs it
    local mount = [[unshare -m sh -c 'mount -t tmpfs none /usr/local && mkdir -p /usr/local/openresty/nginx/sbin
      ]] .. "cp " .. dir .. "/resty/openresty /usr/local/openresty/nginx/sbin/nginx" .. [[ && exec "$@"' sh]]
    if shell.run(mount .. " true") then
      assert.equal("/usr/local/openresty/nginx/sbin/nginx", found("plain", mount))
    end
  end)

  it("reports what is missing", function()
    local program, message = programs.find {nginx = dir .. "/none"}
    assert.is_nil(program)
    assert.matches("^nginx is missing: install it", message)
    program, message = find("nginx/1.26.3", "", {modules = "/nowhere"})
    assert.is_nil(program)
    assert.matches("^/nowhere/ngx_http_lua_module.so is missing", message)
  end)
end)
