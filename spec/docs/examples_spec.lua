-- Runs the examples; only their settings are changed, to use a sandbox.

local ask = require "spec.support.ask"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local programs = require "klaviyo.sandbox.program"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

-- The spec that runs each example; every example needs one.
local SPEC_OF = {
  ["container/Dockerfile"] = "docs/operations_spec.lua",
  ["container/nginx.conf"] = "docs/operations_spec.lua",
  ["cqueues.lua"] = "tasks/loops_spec.lua",
  ["import_csv.lua"] = "docs/examples_spec.lua",
  ["import_jsonl.lua"] = "docs/examples_spec.lua",
  ["reference.lua"] = "docs/examples_spec.lua",
  ["logrotate/klaviyo"] = "docs/operations_spec.lua",
  ["nginx/demo.lua"] = "docs/examples_spec.lua",
  ["nginx/demo_oauth.lua"] = "docs/examples_spec.lua",
  ["nginx/gateway.conf"] = "support/nginx.lua",
  ["nginx/gateway_accounts.conf"] = "gateway/control_spec.lua",
  ["nginx/handler.conf"] = "docs/examples_spec.lua",
  ["nginx/metrics.conf"] = "docs/examples_spec.lua",
  ["nginx/oauth.conf"] = "nginx/oauth_example_spec.lua",
  ["nginx/outbox.conf"] = "outbox/nginx_spec.lua",
  ["nginx/track.conf"] = "docs/examples_spec.lua",
  ["nginx/status.conf"] = "metrics/status_spec.lua",
  ["grafana/klaviyo.json"] = "metrics/alerts_spec.lua",
  ["prometheus/alerts.yml"] = "metrics/alerts_spec.lua",
  ["nginx/webhook.conf"] = "webhook/receiver_spec.lua",
  ["systemd/klaviyo-nightly.service"] = "docs/operations_spec.lua",
  ["systemd/klaviyo-nightly.timer"] = "docs/operations_spec.lua",
  ["systemd/klaviyo-outbox.service"] = "docs/operations_spec.lua",
  ["systemd/klaviyo-outbox.timer"] = "docs/operations_spec.lua",
  ["systemd/nginx.service.d/klaviyo.conf"] = "docs/operations_spec.lua",
  ["systemd/send_outbox.lua"] = "docs/operations_spec.lua",
}

