local errors = require "klaviyo.response.errors"
local json = require "klaviyo.sandbox.json"
local sandbox = require "klaviyo.sandbox"
local raises = require "spec.support.raises"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local quote = script.quote

-- Sends one request with the curl command. Returns the response and the output of curl.
local function request(server, path, options)
  options = options or {}
  local words = {"curl -sS -g --max-time 10 -o " .. quote(server.dir .. "/got"),
    [[-w '%{http_code} %{http_version} %{content_type}']],
    "-H " .. quote("Authorization: Klaviyo-API-Key " .. server.key),
    "-H 'revision: 2024-10-15'", "--cacert " .. quote(server.ca_file)}
  if options.body then
    words[#words + 1] = "-H 'Content-Type: application/vnd.api+json' --data-raw "
      .. quote(options.body)
  end
  words[#words + 1] = options.curl
  words[#words + 1] = quote((options.url or server.base_url) .. path)
  local output, status = script.shell("rm -f " .. quote(server.dir .. "/got")
    .. "; " .. table.concat(words, " "))
  local body = shell.read(server.dir .. "/got")
  -- An error message, if any, comes before it.
  local code, version = output:match("%f[%d](%d%d%d) (%d[%d.]*) ")
  return {code = tonumber(code), version = version, output = output, body = body,
    exit = status,
    document = body and json.decode(body) or nil}
end

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

-- A script that starts a sandbox and prints where it is.
local STARTER = [[
  local server = assert(require("klaviyo.sandbox").start(%s))
  print(server.dir, server.process.pid)
  io.stdout:flush()
  %s
]]

describe("a sandbox", function()
  local server

  setup(function()
    server = assert(sandbox.start {profiles = 100000, key = "pk_canary_4711"})
  end)

  teardown(function()
    server:stop()
  end)

  before_each(function()
    server:reset()
  end)

  it("answers on HTTP/1.1", function()
    local answer = request(server, "/api/profiles?page[size]=1")
    assert.equal(200, answer.code, answer.output)
    assert.equal("1.1", answer.version)
    assert.equal(1, #answer.document.data)
    assert.truthy(answer.output:find("application/vnd.api+json", 1, true))
  end)

  it("answers over TLS and HTTP/2 if the client trusts its certificate authority", function()
    local answer = request(server, "/api/lists", {url = server.tls_url})
    assert.equal(200, answer.code, answer.output)
    assert.equal("2", answer.version)
    local by_name = server.tls_url:gsub("127%.0%.0%.1", "localhost")
    assert.equal(200, request(server, "/api/lists",
      {url = by_name, curl = "--noproxy '*' -4"}).code)
    -- 60: the certificate's issuer is unknown
    assert.equal(60, request(server, "/api/lists",
      {url = server.tls_url, curl = "--cacert /etc/ssl/certs/ca-certificates.crt"}).exit)
    assert.truthy(shell.read(server.dir .. "/access.log")
      :find(' HTTP/2.0 %d+ 1 200 "GET /api/lists HTTP/2.0"'))
  end)

  it("returns ids as they were written", function()
    local created = request(server, "/api/catalog-items", {body = json.encode {
      data = {type = "catalog-item", attributes = {external_id = "a/b+c d",
        title = "T", description = "D", url = "https://example.com/"}}}})
    assert.equal(201, created.code, created.output)
    local read = request(server,
      "/api/catalog-items/%24custom%3A%3A%3A%24default%3A%3A%3Aa%2Fb%2Bc%20d")
    assert.equal(200, read.code)
    assert.equal("$custom:::$default:::a/b+c d", read.document.data.id)
  end)

  it("answers 204 without a body, and 405 with the allowed methods", function()
    local created = request(server, "/api/lists",
      {body = '{"data":{"type":"list","attributes":{"name":"n"}}}'})
    local deleted = request(server, "/api/lists/" .. created.document.data.id,
      {curl = "-X DELETE -i"})
    assert.equal(204, deleted.code)
    assert.falsy(deleted.body:lower():find("content%-type"))
    local rejected = request(server, "/api/lists", {curl = "-X PUT -i"})
    assert.truthy(rejected.body:find("Allow: GET, POST", 1, true))
  end)

  it("compresses responses on request", function()
    local answer = request(server, "/api/profiles?page[size]=100",
      {curl = "--compressed -D " .. quote(server.dir .. "/heads")})
    assert.equal(100, #answer.document.data)
    assert.truthy(shell.read(server.dir .. "/heads")
      :lower():find("content%-encoding: gzip"))
  end)

  -- Returns the seconds of CPU time that the server has used.
  local function cpu_time()
    local ticks = 0
    for pid in script.shell(("cat /proc/%d/task/*/children"):format(server.process.pid)):gmatch("%d+") do
      local stat = shell.read("/proc/" .. pid .. "/stat"):match("^.*%) (.*)$")
      local user, system = stat:match("^" .. ("%S+ "):rep(11) .. "(%d+) (%d+) ")
      ticks = ticks + tonumber(user) + tonumber(system)
    end
    return ticks / tonumber((script.shell("getconf CLK_TCK")))
  end

  it("returns a page of 100,000 profiles in a few milliseconds", function()
    local target = "/api/profiles?page[size]=100"
    request(server, target)
    local before = cpu_time()
    for _ = 1, 20 do
      assert.equal(200, request(server, target).code)
    end
    local each = (cpu_time() - before) / 20
    assert.is_true(each < 0.05, each)
  end)

  it("counts and records requests, but no key", function()
    request(server, "/api/lists")
    request(server, "/api/lists?page[size]=3")
    request(server, "/api/metrics")
    local stats = server:stats()
    assert.equal(3, stats.requests)
    assert.equal(2, stats.operations.get_lists)
    assert.equal(1, stats.statuses["400"])
    assert.equal(100000, stats.resources.profile)
    local requests = server:requests()
    assert.equal(3, #requests)
    assert.equal("/api/lists?page[size]=3", requests[2].uri)
    assert.equal("Klaviyo-API-Key", requests[2].headers.authorization)
    assert.equal("2024-10-15", requests[2].headers.revision)
    for _, name in ipairs {"access.log", "error.log"} do
      assert.falsy(shell.read(server.dir .. "/" .. name)
        :find("canary", 1, true), name)
    end
  end)

  it("records bodies that are not text, or that end within a character", function()
    request(server, "/api/image-upload", {body = "a\137\228b\195\164"})
    request(server, "/api/profiles", {body = ("\195\164"):rep(40000):sub(2)})
    local requests = server:requests()
    assert.equal("a\239\191\189\239\191\189b\195\164", requests[1].body)
    assert.equal("\239\191\189\195\164", requests[2].body:sub(1, 5))
    assert.equal("\195\164\239\191\189", requests[2].body:sub(-5))
  end)

  it("fails on demand", function()
    server:fault {status = 503, body = "<html>", times = 2,
      headers = {["Content-Type"] = "text/html", ["Retry-After"] = "1"}}
    local answer = request(server, "/api/lists", {curl = "-i"})
    assert.equal(503, answer.code)
    assert.truthy(answer.body:find("Retry-After: 1", 1, true))
    assert.equal(503, request(server, "/api/metrics").code)
    assert.equal(200, request(server, "/api/lists").code)

    server:fault {operation = "get_metrics", status = 500, skip = 1}
    assert.equal(200, request(server, "/api/lists").code)
    assert.equal(200, request(server, "/api/metrics").code)
    assert.equal(500, request(server, "/api/metrics").code)
    assert.equal(200, request(server, "/api/metrics").code)
  end)

  it("closes connections on demand", function()
    local list = '{"data":{"type":"list","attributes":{"name":"n"}}}'
    for _, url in ipairs {server.base_url, server.tls_url} do
      server:reset()
      server:fault {reset = "before", times = 1}
      assert.not_equal(0, request(server, "/api/lists", {url = url, body = list}).exit)
      assert.equal(2, server:stats().resources.list)
      server:fault {reset = "after"}
      assert.not_equal(0, request(server, "/api/lists", {url = url, body = list}).exit)
      assert.equal(3, server:stats().resources.list)
      server:fault {truncate = 40}
      local answer = request(server, "/api/lists", {url = url})
      assert.not_equal(0, answer.exit, url)
      assert.equal(200, answer.code)
      assert.equal(40, #answer.body)
    end
    raises('unknown option of server:fault "staus"; did you mean "status"?', function()
      server:fault {staus = 500}
    end)
  end)

  it("sends a body in pieces on demand", function()
    server:fault {slow = {bytes = 100, pause = 0.02}, operation = "get_lists"}
    server:fault {rate = 1, delay = 0.01}
    for _, url in ipairs {server.base_url, server.tls_url} do
      local answer = request(server, "/api/lists",
        {url = url, curl = "-w "
          .. quote "%{http_code} %{http_version} %{time_starttransfer} %{time_total}"})
      assert.equal(200, answer.code, answer.output)
      assert.equal(2, #answer.document.data)
      local first, total = answer.output:match("([%d.]+) ([%d.]+)%s*$")
      if url == server.base_url then -- the fault hits once
        assert.is_true(total - first > 0.1, answer.output)
      end
    end
    assert.equal(1, server:stats().faults.slow)
    assert.equal(2, server:stats().faults.delay)
    server:clear_faults()
    request(server, "/api/lists")
    assert.equal(2, server:stats().faults.delay)
  end)

  it("processes a request although its client disconnects", function()
    server:fault {stall = 30, times = 2}
    for i, url in ipairs {server.base_url, server.tls_url} do
      local client = script.shell(("curl -sS --cacert %s -H %s -H 'revision: 2024-10-15' "
        .. "-H 'Content-Type: application/vnd.api+json' --data-raw %s %s/api/lists >/dev/null 2>&1 & echo $!")
        :format(quote(server.ca_file), quote("Authorization: Klaviyo-API-Key " .. server.key),
        quote '{"data":{"type":"list","attributes":{"name":"n"}}}', url))
      assert.is_true(shell.wait_for(function()
        return server:stats().processed.create_list == i
      end))
      local _, status = script.shell("kill " .. client)
      assert.equal(0, status) -- it was waiting for its response
    end
    assert.equal(2, server:stats().requests)
    assert.equal(2, server:stats().processed.create_list)
    assert.equal(4, server:stats().resources.list)
    assert.is_true(shell.wait_for(function()
      return select(2, shell.read(server.dir .. "/access.log"):gsub(' 499 "POST', "")) == 2
    end))
  end)

  it("delays a response on demand", function()
    server:fault {delay = 0.3}
    local answer = request(server, "/api/lists", {curl = "-w '%{time_total}'"})
    assert.is_true(tonumber(answer.output:match("([%d.]+)%s*$")) >= 0.3)
  end)

  it("takes commands over HTTP as well", function()
    local stats = request(server, "/__sandbox/stats")
    assert.equal(100000, stats.document.result.resources.profile)
    assert.equal(200, request(server, "/__sandbox/fault",
      {body = '{"status":418}'}).code)
    assert.equal(418, request(server, "/api/lists").code)
    assert.equal(400, request(server, "/__sandbox/nonsense").code)
  end)
end)

describe("starting a sandbox", function()
  local function start(options)
    local server, err = sandbox.start(options)
    finally(function()
      if server then
        server:stop()
      end
    end)
    return server, err
  end

  -- Returns the message of a sandbox that cannot start.
  local function failure(options)
    local server, err = start(options)
    assert.is_nil(server)
    assert.is_true(errors.is(err))
    assert.equal("sandbox", err.kind)
    assert.equal("klaviyo: " .. err.message, tostring(err))
    return err.message
  end

  it("works twice at the same time", function()
    local first, second = assert(sandbox.start()), assert(sandbox.start())
    finally(function()
      first:stop()
      second:stop()
    end)
    assert.not_equal(first.base_url, second.base_url)
    assert.equal(200, request(first, "/api/lists").code)
    assert.equal(200, request(second, "/api/lists").code)
  end)

  it("names the known options", function()
    assert.has_error(function() sandbox.start {prot = 1} end)
    local ok, message = pcall(function() return (sandbox.start {port = "80"}) end)
    assert.is_false(ok)
    assert.truthy(message:find("sandbox_spec.lua:%d+: .*port.* number"))
  end)

  it("reports what is missing", function()
    local message = failure {modules = "/nowhere", nginx = "/nowhere/nginx"}
    assert.truthy(message:find("apt%-get install nginx"), message)
  end)

  it("reports the error of nginx", function()
    local message = failure {log_level = "loud"}
    assert.truthy(message:find('invalid log level "loud"'), message)
  end)

  it("reports a path that nginx.conf cannot hold", function()
    local modules = script.shell [[d=$(mktemp -d) && mkdir "$d/\$x" && touch "$d/\$x/ngx_http_lua_module.so"
      printf '#!/bin/sh\necho nginx version: nginx/1.26.3' >"$d/nginx" && chmod 755 "$d/nginx"
      printf %s "$d/\$x"]]
    finally(function() script.shell("rm -rf " .. quote(modules:match("^(.*)/"))) end)
    -- an nginx that has to load the module
    local message = failure {modules = modules, nginx = modules:match("^(.*)/") .. "/nginx"}
    assert.equal("cannot start nginx: cannot use a path that contains quotes, '$', ';' or '?': " .. modules, message)
  end)

  it("fails if the port is in use", function()
    local first = assert(sandbox.start())
    finally(function() first:stop() end)
    local message = failure {port = first.port, tls_port = first.tls_port}
    assert.truthy(message:find("in use", 1, true), message)
  end)

  it("needs no privileges", function()
    local nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
    if select(2, script.shell(nobody .. "true")) ~= 0 then
      return -- this process has no privileges already
    end
    -- The tree may be in a directory that nobody cannot read.
    local folder = script.shell "umask 022; folder=$(mktemp -d); chmod 755 $folder; printf %s $folder"
    finally(function() script.shell("rm -rf " .. folder) end)
    local built = (os.getenv "LUA_CPATH" or ""):match("/(build/[^/?]+)/") or "build"
    script.shell(("mkdir %s/build; cp -r lua %s/; cp -r %s %s/build; chmod -R a+rX %s")
      :format(folder, folder, quote(built), folder, folder))
    local here = script.shell "printf %s \"$PWD\""
    local function there(path)
      return quote(((path or ""):gsub(here:gsub("%p", "%%%0"), (folder:gsub("%%", "%%%%")))))
    end
    local output, status = script.shell("cd / && env -u TMPDIR -u KLAVIYO_RATE_LIMIT_FILE"
      .. " LUA_PATH=" .. there(os.getenv "LUA_PATH") .. " LUA_CPATH=" .. there(os.getenv "LUA_CPATH")
      .. " timeout 20 " .. nobody .. there(script.interpreter) .. " -e " .. quote [[
      local server = assert(require("klaviyo.sandbox").start())
      print(server:stats().requests, io.open(server.dir .. "/error.log"):read("*a"))
      server:stop()
    ]])
    assert.equal(0, status, output)
    assert.equal("0", output:match("^%s*(%d+)%s*$"), output)
  end)

  it("enforces rate limits with the option limits, over TLS and HTTP/2 as well", function()
    local server = assert(start {limits = {get_lists = {second = 2, minute = 9}},
      time_scale = 0.1, window_phase = "first"})
    local codes, throttled = {}, nil
    for i, url in ipairs {server.base_url, server.tls_url, server.tls_url} do
      local answer = request(server, "/api/lists", {url = url, curl = "-i"})
      codes[answer.code] = (codes[answer.code] or 0) + 1
      local headers = answer.body:lower()
      assert.equal(answer.code ~= 429,
        headers:find("ratelimit-limit: 2, 2;w=1, 9;w=6\r\n", 1, true) ~= nil)
      throttled = throttled or answer.code == 429 and headers
      assert.is_true(i < 3 or answer.code == 429 or codes[200] == 3)
    end
    assert.same({second = 0, minute = 0},
      server:consume {operation = "get_lists", requests = 9})
    throttled = request(server, "/api/lists", {curl = "-i"}).body:lower()
    local wait = tonumber(throttled:match("retry%-after: (%d+)\r\n"))
    assert.is_true(wait >= 1 and wait <= 6)
    assert.falsy(throttled:find("ratelimit", 1, true))
    assert.equal(429, request(server, "/api/lists").code)
    assert.is_true(server:stats().throttled.get_lists >= 2)
    assert.has_error(function() server:consume {operation = "get_lits"} end)
  end)

  it("uses its own account and key", function()
    local first, second = assert(start()), assert(start())
    assert.truthy(first.key:find("^pk_sandbox_%x+$"))
    assert.not_equal(first.key, second.key)
    second.key = first.key
    assert.equal(401, request(second, "/api/lists").code)
  end)

  it("records nothing with record = 0", function()
    local server = assert(start {record = 0, access_log = false})
    assert.equal(200, request(server, "/api/lists").code)
    assert.same({}, server:requests())
    assert.is_false(exists(server.dir .. "/access.log"))
    assert.equal(1, server:stats().operations.get_lists)
  end)

  it("closes a connection after keepalive_requests requests", function()
    local server = assert(start {keepalive_requests = 3})
    for _, url in ipairs {server.base_url, server.tls_url} do
      local target = quote(url .. "/api/lists")
      local output = script.shell(("curl -sS -H 'revision: 2024-10-15' "
        .. "--cacert %s -H %s -w '<%%{num_connects}>' -o /dev/null %s")
        :format(quote(server.ca_file),
          quote("Authorization: Klaviyo-API-Key " .. server.key),
          (target .. " -o /dev/null "):rep(5) .. target))
      local created, requests = 0, 0
      for connects in output:gmatch("<(%d+)>") do
        created, requests = created + tonumber(connects), requests + 1
      end
      assert.equal(6, requests, output)
      assert.equal(2, created, output)
    end
  end)

  it("allows http2_streams streams on a connection", function()
    -- curl opens another connection when the first has no free stream.
    local function connections(streams)
      local server = assert(start {http2_streams = streams})
      server:fault {rate = 1, delay = 0.3}
      local output = script.shell(("curl -sS -Z -H 'revision: 2024-10-15' "
        .. "--cacert %s -H %s %s"):format(quote(server.ca_file),
          quote("Authorization: Klaviyo-API-Key " .. server.key),
          ("-o /dev/null " .. quote(server.tls_url .. "/api/lists") .. " "):rep(12)))
      local requests, connections_used, count = server:requests(), {}, 0
      assert.equal(12, #requests, output)
      for _, entry in ipairs(requests) do
        count = count + (connections_used[entry.connection] and 0 or 1)
        connections_used[entry.connection] = true
      end
      return count
    end
    assert.equal(1, connections(128))
    assert.is_true(connections(4) > 1)
  end)

  it("writes page links with the origin link_base", function()
    local server = assert(start {link_base = "http://elsewhere:1", profiles = 30})
    assert.truthy(request(server, "/api/profiles").document.links.next
      :find("^http://elsewhere:1/api/profiles%?"))
  end)
end)

describe("stopping a sandbox", function()
  it("removes everything, and may be called again", function()
    local server = assert(sandbox.start())
    local dir, process = server.dir, server.process
    assert.is_true(server:running())
    server:stop()
    assert.is_false(server:running())
    raises("the sandbox is not running: start another one", function()
      server:stats()
    end)
    assert.is_false(shell.alive(process))
    assert.is_false(exists(dir .. "/nginx.conf"))
    server:stop()
    assert.has_error(function() server:stats() end)
  end)

  it("keeps the directory with keep, and does not compress without gzip", function()
    local server = assert(sandbox.start {keep = true, gzip = false, profiles = 100})
    local dir = server.dir
    request(server, "/api/profiles?page[size]=100", {curl = "--compressed -D " .. quote(dir .. "/heads")})
    assert.falsy(shell.read(dir .. "/heads"):lower():find("content%-encoding"))
    server:stop()
    assert.is_true(exists(dir .. "/access.log"))
    script.shell("rm -rf " .. quote(dir))
  end)

  local function is_gone(dir, pid)
    for _ = 1, 100 do
      if not shell.process(pid) and not exists(dir .. "/nginx.conf") then
        return true
      end
      shell.sleep(0.05)
    end
    return false
  end

  local function started(options, rest)
    local output = script.run(STARTER:format(options, rest))
    local dir, pid = output:match("^(%S+)%s+(%d+)")
    assert(dir, output)
    return dir, pid
  end

  it("happens when the process that started it ends", function()
    local dir, pid = started("{}", "")
    assert.is_nil(shell.process(pid))
    assert.is_false(exists(dir .. "/nginx.conf"))
  end)

  it("happens when the process that started it is killed", function()
    local dir, pid = started("{}",
      "os.execute('kill -9 ' .. io.open('/proc/self/stat'):read('*n'))")
    assert.is_true(is_gone(dir, pid))
  end)

  it("happens if nginx runs although its start failed", function()
    -- It stays, and the command that started it fails after that.
    local dir = script.shell("mktemp -d"):match("[^\n]+")
    finally(function() script.shell("rm -rf " .. quote(dir)) end)
    shell.write(dir .. "/nginx", ([[#!/bin/sh
      %s "$@" || exit
      if [ "$3" = -p ]; then
        until [ -s "$4/nginx.pid" ]; do sleep 0.1; done
        cp "$4/nginx.pid" %s; echo "broken after its start" >&2; exit 1
      fi
    ]]):format(quote(require("klaviyo.sandbox.program").find().path), quote(dir .. "/pid")))
    script.shell("chmod 755 " .. quote(dir .. "/nginx"))
    local server, message = sandbox.start {nginx = dir .. "/nginx"}
    assert.is_nil(server)
    assert.matches("broken after its start", message)
    assert.is_nil(shell.process_in(dir .. "/pid"))
  end)

  it("does not happen by itself with detach", function()
    local dir, pid = started("{detach = true}", "")
    shell.sleep(0.6)
    assert.is_not_nil(shell.process(pid))
    script.shell("kill " .. pid)
    assert.is_true(is_gone("/nonexistent", pid))
    script.shell("rm -rf " .. quote(dir))
  end)

  it("happens at the end of input in the foreground", function()
    local output, status = script.run(
      'require("klaviyo.sandbox").main { "profiles=3", "key=pk_x", '
      .. '"detach=false" }')
    assert.equal(0, status, output)
    assert.truthy(output:find("base_url +http://127%.0%.0%.1:%d+"), output)
    local dir = output:match("dir +(%S+)")
    assert.is_false(exists(dir .. "/nginx.conf"))
  end)
end)

describe("a sandbox where /proc cannot be read", function()
  -- root needs no user namespace for it; others may have one.
  local hidden
  for _, options in ipairs {"-m", "-rm"} do
    local prefix = "unshare " .. options .. [[ sh -c 'mount -t tmpfs none /proc && exec "$@"' sh]]
    hidden = hidden or shell.run(prefix .. " true") and prefix
  end
  if not hidden then
    pending("needs the permission to mount in a namespace of its own")
    return
  end

  local function ended(output)
    local dir, pid = output:match("^(%S+)%s+(%d+)")
    assert(dir, output)
    return shell.wait_for(function()
      return not shell.process(pid) and not exists(dir .. "/nginx.conf")
    end, 20) and dir
  end

  it("runs, and ends when it is stopped", function()
    local output, status = script.run(STARTER:format("{profiles = 3}", [[
      assert(not io.open("/proc/self/stat"))
      print(server:stats().resources.profile, server:running())
      server:stop()
      print(server:running())
    ]]), {prefix = hidden})
    assert.equal(0, status, output)
    assert.matches("\n3%s+true\nfalse\n", output)
    assert.truthy(ended(output))
  end)

  it("ends when the process that started it is killed", function()
    local output = script.run(STARTER:format("", "os.execute('kill -9 $PPID')"), {prefix = hidden})
    assert.truthy(ended(output))
  end)

  it("reports the error of nginx, and leaves nothing", function()
    local output, status = script.run([[
      local server, message = require("klaviyo.sandbox").start {log_level = "loud"}
      print(server, message)
    ]], {prefix = hidden})
    assert.equal(0, status, output)
    assert.matches('^nil%s.*invalid log level "loud"', output)
  end)

  it("keeps running for other programs until it is stopped", function()
    local output, status = script.run('require("klaviyo.sandbox").main {}', {prefix = hidden})
    assert.equal(0, status, output)
    local dir = output:match("dir +(%S+)")
    local process = assert(shell.process_in(dir .. "/nginx.pid"))
    shell.sleep(0.6)
    assert.is_true(shell.alive(process))
    script.shell(output:match("stop it with: ([^\n]+)"))
    assert.truthy(ended(dir .. " " .. process.pid))
  end)
end)

describe("a sandbox for other programs", function()
  local function run(words, after)
    local line = ("line=$(%s -e %s) || exit 1\n"):format(script.interpreter,
      quote(('require("klaviyo.sandbox").main {%s}'):format(words)))
    return script.shell("setsid -w sh -c " .. quote(line .. after))
  end

  it("prints a line for eval, and ends with the session", function()
    local output, status = run('"profiles=7", "limits", "key=pk_a b"',
      [[eval "$line"; echo "key: $KLAVIYO_API_KEY"
      curl -s "$KLAVIYO_BASE_URL/__sandbox/stats"]])
    assert.equal(0, status, output)
    assert.matches("key: pk_a b\n", output)
    assert.matches('"profile":7', output)
    local dir = output:match("dir +(%S+)")
    assert.truthy(shell.wait_for(function()
      return not exists(dir .. "/nginx.pid")
    end, 20), output)
  end)

  it("runs on with detach, and ends on request", function()
    local output, status = run('"detach"', 'echo "line: $line"')
    assert.equal(0, status, output)
    local url = output:match("line: export KLAVIYO_API_KEY=pk_sandbox_%x+ "
      .. "KLAVIYO_BASE_URL=(http://127%.0%.0%.1:%d+)\n")
    local dir = output:match("dir +(%S+)")
    local pid = shell.read(dir .. "/nginx.pid"):match("%d+")
    shell.sleep(0.6)
    assert.is_not_nil(shell.process(pid))
    script.shell(output:match("stop it with: ([^\n]+)"))
    assert.truthy(shell.wait_for(function()
      return not exists(dir .. "/nginx.conf") and not shell.process(pid)
    end, 20), url)
  end)

  it("reports a wrong option in one line", function()
    for words, message in pairs {
      ['"profiles"'] = 'sandbox.start: profiles needs a value: profiles=…',
      ['"nonsense"'] = 'unknown option of sandbox.start "nonsense"; allowed: ',
      ['"limits=x"'] = 'sandbox.start: limits must be true, false or a table',
    } do
      local output, status = run(words, "")
      assert.equal(1, status)
      assert.truthy(output:find(message, 1, true), output)
      assert.is_nil(output:find("traceback", 1, true), output)
    end
  end)
end)
