-- klaviyo limits
local chart = require "klaviyo.cli.chart"
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

describe("klaviyo limits", function()
  local fixture = sandbox.here(setup, teardown)
  local dir

  before_each(function()
    dir = cli.folder()
  end)

  after_each(function()
    script.shell("rm -rf " .. dir)
  end)

  local function environment(more)
    local env = cli.environment(fixture.server, {KLAVIYO_RATE_LIMIT_FILE = dir .. "/limits"})
    for name, value in pairs(more or {}) do
      env[name] = value
    end
    return env
  end

  local function limits(arguments, more)
    local all = {"limits"}
    for i, word in ipairs(arguments or {}) do
      all[i + 1] = word
    end
    return cli.run(all, {env = environment(more)})
  end

  local function records(result)
    local list = {}
    for line in result.out:gmatch("[^\n]+") do
      list[#list + 1] = assert(klaviyo.json.decode(line))
    end
    return list
  end

  -- Calls get_lists `count` times as another program.
  local function call(count)
    for _ = 1, count do
      assert.equal(0, cli.run({"find", "x", "--in", "lists"}, {env = environment()}).status)
    end
  end

  it("shows what other programs have used, and makes no call", function()
    call(3)
    local before = #fixture:log()
    local result = limits()
    assert.same({0, ""}, {result.status, result.err})
    local list = records(result)
    assert.equal(2, #list)
    assert.same({name = "get_lists", seconds = 60, limit = 750, used = 3, others = 0, wait = 0}, list[2])
    assert.equal(before, #fixture:log())
  end)

  it("shows operations by a part of their id, used or not, and all", function()
    call(1)
    local names = {}
    for _, one in ipairs(records(limits {"list_for"})) do
      names[one.name] = true
      assert.equal(0, one.used)
    end
    assert.is_true(names.get_list_for_bulk_import_profiles_job)
    assert.is_nil(names.get_lists)
    assert.is_true(#records(limits {"--all"}) > 300)
    local result = limits {"get_listz"}
    assert.equal(2, result.status)
    assert.matches('did you mean "get_list" or "get_lists"', result.err)
  end)

  it("fits a terminal of 80 and of 200 columns", function()
    call(2)
    for _, columns in ipairs {"80", "200"} do
      local result = limits({"--output", "table", "--all"}, {COLUMNS = columns, LC_ALL = "C.UTF-8"})
      assert.same({0, ""}, {result.status, result.err})
      local lines = 0
      for line in result.out:gmatch("[^\n]+") do
        lines = lines + 1
        assert.is_true(#line:gsub("[\128-\191]", "") <= tonumber(columns), line)
      end
      assert.is_true(lines > 150)
      local bar = chart.bar(2, 750, 4, {ascii = false})
      assert.matches("\nget_lists%s.*" .. bar .. " +2/750 per min\n", result.out)
    end
  end)

  it("says that nothing is used, and what is wrong with the file", function()
    local result = limits {"--output", "table"}
    assert.equal(("nothing is used now (%s/limits)\n"):format(dir), result.out)
    result = limits({}, {KLAVIYO_RATE_LIMIT_FILE = dir .. "/none/limits"})
    assert.matches("klaviyo doctor", result.err)
    assert.equal("", result.out)
  end)

  it("watches until Ctrl-C, and succeeds", function()
    call(1)
    script.shell(("{ %s >%s/out 2>%s/err; echo $? >%s/status; } >/dev/null 2>&1 &"):format(cli.command(
      {"limits", "--watch", "--interval", "0.2"}, {env = environment(),
        prefix = ("env --default-signal=INT sh -c 'echo $$ >%s/pid; exec \"$@\"' sh"):format(dir)}), dir, dir, dir))
    local function contents(name)
      local file = io.open(dir .. "/" .. name, "rb")
      local text = file and file:read("*a") or ""
      if file then
        file:close()
      end
      return text
    end
    local deadline = klaviyo.clock() + 10
    while select(2, contents("out"):gsub("\n", "")) < 6 and klaviyo.clock() < deadline do
      klaviyo.sleep(0.05)
    end
    script.shell("kill -INT " .. contents "pid")
    while contents "status" == "" and klaviyo.clock() < deadline do
      klaviyo.sleep(0.05)
    end
    assert.equal("0\n", contents "status")
    assert.equal("", contents "err")
    assert.is_true(#records {out = contents "out"} >= 6)
  end)
end)
