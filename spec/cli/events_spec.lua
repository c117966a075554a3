-- klaviyo events send and tail
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local unpack = table.unpack or unpack

describe("klaviyo events", function()
  local fixture = sandbox.here(setup, teardown)

  before_each(function()
    fixture.server:clear_faults()
  end)

  local function send(arguments, options)
    options = options or {}
    return cli.call({"events", "send", unpack(arguments)}, {
      env = cli.environment(fixture.server), input = options.input})
  end

  local function latest_body()
    return klaviyo.json.decode(fixture:latest().body).data.attributes
  end

  describe("send", function()
    it("sends a metric, a profile, properties and a value", function()
      local result = send {"Placed Order", "--profile", "email=ann@example.com", "--profile", "first_name=Ann",
        "--value", "12.5", "--currency", "EUR", "--unique-id", "order 7", "--time", "2026-01-31T09:00:00Z",
        "item=Shirt", "zip=01234", "sizes:=[1,2]"}
      assert.same({0, "", 'klaviyo: sent "Placed Order"\n'}, {result.status, result.out, result.err})
      local sent = latest_body()
      assert.equal("Placed Order", sent.metric.data.attributes.name)
      assert.same({email = "ann@example.com", first_name = "Ann"}, sent.profile.data.attributes)
      assert.equal('{"item":"Shirt","sizes":[1,2],"zip":"01234"}', klaviyo.json.encode(sent.properties))
      assert.same({12.5, "EUR", "order 7", "2026-01-31T09:00:00Z"},
        {sent.value, sent.value_currency, sent.unique_id, sent.time})
    end)

    it("takes properties from standard input, and others besides", function()
      assert.equal(0, send({"Seen", "--profile", "id=01ABC", "-", "more=1"}, {input = '{"a": {"b": null}}'}).status)
      assert.equal('{"a":{"b":null},"more":"1"}', klaviyo.json.encode(latest_body().properties))
      assert.equal(2, send({"Seen", "--profile", "id=01ABC", "-"}, {input = "[1]"}).status)
    end)

    it("does not send what is not complete or not valid", function()
      local before = #fixture:log()
      local result = send {"Seen"}
      assert.equal(2, result.status)
      assert.matches("%-%-profile email=", result.err)
      result = send {"Seen", "--profile", "emial=ann@example.com"}
      assert.equal(2, result.status)
      assert.matches('"email"', result.err)
      assert.equal(2, send({"Seen", "--profile", "email=a@b.c", "--value", "much"}).status)
      assert.equal(2, send({"Seen", "--profile", "email=a@b.c", "--time", "soon"}).status)
      result = send {"Seen", "--profile", "email=a@b.c", "--dry-run"}
      assert.equal(0, result.status)
      assert.matches("^POST http.*\ncurl %-X POST ", result.out)
      assert.equal(before, #fixture:log())
    end)

    it("shows the API's error", function()
      fixture.server:fault {operation = "create_event", status = 403, error = "permission_denied"}
      local result = send {"Seen", "--profile", "email=a@b.c"}
      assert.equal(4, result.status)
      assert.matches("events:write", result.err)
    end)

    it("keeps the operations of the resource", function()
      local result = cli.call({"events", "list", "--limit", "1"}, {env = cli.environment(fixture.server)})
      assert.same({0, ""}, {result.status, result.err})
      assert.matches('"type":"event"', result.out)
    end)
  end)

  describe("tail", function()
    local dir

    before_each(function()
      dir = cli.folder()
    end)

    after_each(function()
      script.shell("rm -rf " .. dir)
    end)

    local function contents(name)
      local file = io.open(dir .. "/" .. name, "rb")
      local text = file and file:read("*a") or ""
      if file then
        file:close()
      end
      return text
    end

    local function wait_for(condition)
      local deadline = klaviyo.clock() + 20
      while not condition() and klaviyo.clock() < deadline do
        klaviyo.sleep(0.05)
      end
      return condition()
    end

    -- Starts it in the background; returns its process id.
    local function start(arguments)
      script.shell(("{ %s >%s/out 2>%s/err; echo $? >%s/status; } >/dev/null 2>&1 &"):format(cli.command(
        {"events", "tail", "--interval", "0.2", unpack(arguments or {})}, {
          env = cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = dir .. "/limits"}), prefix =
          ("env --default-signal=INT sh -c 'echo $$ >%s/pid; exec \"$@\"' sh"):format(dir)}), dir, dir, dir))
      assert.is_true(wait_for(function() return contents "pid" ~= "" end))
      return contents("pid"):match("%d+")
    end

    local function track(metric, number)
      assert(fixture.client.events:create {metric = metric, profile = {email = "tail@example.com"},
        properties = {number = number}})
    end

    local function numbers()
      local list = {}
      for line in contents("out"):gmatch("[^\n]+") do
        local event = assert(klaviyo.json.decode(line))
        list[#list + 1] = event.attributes.event_properties.number
      end
      return list
    end

    local function requests()
      local count = 0
      for _, request in ipairs(fixture:log()) do
        count = count + (request.operation == "get_events" and 1 or 0)
      end
      return count
    end

    it("shows each new event once, through refusals and lost connections, until Ctrl-C", function()
      track("Before", 0)
      local before = requests()
      local pid = start {"--metric", "Tailed", "--since", "5m"}
      finally(function() script.shell("kill -9 " .. pid) end)
      assert.is_true(wait_for(function() return contents "status" ~= "" end)) -- no such metric yet
      assert.matches('no metric "Tailed"', contents "err")
      assert.equal("2\n", contents "status")
      script.shell("rm " .. dir .. "/*")
      track("Tailed", 1)
      track("Other", 99)
      pid = start {"--metric", "tailed", "--since", "5m"}
      assert.is_true(wait_for(function() return #numbers() == 1 end), contents "err")
      fixture.server:fault {operation = "get_events", throttled = 1}
      fixture.server:fault {operation = "get_events", reset = "before", times = 4}
      track("Tailed", 2)
      assert.is_true(wait_for(function() return #numbers() == 2 end), contents "err")
      track("Tailed", 3)
      assert.is_true(wait_for(function() return #numbers() == 3 end))
      local polls = requests()
      assert.is_true(wait_for(function() return requests() > polls + 3 end))
      assert.same({1, 2, 3}, numbers())
      assert.matches("trying again\n", contents "err")
      assert.matches("connected again\n", contents "err")
      script.shell("kill -INT " .. pid)
      assert.is_true(wait_for(function() return contents "status" ~= "" end))
      assert.equal("0\n", contents "status")
      assert.not_matches("interrupted", contents "err")
      assert.is_true(requests() > before)
    end)

    it("begins with the events from now on, and ends after --limit", function()
      track("Old", 1)
      klaviyo.sleep(1.1)
      start {"--limit", "2"}
      local before = requests()
      assert.is_true(wait_for(function() return requests() > before end))
      for number = 11, 13 do
        track("New", number)
      end
      assert.is_true(wait_for(function() return contents "status" ~= "" end))
      assert.same({"0\n", ""}, {contents "status", contents "err"})
      assert.same({11, 12}, numbers())
    end)

    it("shows a line for each event on a terminal", function()
      track("Line", 5)
      for _, columns in ipairs {80, 200} do
        local result = cli.call({"events", "tail", "--metric", "Line", "--since", "1h", "--limit", "1"}, {
          env = cli.environment(fixture.server),
          terminal = {stdin = false, stdout = true, stderr = true, columns = columns}})
        assert.same({0, ""}, {result.status, result.err})
        assert.matches("^%d+%-%d+%-%d+ %d+:%d+:%d+  Line  tail@example.com  {", result.out)
        assert.is_true(#result.out <= columns + 1)
      end
    end)

    it("ends if the key is refused", function()
      fixture.server:fault {operation = "get_events", status = 403, error = "permission_denied", times = 9}
      local result = cli.call({"events", "tail"}, {env = cli.environment(fixture.server)})
      assert.equal(4, result.status)
      assert.matches("events:read", result.err)
      assert.equal(2, cli.call({"events", "tail", "--output", "csv"},
        {env = cli.environment(fixture.server)}).status)
    end)
  end)
end)
