-- docs/operations.md, and the examples that it names: examples/systemd (with
-- klaviyo-nightly.timer and klaviyo-outbox.timer), examples/logrotate/klaviyo and
-- examples/container (Dockerfile, nginx.conf). operations_redis_spec.lua has its commands for Redis.

local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local programs = require "klaviyo.sandbox.program"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local PAGE = assert(shell.read("docs/operations.md"))
local quote = script.quote

-- Returns the rows of the first table after a text, as lists of cells.
local function rows_after(mark)
  local rows = {}
  local from = select(2, PAGE:find(mark, 1, true))
  local lines = (PAGE .. "\n"):sub(assert(from, mark) + 1):match("\n(|.-\n)\n")
  for line in lines:gmatch("(|[^\n]*)\n") do
    local cells = {}
    for cell in line:gmatch("([^|]+)") do
      cells[#cells + 1] = cell:match("^%s*(.-)%s*$")
    end
    rows[#rows + 1] = cells
  end
  assert.is_true(#rows > 2)
  table.remove(rows, 1)
  table.remove(rows, 1)
  return rows
end

local function has(program)
  return (shell.run("command -v " .. program))
end

describe("docs/operations.md", function()
  local folders = folder.here(after_each)

  it("has the limits of the operations table", function()
    local rows = rows_after("names the limits of each operation.")
    assert.equal(6, #rows)
    for _, row in ipairs(rows) do
      local id = row[3]:match("`(.-)`")
      assert.equal(row[2], klaviyo.operations.get(id).limits[1], id)
      local a_minute = tonumber(row[2]:match("(%d+) a minute"))
      local items = row[3]:match("([%d,]+) %a+ [io]n a") or "1"
      local many = a_minute * tonumber((items:gsub(",", "")))
      local figure, unit = row[4]:match("^([%d,]+) %a+ a (%a+)$")
      assert.equal(math.floor(many / (unit == "second" and 60 or 1)), tonumber((figure:gsub(",", ""))), row[4])
    end
  end)

  it("quotes what the library says", function()
    local sources = script.shell("cat $(find lua csrc -name '*.lua' -o -name '*.c')"):gsub('"%s*\n%s*%.?%.?%s*"', "")
    local count = 0
    for _, row in ipairs(rows_after("which says where to look.")) do
      for text in row[1]:gmatch("`([^`]* [^`]*)`") do
        if not text:find("restricted kernel") and not text:find("^lua_max_") then  -- LuaJIT and ngx_lua say it
          for part in (text .. "…"):gmatch("%s*(.-)%s*…") do
            assert.truthy(sources:find(part, 1, true), part)
            count = count + 1
          end
        end
      end
    end
    assert.is_true(count >= 5)
  end)

  it("lists the alerts", function()
    local documented, rows = {}, rows_after("what they would say.")
    local text = assert(shell.read("examples/prometheus/alerts.yml"))
    for _, row in ipairs(rows) do
      for name in row[1]:gmatch("`(.-)`") do
        documented[name] = true
        local severity = assert(text:match("alert: " .. name .. "\n.-severity: (%a+)"), name)
        assert.equal(severity == "critical" and "at once" or "today", row[2], name)
      end
    end
    for name in text:gmatch("alert: (%w+)") do
      assert.is_true(documented[name], name)
    end
  end)

  -- Returns the rows of the table of files: the pattern of a path, and its mode.
  local function documented_files()
    local list = {}
    for _, row in ipairs(rows_after("<!-- files -->")) do
      local last
      for name in row[1]:gmatch("`(.-)`") do
        local whole = name
        if last and name:find("^%-") then  -- "-wal", of the name before it
          whole = last .. name
        elseif last and not name:find("/") then
          whole = last:gsub("[^/]*$", "") .. name
        end
        last = last and name:find("^%-") and last or whole
        local pattern = whole:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("ACCOUNT", "[^/]+")
          :gsub("%f[%u][NM]%f[%U]", "%%d+"):gsub("TIME", "%%d+"):gsub("XXXXXX", "%%w+"):gsub("FILE", "[^/]+")
        list[#list + 1] = {pattern = "^" .. pattern .. "$", mode = row[2]:match("%d+")}
      end
    end
    return list
  end

  it("lists all files that are made, with their modes", function()
    local server = assert(klaviyo.sandbox.start {approve = true, profiles = 300})
    local dir = folders.new()
    local output, status = script.run([[
      local dir, base_url, key, secret = ...
      local klaviyo = require "klaviyo"
      local function ignore() end
      local settings = {base_url = base_url, api_key = key, on_warning = ignore, rate_limit_file = dir .. "/LIMITS"}
      local outbox = assert(require("klaviyo.outbox").new {path = dir .. "/OUTBOX", on_warning = ignore})
      local client = klaviyo.new(settings):with {outbox = outbox}
      for _, email in ipairs {"a@example.com", "b@example.com", "no address"} do
        assert(client.events:track {metric = "m", properties = {}, profile = {email = email}})
      end
      assert(outbox:drain(10))
      assert(outbox:stats().rejected == 1)
      assert(client.events:track {metric = "m", properties = {}, profile = {email = "c@example.com"}})

      for _, store in ipairs {dir .. "/STORE", require("klaviyo.outbox").token_store(dir .. "/TOKENS")} do
        local app = klaviyo.oauth.new {client_id = "sandbox-app", client_secret = secret,
          redirect_uri = "https://app.example/callback", scopes = {"accounts:read"}, store = store,
          settings = {base_url = base_url, on_warning = ignore}}
        local url, state, verifier = app:authorize()
        local pipe = io.popen("curl -s -o /dev/null -w '%{redirect_url}' '" .. url .. "'")
        local code = pipe:read("*a"):match("[?&]code=([^&]*)")
        pipe:close()
        assert(app:exchange {code = code, state = state, verifier = verifier, account = "shop"})
        assert(app:refresh("shop"))
      end
      client.profiles:import({{email = "x@example.com"}}, {journal = dir .. "/JOURNAL"})
      os.execute("cp -a " .. dir .. "/OUTBOX " .. dir .. "/during")  -- while it is open
      outbox:close(0)

      -- a damaged file is put aside
      local file = io.open(dir .. "/OUTBOX/slot-1.db", "r+b")
      file:write(("x"):rep(4096))
      file:close()
      assert(require("klaviyo.outbox").new {path = dir .. "/OUTBOX", on_warning = ignore}):close(0)
    ]], {args = {dir, server.base_url, server.key, server.client_secret}, timeout = 60,
      env = {HOME = dir, XDG_CACHE_HOME = dir .. "/CACHE", KLAVIYO_COMPANY_ID = ""}})
    server:stop()
    assert.equal(0, status, output)

    local documented = documented_files()
    local text = script.shell(("cd %s && find . -type f -printf '%%m %%P\n' | sort"):format(quote(dir)))
    local names = {LIMITS = "the file that rate_limit_file names", JOURNAL = "the journal of an import"}
    local found = {}
    for mode, path in text:gmatch("(%d+) ([^\n]+)\n") do
      if names[path] then
        assert.equal(path == "LIMITS" and "660" or "600", mode, path)
        found[path] = true
      else
        path = path:gsub("^during/", "OUTBOX/"):gsub("^CACHE/", "~/.cache/")
        local row
        for _, one in ipairs(documented) do
          row = row or path:find(one.pattern) and one or nil
        end
        assert.truthy(row, path .. " is not in docs/operations.md")
        assert.equal(row.mode:gsub("^0", ""), mode, path)
        found[path:gsub("%d%d+", "T")] = true
      end
    end
    for _, path in ipairs {"LIMITS", "JOURNAL", "OUTBOX/slot-1.lock", "OUTBOX/slot-1.db", "OUTBOX/slot-1.db-wal",
      "OUTBOX/slot-1.rejected.db", "OUTBOX/slot-1.rejected.db-wal", "OUTBOX/slot-1.damaged-T-1.db",
      "STORE/shop.token", "STORE/shop.lock", "TOKENS", "TOKENS.locks/shop.lock"} do
      assert.is_true(found[path], path .. " was not made:\n" .. text)
    end
    local folders_ = script.shell(("stat -c %%a %s/OUTBOX %s/STORE"):format(quote(dir), quote(dir)))
    assert.equal("700\n700\n", folders_)
  end)
end)

describe("examples/systemd", function()
  local folders = folder.here(after_each)
  local sandboxed = sandbox.here(setup, teardown)

  local SYSTEM = "/lib/systemd/system/nginx.service"

  -- What the page says of a unit: its exposure.
  local function exposure_of(name)
    for _, row in ipairs(rows_after("rates what is left open,\nfrom 0 to 10:")) do
      if row[1]:find("[" .. name .. "]", 1, true) then
        return tonumber(row[3]:match("^[%d.]+"))
      end
    end
  end

  -- Newer versions check more.
  local function assert_exposure(expected, output)
    local found = tonumber(output:match("exposure level for %S+ ([%d.]+)"))
    assert.truthy(found, output)
    assert.is_true(math.abs(found - expected) <= 0.3, ("%s, the page says %s"):format(found, expected))
  end

  it("has units that systemd accepts, and rates as the page says", function()
    if not has "systemd-analyze" then
      pending("there is no systemd-analyze (Debian's package systemd)")
      return
    end
    local output, status = script.shell("cd examples/systemd && systemd-analyze verify --man=no ./*.service ./*.timer")
    assert.equal(0, status, output)
    assert.equal("", output)
    if not script.shell("systemd-analyze --help"):find("--offline", 1, true) then
      return
    end
    for _, name in ipairs {"klaviyo-nightly.service", "klaviyo-outbox.service"} do
      assert_exposure(exposure_of(name), script.shell("systemd-analyze security --offline=true --no-pager "
        .. "examples/systemd/" .. name))
    end
  end)

  it("has a drop-in for nginx.service", function()
    local text = shell.read(SYSTEM)
    if not has "systemd-analyze" or not text then
      pending("there is no systemd-analyze, or no nginx.service")
      return
    end
    local dir = folders.new()
    script.shell(("cp %s %s/ && mkdir %s/nginx.service.d && cp examples/systemd/nginx.service.d/klaviyo.conf "
      .. "%s/nginx.service.d/"):format(SYSTEM, dir, dir, dir))
    local output, status = script.shell(("SYSTEMD_UNIT_PATH=%s: systemd-analyze verify --man=no %s/nginx.service")
      :format(dir, dir))
    assert.equal(0, status, output)
    assert.is_nil(output:find("klaviyo.conf", 1, true), output)
    if script.shell("systemd-analyze --help"):find("--offline", 1, true) then
      assert_exposure(exposure_of("nginx.service.d/klaviyo.conf"),
        script.shell(("systemd-analyze security --offline=true --no-pager %s/nginx.service"):format(dir)))
    end
  end)

  it("hardens without what the library needs", function()
    for _, path in ipairs {"klaviyo-nightly.service", "klaviyo-outbox.service", "nginx.service.d/klaviyo.conf"} do
      local text = "\n" .. assert(shell.read("examples/systemd/" .. path))
      assert.is_nil(text:find("\nProcSubset=", 1, true))
      assert.matches("\nEnvironment=KLAVIYO_RATE_LIMIT_FILE=/var/lib/klaviyo/", text)
      assert.equal(not path:find("nginx"), text:find("\nMemoryDenyWriteExecute=yes", 1, true) ~= nil)
    end
  end)

  local function send(path)
    return script.shell(("env KLAVIYO_API_KEY=%s KLAVIYO_BASE_URL=%s timeout 60 lua5.4 "
      .. "examples/systemd/send_outbox.lua %s"):format(quote(sandboxed.key), sandboxed.server.base_url, quote(path)))
  end

  it("sends the events of an outbox by send_outbox.lua", function()
    if script.interpreter ~= "lua5.4" then
      return  -- the unit names lua5.4, whose core was built here
    end
    local path = folders.new() .. "/box"
    local outbox = assert(require("klaviyo.outbox").new {path = path})
    for i = 1, 3 do
      assert(outbox:enqueue({metric = "m", properties = {}, profile = {email = ("a%d@example.com"):format(i)}},
        sandboxed.client))
    end
    outbox:close(0)
    local output, status = send(path)
    assert.equal(0, status, output)
    assert.matches("3 sent, 0 rejected, 0 wait\n", output, 1, true)
    assert.equal(3, sandboxed.server:stats().events.distinct)
    output, status = send "/dev/null"
    assert.equal(1, status, output)
  end)
end)

describe("examples/logrotate/klaviyo", function()
  local folders = folder.here(after_each)

  it("rotates the logs", function()
    if not has "logrotate" then
      pending("there is no logrotate")
      return
    end
    local dir = folders.new()
    local text = assert(shell.read("examples/logrotate/klaviyo"))
    local user = script.shell("id -un"):gsub("%s+$", "")
    local group = script.shell("id -gn"):gsub("%s+$", "")
    text = text:gsub("/var/log/klaviyo", dir):gsub("su klaviyo adm", "su " .. user .. " " .. group)
    shell.write(dir .. "/rotate.conf", text)
    script.shell(("chmod 600 %s/rotate.conf; echo line >%s/nightly.log; chmod 700 %s"):format(dir, dir, dir))
    local output, status = script.shell(("logrotate -d -s %s/state %s/rotate.conf"):format(dir, dir))
    assert.equal(0, status, output)
    assert.is_nil(output:find("error:", 1, true), output)
    assert.matches("considering log " .. dir .. "/nightly.log", output, 1, true)
    output, status = script.shell(("logrotate -f -s %s/state %s/rotate.conf && cat %s/nightly.log.1")
      :format(dir, dir, dir))
    assert.equal(0, status, output)
    assert.matches("line\n", output)
    assert.equal("", shell.read(dir .. "/nightly.log"))
  end)
end)

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
end

describe("the backup of docs/operations.md", function()
  local folders = folder.here(after_each)
  local sandboxed = sandbox.here(setup, teardown)

  local CONF = [[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes 2;
error_log error.log warn;
pid /run/nginx-klaviyo.pid;
env KLAVIYO_API_KEY;
events { worker_connections 64; }
http {
  init_by_lua_block {
    outbox = require("klaviyo.outbox").new {path = "%s/box"}
    client = require("klaviyo").new {base_url = "http://127.0.0.1:9", outbox = outbox, on_warning = function() end}
  }
  server {
    listen 127.0.0.1:8080;
    access_log off;
    location / {
      content_by_lua_block {
        for i = 1, 500 do
          assert(client.events:track {metric = "m", properties = {n = i}, profile = {email = "a@example.com"}})
        end
        ngx.say("500")
      }
    }
  }
}
]]

  it("copies an outbox under load, and what is sent twice counts once", function()
    assert.is_nil(nginx.missing())
    local dir = folders.new()
    local server = assert(nginx.start {text = CONF:format(dir), env = {KLAVIYO_API_KEY = sandboxed.key}})
    local commands = PAGE:match("<!%-%- backup %-%->.-```sh\n(.-)```")
      :gsub("/var/backups/klaviyo%-outbox", dir .. "/backup"):gsub("/var/lib/klaviyo%-outbox", dir .. "/box")
      :gsub("%$%(pgrep %-u www%-data %-x nginx%)", "$(cat " .. dir .. "/workers)")
    assert(shell.run(("cat /proc/%s/task/%s/children >%s/workers"):format(server.process.pid, server.process.pid, dir)))
    assert.equal(2, select(2, shell.read(dir .. "/workers"):gsub("%d+", "")))

    -- a copy is made while the workers are stopped
    shell.write(dir .. "/cp", ([[#!/bin/sh
      for pid in $(cat %s/workers); do
        case $(cut -d " " -f 3 /proc/$pid/stat) in [tT]) ;; *) exit 9 ;; esac
      done
      PATH=${PATH#*:} exec cp "$@"
    ]]):format(dir))
    commands = ("set -e; chmod +x %s/cp; PATH=%s:$PATH\n"):format(dir, dir) .. commands
    script.shell(("(while ! test -e %s/stop; do curl -s %s/; done; echo end) >%s/tracked 2>&1 &"):format(dir,
      server.base_url, dir))
    assert(shell.wait_for(function()
      return shell.run("test -e " .. dir .. "/box/slot-1.db")
    end))
    local tracked
    for number = 1, 3 do
      if number == 3 then
        shell.write(dir .. "/stop", "")
        assert(shell.wait_for(function()
          return shell.read(dir .. "/tracked"):find "end"
        end))
        tracked = select(2, shell.read(dir .. "/tracked"):gsub("500\n", "")) * 500
      end
      local output, status = script.shell(commands)
      assert.equal(0, status, output)
      script.shell(("mv %s/backup %s/copy-%d"):format(dir, dir, number))
    end
    assert.is_true(tracked > 0)
    server:stop()

    local function drain(path)
      local outbox = assert(require("klaviyo.outbox").new {path = path})
      assert(outbox:drain(30, sandboxed.client))
      assert.is_true(outbox:close(1))
    end
    for number = 1, 3, 2 do
      drain(("%s/copy-%d"):format(dir, number))
    end
    assert.equal(tracked, sandboxed.server:stats().events.distinct)  -- the last copy has all
    drain(dir .. "/box")
    local events = sandboxed.server:stats().events
    assert.equal(tracked, events.distinct)
    assert.is_true(events.received > tracked)
    assert.equal("", (script.shell(("find %s -name '*damaged*'"):format(dir))))
  end)
end)

describe("examples/container", function()
  local is_possible = shell.run("test $(id -u) = 0 && id www-data && unshare -m -n -p --fork --mount-proc ip link "
    .. "&& setpriv --help")
  local busted_it = it
  local it = is_possible and it or pending

  local COMMANDS = [[
    set -e
    ip link set lo up
    for dir in /run /var/lib; do mount -t tmpfs -o mode=755 none $dir; done
    mkdir /run/klaviyo
    cp -r %s/lua %s/build/luajit %s/examples /run/klaviyo
    mount -t tmpfs -o mode=1777 none /tmp
    install -d -m 700 -o www-data -g www-data /var/lib/klaviyo
    mount --bind /var/lib/klaviyo /var/lib/klaviyo
    mount -o remount,ro,bind /
    mount -o remount,ro /run
    export LUA_PATH="/run/klaviyo/lua/?.lua;/run/klaviyo/lua/?/init.lua;;" LUA_CPATH="/run/klaviyo/luajit/?.so;;"
    export KLAVIYO_API_KEY=pk_of_the_example KLAVIYO_RATE_LIMIT_FILE=/var/lib/klaviyo/rate-limits
    setpriv --reuid www-data --regid www-data --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
      "$nginx" -e stderr -c "$conf" -g "daemon off;" >&2 &
    pid=$!
    for i in 1 2 3 4 5 6 7 8 9 10; do
      if curl -s -o /dev/null http://localhost:8080/status; then break; fi
      sleep 0.3
    done
    for i in 1 2; do
      curl -sS -o /dev/null -w "%%{http_code}\n" -d "{\"sku\": \"SKU$i\", \"email\": \"a@example.com\"}" \
        http://localhost:8080/viewed
    done
    curl -sS http://localhost:8080/status
    if touch /etc/x 2>/dev/null; then echo "the root can be written"; fi
    for i in 1 2 3 4 5 6 7 8 9 10; do  # it tries to send
      if test -e /var/lib/klaviyo/rate-limits; then break; fi
      sleep 0.5
    done
    kill -QUIT $pid
    wait $pid
    echo "exit status $?"
    stat -c "%%U %%a %%n" /var/lib/klaviyo/rate-limits /var/lib/klaviyo/outbox
  ]]

  it("has a configuration that needs no root, and writes only to its volume and /tmp", function()
    local program = assert(programs.find())
    local root = script.shell("pwd -P"):match("[^\n]+")
    local log = script.shell("mktemp"):match("[^\n]+")
    local conf = script.shell("mktemp /var/tmp/klaviyo-conf.XXXXXX"):match("[^\n]+")
    local text = assert(shell.read("examples/container/nginx.conf"))
    shell.write(conf, program.modules and text or text:gsub("load_module [^\n]*", ""))
    script.shell("chmod 644 " .. conf)
    local output = script.shell(("nginx=%s conf=%s timeout -k 2 60 unshare -m -n -p --fork --kill-child --mount-proc "
      .. "sh -c %s 2>%s"):format(quote(program.path), conf, quote(COMMANDS:format(root, root, root)), log))
    local logs = shell.read(log)
    os.remove(log)
    os.remove(conf)
    assert.equal([[
202
202
{"waiting":2}
exit status 0
www-data 660 /var/lib/klaviyo/rate-limits
www-data 700 /var/lib/klaviyo/outbox
]], output, logs)
    for line in logs:gmatch("[^\n]+") do
      assert.truthy(line:find("[warn]", 1, true) or line:find("events still wait in ", 1, true), line)
    end
  end)

  busted_it("copies files into the image that are there", function()
    local text = assert(shell.read("examples/container/Dockerfile"))
    local count = 0
    for path in text:gmatch("\nCOPY (examples/%S+)") do
      assert.truthy(shell.read(path), path)
      count = count + 1
    end
    assert.equal(1, count)
  end)
end)