describe("examples", function()
  it("of the gateway have the same location for the API", function()
    local function location(name)
      return shell.read("examples/nginx/" .. name):match("\n    location /klaviyo/ {\n.-\n    }\n")
    end
    local accounts = location "gateway_accounts.conf"
    assert.equal(location "gateway.conf", (accounts:gsub(' *set $klaviyo_connection "%-";\n', "")))
  end)

  it("all have a spec", function()
    local found = {}
    local output = script.shell("cd examples && find . -type f | sort")
    for name in output:gmatch("%./([^\n]+)") do
      found[name] = true
      local spec = SPEC_OF[name]
      assert.truthy(spec, "examples/" .. name .. " has no spec")
      assert.truthy(shell.read("spec/" .. spec):find(name:match("[^/]+$"), 1,
        true), ("spec/%s does not run %s"):format(spec, name))
    end
    for name in pairs(SPEC_OF) do
      assert.is_true(found[name], name .. " does not exist")
    end
  end)

  -- Runs all at the same time, since some wait; each with its own folder and its
  -- own file for the rate limits.
  local dir_of = {}

  setup(function()
    for _, name in ipairs { "reference.lua", "nginx/demo.lua",
      "nginx/demo_oauth.lua", "import_csv.lua", "import_jsonl.lua" } do
      local dir = script.shell("mktemp -d"):match("[^\n]+")
      dir_of[name] = dir
      script.shell(([[( env LIVE= KLAVIYO_RATE_LIMIT_FILE=%s/limits timeout -k 2 60 %s \
        examples/%s >%s/output 2>&1; echo $? >%s/code; mv %s/code %s/status
        ) </dev/null >/dev/null 2>&1 &]]):format(dir, script.interpreter,
        name, dir, dir, dir, dir))
    end
  end)

  teardown(function()
    for _, dir in pairs(dir_of) do
      script.shell("rm -rf " .. script.quote(dir))
    end
  end)

  local function run(name)
    local dir = dir_of[name]
    local status = shell.wait_for(function()
      return shell.read(dir .. "/status")
    end, 70)
    local output = shell.read(dir .. "/output")
    assert.equal("0\n", status, output)
    return output
  end

  it("make all calls of the routing reference", function()
    local output = run "reference.lua"
    assert.matches("iterate all profiles +2500 profiles on 25 pages", output)
    assert.matches('a misspelt attribute .*did you mean "email"%?', output)
    assert.equal(2, select(2, output:gsub("  … corrected +201 ", "")))
  end)

  it("make these calls through the gateway, by curl", function()
    assert.is_nil(nginx.missing())
    local output = run "nginx/demo.lua"
    assert.matches("iterate all profiles +25%d profiles on 3 pages", output)
    assert.matches("the key in nginx's logs +no", output)
  end)

  it("authorize an app by curl", function()
    assert.is_nil(nginx.missing())
    local output = run "nginx/demo_oauth.lua"
    assert.matches("connected accounts +GET / +200  SandBx", output)
    assert.matches("secrets in nginx's logs +no", output)
  end)

  it("import CSV, and print the line of each rejected row", function()
    local output = run "import_csv.lua"
    assert.matches("2495 completed, 5 failed, 0 unknown, 0 skipped, 1 bad rows",
      output, 1, true)
    assert.matches("line 1000: ", output, 1, true)
    assert.matches("line 5002: 3 fields, but the header has 4", output, 1, true)
  end)

  it("import JSON lines", function()
    local output = run "import_jsonl.lua"
    assert.matches("2497 accepted, 3 failed", output, 1, true)
    assert.matches("line 1007: ", output, 1, true)
  end)
end)

describe("examples, run against one sandbox,", function()
  local sandboxed = sandbox.here(setup, teardown)
  local path

  before_each(function()
    sandboxed.server:reset()
    path = os.tmpname()
  end)

  after_each(function()
    os.remove(path)
    os.remove(path .. ".journal")
  end)

  local function import(text, example)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return script.shell(("env LIVE=1 LUA_INIT=%s timeout -k 2 60 %s "
      .. "examples/%s %s"):format(script.quote(([[
        local klaviyo = require "klaviyo"
        local new = klaviyo.new
        function klaviyo.new()
          return new {api_key = %q, base_url = %q, rate_limit_file = false}
        end]]):format(sandboxed.key, sandboxed.server.base_url)), script.interpreter,
      example or "import_csv.lua", script.quote(path)))
  end

  -- Fault 8
  it("import a CSV again, with changes", function()
    local output, status = import "email\na@example.com\nb@example.com\n"
    assert.equal(0, status, output)
    assert.matches("2 completed, 0 failed", output, 1, true)
    output, status = import "email,plan\na@example.com,gold\nc@example.com,\n"
    assert.equal(0, status, output)
    assert.matches("2 completed, 0 failed, 0 unknown, 0 skipped, 0 bad rows; 0 "
      .. "were finished by an earlier run", output, 1, true)
    assert.equal(3, sandboxed.server:stats().resources.profile)
    local profile = sandboxed.client.profiles:first {
      filter = klaviyo.filter.equals("email", "a@example.com"),
      additional_fields = {},
    }
    assert.equal("gold", profile.attributes.properties.plan)
  end)

  -- Fault 13
  it("send each line of JSON once, and a corrected line again", function()
    local function lines(...)
      local list = {...}
      for i, id in ipairs(list) do
        list[i] = ('{"profile":{"email":"a@example.com"},"metric":"Viewed",'
          .. '"properties":{"n":%s}}\n'):format(id)
      end
      return table.concat(list)
    end
    local output, status = import(lines(1, 2, "x"), "import_jsonl.lua")
    assert.equal(1, status, output)
    assert.matches("line 3: ", output, 1, true)
    assert.matches("2 accepted, 1 failed; 0 were finished", output, 1, true)
    output, status = import(lines(1, 2, 3, 4), "import_jsonl.lua")
    assert.equal(0, status, output)
    assert.matches("4 accepted, 0 failed; 2 were finished", output, 1, true)
    assert.equal(4, sandboxed.server:stats().events.distinct)
    assert.equal(0, sandboxed.server:stats().events.repeated)
    output, status = import(lines(5, 2, 3, 4), "import_jsonl.lua")
    assert.equal(1, status, output)
    assert.matches("belongs to another source", output, 1, true)
  end)

  it("lose no row to a quote, a separator or a header", function()
    local output, status = import "Mail;Name\nx@example.com;y\n"
    assert.equal(1, status, output)
    assert.matches("line 1: no column identifies a profile", output, 1, true)
    output, status = import('Email;First Name;size\na@example.com;Ann;6" pipe\n'
      .. 'b@example.com;Bob;5\nc@example.com;Cy;4;surplus\n'
      .. 'd@example.com;Dan;7"\n')
    assert.equal(1, status, output)
    assert.matches("line 4: 4 fields, but the header has 3", output, 1, true)
    assert.matches("3 completed, 0 failed, 0 unknown, 0 skipped, 1 bad rows",
      output, 1, true)
    assert.equal(3, sandboxed.server:stats().resources.profile)
  end)
end)

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
end

