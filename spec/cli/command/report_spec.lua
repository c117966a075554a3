local chart = require "klaviyo.cli.chart"
local cli = require "spec.support.cli"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"

local function lines_of(text)
  local list = {}
  for line in text:gmatch("[^\n]*\n") do
    list[#list + 1] = line:sub(1, -2)
  end
  return list
end

describe("klaviyo report", function()
  local server = sandbox.here(setup, teardown)
  local env

  setup(function()
    local client = server:new_client {revision = "2026-07-15"}
    for _, name in ipairs {"Summer sale", "Winter sale"} do
      local id = assert(client.campaigns:create {name = name,
        audiences = {included = {"L"}}, campaign_messages = {{definition = {
          channel = "email", label = name, content = {subject = "S"}}}},
      }).data.id
      local job = {data = {type = "campaign-send-job", id = id}}
      assert(client:call("send_campaign", {body = job}))
      for _ = 1, 3 do
        assert(client:call("get_campaign_send_job", {id = id}))
      end
    end
    for i = 1, 12 do
      assert(client.events:create {metric = "Placed Order", properties = {},
        profile = {email = ("u%d@example.com"):format(i % 5)}, value = i,
        time = klaviyo.datetime(os.time() - i * 86400 * 3)})
    end
  end)

  before_each(function()
    env = cli.environment(server.server)
  end)

  local function report(arguments, width)
    local words = {"report"}
    for word in arguments:gmatch("%S+") do
      words[#words + 1] = word
    end
    return cli.call(words, {env = env, terminal = {stdin = false,
      stdout = width ~= nil, stderr = false, columns = width or 80}})
  end

  it("shows campaigns by name, with totals and bars, in any width", function()
    for _, width in ipairs {40, 80, 200} do
      local result = report("campaigns", width)
      assert.equal("", result.err)
      assert.equal(0, result.status)
      local lines = lines_of(result.out)
      assert.equal(4, #lines)
      assert.matches("^CAMPAIGNS? *", lines[1])
      assert.matches("^Total ", lines[4])
      if width >= 80 then
        assert.matches("^CAMPAIGNS +recipients +open +click +conversions +value$",
          lines[1])
        for i = 2, 3 do
          assert.matches("^%a+ sale +[%d,]+ +[%d.]+%% +[%d.]+%% +%d+ +[%d,.]+"
            .. "  [^%w]*$", lines[i])
          assert.is_true(chart.width_of(lines[i]) <= width)
        end
      end
    end
  end)

  it("writes rows with ids and names as records", function()
    local result = report("flows --sort recipients --statistics "
      .. "recipients,delivered,opens_unique,open_rate --output json")
    assert.equal(0, result.status)
    local rows = klaviyo.json.decode(result.out)
    assert.equal(3, #rows)
    local names = {}
    for i, row in ipairs(rows) do
      names[row.name] = true
      assert.is_string(row.id)
      assert.equal("email", row.channel)
      assert.near(row.opens_unique / row.delivered, row.open_rate, 0.0001)
      assert.is_true(i == 1 or row.recipients >= rows[i - 1].recipients)
    end
    assert.same({["Welcome Series"] = true, ["Abandoned Cart"] = true,
      ["Post-Purchase"] = true}, names)
    local some = report("flows --sort=-recipients --limit 1 --statistics "
      .. "recipients --output csv")
    assert.equal(("id,name,channel,recipients\r\n%s,%s,email,%d\r\n"):format(
      rows[3].id, rows[3].name, rows[3].recipients), some.out)
    local sum = 0
    for _, row in ipairs(rows) do
      sum = sum + row.recipients
    end
    local shown = report("flows --statistics recipients --limit 1", 80)
    assert.matches("\nTotal +" .. ("%d"):format(sum):gsub("(%d)(%d%d%d)$", "%1,%2"),
      shown.out)
    assert.matches("1 of 3 rows; the total is that of all", shown.err)
  end)

  it("weights the mean of rates", function()
    local rows = klaviyo.json.decode(report(
      "flows --statistics delivered,open_rate --output json").out)
    local sum, whole = 0, 0
    for _, row in ipairs(rows) do
      sum, whole = sum + row.open_rate * row.delivered, whole + row.delivered
    end
    assert.matches(("\nTotal +[%%d,]+ +%.1f%%%%\n"):format(sum / whole * 100),
      report("flows --statistics delivered,open_rate", 80).out)
  end)

  it("has a row for each message", function()
    local rows = klaviyo.json.decode(report("flows --messages --output json").out)
    assert.equal(3, #rows)
    assert.is_string(rows[1].message)
  end)

  it("knows forms and segments", function()
    local result = report("forms", 80)
    assert.matches("Newsletter sign%-up +[%d,]+ +%d+ +[%d.]+%%", result.out)
    assert.is_nil(result.out:find("Total", 1, true))
    result = report("segments --sort name", 100)
    assert.equal(0, result.status)
    assert.matches("\nEngaged.-\nEverybody.-\nNew Subscribers.-\nTotal", result.out)
  end)

  it("names campaigns in a revision that cannot filter by id", function()
    local rows = klaviyo.json.decode(report(
      "campaigns --revision 2025-01-15 --output json").out)
    local names = {rows[1].name, rows[2].name}
    table.sort(names)
    assert.same({"Summer sale", "Winter sale"}, names)
  end)

  it("takes a time frame, or its bounds", function()
    assert.equal("klaviyo: there is nothing to report about campaigns in this "
      .. "time\n", report("campaigns --since 2025-01-01 --until 2025-02-01", 80).err)
    assert.equal("[]\n", report("campaigns --since 2025-01-01 --until 2025-02-01 "
      .. "--output json").out)
    assert.equal(2, #klaviyo.json.decode(report(
      "campaigns --timeframe today --output json").out))
  end)

  it("refuses what does not exist, in one line", function()
    for words, message in pairs {
      ["campaigns --statistics opened"] = 'did you mean "opens"',
      ["flows --timeframe last_30_day"] = 'did you mean "last_30_days"',
      ["flows --sort clicks"] = '"clicks" is not shown; name, recipients',
      ["flows --since soon"] = '"soon" is not a time',
      ["flows --until 2026-01-01"] = "--until needs --since",
      ["flows --conversion-metric Placed"] = 'did you mean "Placed Order"',
      ["metric Nothing"] = 'there is no metric "Nothing"; `klaviyo find`',
      ["flows --statistics ,"] = "name at least one",
    } do
      local result = report(words)
      assert.equal(2, result.status, words)
      assert.matches(message, result.err, 1, true)
      assert.equal(1, select(2, result.err:gsub("\n", "")))
      assert.equal("", result.out)
    end
    local result = report "flows --since 2020-01-01"
    assert.equal(1, result.status)
    assert.matches("one year", result.err)
  end)

  describe("metric", function()
    local function metric(arguments, width)
      local words = {"report", "metric"}
      for _, word in ipairs(arguments) do
        words[#words + 1] = word
      end
      return cli.call(words, {env = env, terminal = {stdin = false,
        stdout = width ~= nil, stderr = false, columns = width or 80}})
    end

    it("draws the series, with its total", function()
      local result = metric({"placed order", "--by", "week", "--since", "8w"}, 80)
      assert.equal("", result.err)
      local lines = lines_of(result.out)
      assert.equal("Placed Order, count by week, UTC", lines[1])
      assert.matches("^ *%d+ [│|]", lines[3])
      assert.matches("^ *0 [│|]", lines[12])
      assert.matches("%d+%-%d+%-%d+ +%d+%-%d+%-%d+$", lines[13])
      assert.matches("^Total 12  Mean [%d.]+$", lines[15])
      for _, line in ipairs(lines) do
        assert.is_true(chart.width_of(line) <= 80)
      end
    end)

    it("writes the series as records", function()
      local result = metric {"Placed Order", "--by", "day", "--output", "csv"}
      assert.matches("^date,count,sum_value,unique\r\n", result.out)
      local count, value = 0, 0
      for line in result.out:gmatch("\r\n(%d[^\r]*)") do
        local events, sum = line:match(",(%d+),([%d.]+),%d+$")
        count, value = count + events, value + sum
      end
      assert.equal(10, count)  -- of the last 30 days
      assert.equal(55, value)
    end)

    it("adds up by a property", function()
      local result = metric({"Placed Order", "--group-by", "List"}, 80)
      assert.matches("^List +count +sum value +unique\n", result.out)
      assert.matches("\nTotal +10 +55.00", result.out)
      result = metric {"Placed Order", "--group-by", "List", "--output", "json"}
      assert.equal(10, klaviyo.json.decode(result.out)[1].count)
    end)

    it("may be named by its id, and must be one", function()
      local id
      for one in server.client.metrics:each() do
        if one.attributes.name == "Placed Order" then
          id = one.id
        end
      end
      assert.equal(0, metric({id, "--output", "json"}).status)
    end)
  end)
end)