describe("examples in nginx", function()
  local sandboxed = sandbox.here(setup, teardown, { profiles = 20 })
  local server

  local function start(example, old)
    assert.is_nil(nginx.missing())
    server = assert(nginx.start {
      example = example, env = { KLAVIYO_API_KEY = sandboxed.key },
      replace = { { old, ("%s\n      base_url = %q,"):format(old,
        sandboxed.server.base_url) } },
    })
  end

  local function stop()
    local logs = server:stop()
    server = nil
    assert.is_nil(logs:find(sandboxed.key, 1, true), logs)
    return logs
  end

  after_each(function()
    if server then
      stop()
    end
  end)

  local function get(target)
    return ask(server, { target = target, token = false })
  end

  it("answer with the response of the service", function()
    local profile = sandboxed.client.profiles:first()
    local list = sandboxed.client.lists:first()
    assert(sandboxed.client.lists:at(list.id).profiles:add(profile.id))
    start("handler.conf", "klaviyo.new {")
    local answer = get("/customers/" .. profile.attributes.email)
    assert.equal(200, answer.status, answer.body)
    assert.equal(profile.id, answer.document.id)
    assert.matches(list.attributes.name, answer.document.lists, 1, true)
    assert.equal(404, get("/customers/nobody@example.com").status)
    sandboxed.server:fault { operation = "get_profiles", status = 403 }
    assert.equal(502, get("/customers/" .. profile.attributes.email).status)
    local logs = stop()
    assert.equal(1, select(2, logs:gsub("%[error%]", "")), logs)
    assert.matches("klaviyo: get_profiles: 403 ", logs, 1, true)
  end)

  it("track from log_by_lua, including the events that are queued when a worker ends", function()
    start("track.conf", '("klaviyo").new {')
    for i = 1, 25 do
      local answer = get(("/products/SKU%d?email=ann%%40example.com"):format(i))
      assert.equal(200, answer.status)
    end
    assert.equal(200, get("/products/SKU26").status)
    assert.equal("table", type(get("/status").document.tracked))
    local logs = stop()
    assert.is_nil(logs:find("[error]", 1, true), logs)
    local events = sandboxed.server:stats().events
    assert.equal(25, events.distinct)
    assert.equal(0, events.repeated + events.unnamed)
  end)
end)

-- Unchanged: as root, with their port and folders, in a namespace of its own.
describe("examples in nginx, unchanged,", function()
  local SETUP = [[
    set -e
    ip link set lo up
    for dir in /run /var/log /var/lib; do mount -t tmpfs -o mode=755 none $dir; done
    mkdir -p /run/hosts /run/klaviyo /var/log/nginx /var/lib/nginx
    echo "127.0.0.1 localhost a.klaviyo.com" >/run/hosts/hosts
    mount --bind /run/hosts/hosts /etc/hosts
    cp -r %s/lua %s/build/luajit %s/examples /run/klaviyo
    chmod -R a+rX /run/klaviyo
    cd /run/klaviyo
    export LUA_PATH="/run/klaviyo/lua/?.lua;/run/klaviyo/lua/?/init.lua;;"
    export LUA_CPATH="/run/klaviyo/luajit/?.so;;"
    unset XDG_RUNTIME_DIR
    %s
    %s
    "$nginx" -c /run/klaviyo/examples/nginx/%s
    ask() { curl -sS -m 20 --noproxy "*" -o /run/body -w "%%{http_code}\n" "$@"; }
    %s
    cat /var/log/nginx/error.log >&2
  ]]

  -- OpenResty needs no load_module, as each example says.
  local function with_nginx()
    local program = assert(programs.find())
    return "nginx=" .. script.quote(program.path) .. (program.modules and ""
      or "\n    sed -i '/^load_module/d' examples/nginx/*.conf")
  end

  -- Returns the output of the commands, and nginx's log.
  local function run(example, prepare, commands)
    local root = script.shell("pwd -P"):match("[^\n]+")
    local text = SETUP:format(root, root, root, with_nginx(), prepare, example, commands)
    local log = script.shell("mktemp"):match("[^\n]+")
    local output = script.shell(("timeout -k 2 60 unshare -m -n -p --fork --kill-child --mount-proc sh -c %s 2>%s")
      :format(script.quote(text), log))
    local logs = shell.read(log)
    os.remove(log)
    return output, logs
  end

  local is_possible = shell.run("test $(id -u) = 0 && id www-data && unshare -m -n -p --fork --mount-proc ip link")
  local it = is_possible and it or pending

  local KEY = "export KLAVIYO_API_KEY=pk_of_the_example KLAVIYO_WEBHOOK_SECRET=a_secret_of_the_webhook "
    .. "KLAVIYO_CLIENT_ID=app KLAVIYO_CLIENT_SECRET=a_secret_of_the_app KLAVIYO_ENCRYPTION_KEY=" .. ("0"):rep(64)

  local function assert_output(example, prepare, commands, expected, complaints)
    local output, logs = run(example, prepare .. "\n" .. KEY, commands)
    assert.equal(expected, output, logs)
    for line in logs:gmatch("[^\n]+") do
      assert.truthy(line:find("[warn]", 1, true) or complaints and line:find(complaints, 1, true), line)
    end
    if complaints then
      assert.matches(complaints, logs, 1, true)
    end
  end

  it("gateway.conf", function()
    assert_output("gateway.conf", "", [[
      ask http://localhost:8080/klaviyo/api/profiles
      ask -H "Authorization: Bearer demo" http://localhost:8080/klaviyo/api/profiles
      sleep 0.5  # nginx writes the log after the response
    ]], "401\n502\n", "klaviyo gateway: get_profiles: 502, no response from the service at 127.0.0.1:443")
  end)

  it("gateway_accounts.conf", function()
    assert_output("gateway_accounts.conf", "install -d -o www-data -m 700 /var/lib/klaviyo", [[
      ask -H "Authorization: Bearer demo" http://localhost:8080/klaviyo/api/profiles
      ask -H "Authorization: Bearer demo" -H "Klaviyo-Connection: shop" http://localhost:8080/klaviyo/api/profiles
      ask -H "Authorization: Bearer demo" -H "Klaviyo-Connection: main" http://localhost:8080/klaviyo/api/profiles
      ask http://localhost:8080/klaviyo-connections
      ask -H "Authorization: Bearer control" http://localhost:8080/klaviyo-connections
      ask -H "Authorization: Bearer control" -H "Content-Type: application/json" \
        -d '{"data": {"type": "connection", "id": "shop"}}' http://localhost:8080/klaviyo-connections
      ask http://localhost:8080/klaviyo-connected
      ask http://localhost:8080/ready
      ask http://localhost:8080/metrics
      grep 'requests_total{connection="main",status="502"}' /run/body
      stat -c "%U %a" /var/lib/klaviyo/connections
      sleep 0.5  # nginx writes the log after the response
    ]], "421\n421\n502\n401\n200\n202\n400\n200\n200\n"
      .. 'klaviyo_gateway_requests_total{connection="main",status="502"} 1'
      .. "\nwww-data 700\n",
      "klaviyo gateway: get_profiles: 502, no response from the service at 127.0.0.1:443")
  end)

  it("handler.conf", function()
    assert_output("handler.conf", "", "ask http://localhost:8080/customers/a@example.com", "502\n",
      "klaviyo: get_profiles: Failed to connect to a.klaviyo.com")
  end)

  it("metrics.conf", function()
    assert_output("metrics.conf", "", [[
      ask http://localhost:8080/customers/a@example.com
      ask http://127.0.0.1:8080/metrics
      grep "^klaviyo_attempts_total" /run/body
    ]], "502\n200\nklaviyo_attempts_total{operation=\"get_profiles\"} 5\n",
      "klaviyo: get_profiles: Failed to connect to a.klaviyo.com")
  end)

  it("oauth.conf", function()
    assert_output("oauth.conf", "install -d -m 700 -o www-data /var/lib/klaviyo-oauth", [[
      ask http://localhost:8080/
      ask http://localhost:8080/install
      ask http://localhost:8080/callback
      sleep 0.5  # nginx writes the log after the response
      cut -d " " -f 2- /var/log/nginx/oauth.log
    ]], [[
200
302
400
127.0.0.1 GET / 200
127.0.0.1 GET /install 302
127.0.0.1 GET /callback 400
]], "the callback has no state; authorize again")
  end)

  it("outbox.conf", function()
    assert_output("outbox.conf", "install -d -m 700 -o www-data /var/lib/klaviyo-outbox", [[
      for i in 1 2 3; do
        ask -d "{\"sku\": \"SKU$i\", \"email\": \"a@example.com\"}" http://localhost:8080/viewed
      done
      ask http://localhost:8080/status
      grep -o '"folder":{[^}]*"waiting":3' /run/body | grep -o "[0-9]$"
      stat -c "%U %a" /var/lib/klaviyo-outbox/slot-1.db
    ]], "202\n202\n202\n200\n3\nwww-data 600\n")
  end)

  it("outbox.conf, without its folder, logs an error at its start", function()
    assert_output("outbox.conf", "", [[
      for i in 1 2 3 4 5 6 7 8 9; do
        if grep -q "Permission denied" /var/log/nginx/error.log; then break; fi
        sleep 0.5
      done
    ]], "", "/var/lib/klaviyo-outbox: Permission denied (no event can be added to the outbox)")
  end)

  it("track.conf", function()
    assert_output("track.conf", "", [[
      ask "http://localhost:8080/products/SKU1?email=ann%40example.com"
      ask http://localhost:8080/status
    ]], "200\n200\n")
  end)

  it("webhook.conf", function()
    assert_output("webhook.conf", "", "ask -d '{}' http://localhost:8080/webhooks/klaviyo", "401\n")
  end)
end)
