-- client:rate_limits: what is used of the limits, as all processes count it.
local connect = require "spec.support.connect"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"

describe("client:rate_limits", function()
  local folders = folder.here(teardown)
  local dir, names = nil, 0

  setup(function()
    dir = folders.new()
  end)

  local function settings(more)
    names = names + 1
    local list = {pacing = true, rate_limit_key = "account " .. names, rate_limit_file = dir .. "/file"}
    for name, value in pairs(more or {}) do
      list[name] = value
    end
    return list
  end

  -- Returns the use of the longest window of each limit that has one, by operation
  -- or parameter. That of a second may be over when it is read.
  local function used(client)
    local found = {}
    for _, limit in ipairs(assert(client:rate_limits())) do
      local last = limit.windows[#limit.windows]
      if last.used + last.others > 0 then
        found[limit.operation or limit.parameter or "gateway"] =
          ("%d+%d/%d in %d"):format(last.used, last.others, last.limit, last.seconds)
      end
    end
    return found
  end

  local function answer(headers)
    return {answers = {{body = '{"data":[]}', headers = headers}}}
  end

  it("has each operation that has limits, and nothing used at first", function()
    local client = connect("http://127.0.0.1:9", settings())
    local list = assert(client:rate_limits())
    local by_name = {}
    for i, limit in ipairs(list) do
      by_name[limit.operation or limit.parameter] = limit
      assert.equal(0, limit.wait)
      assert.is_true(i == 1 or list[i - 1].operation ~= limit.operation or limit.parameter ~= nil)
    end
    assert.same({
      operation = "get_metrics", wait = 0,
      windows = {
        {seconds = 1, limit = 10, used = 0, others = 0}, {seconds = 60, limit = 150, used = 0, others = 0},
      },
    }, by_name.get_metrics)
    assert.equal(1, by_name["additional-fields[list]=profile_count"].windows[1].limit)
    assert.is_nil(by_name.create_client_event)
    assert.same({}, used(client))
  end)

  it("counts the calls of every process, and adds no records itself", function()
    local server = raw.start(answer())
    local shared = settings()
    local client = connect(server.url, shared)
    for _ = 1, 3 do
      assert(client.metrics:list())
    end
    assert(client.lists:get("LIST", {additional_fields = {list = {"profile_count"}}}))
    server:stop()
    local function size()
      local file = assert(io.open(dir .. "/file", "rb"))
      local bytes = file:seek("end")
      file:close()
      return bytes
    end
    local before = size()
    local other = connect("http://127.0.0.1:9", shared)
    for _ = 1, 20 do
      assert.same({
        get_metrics = "3+0/150 in 60",
        get_list = "1+0/700 in 60",
        ["additional-fields[list]=profile_count"] = "1+0/15 in 60",
      }, used(other))
    end
    assert.equal(before, size())
    assert.same({}, used(connect("http://127.0.0.1:9", settings())))
  end)

  it("has the limits that the service reports, and the requests of other machines", function()
    local server = raw.start(answer {
      ["RateLimit-Limit"] = "10, 10;w=1, 200;w=60", ["RateLimit-Remaining"] = "190", ["RateLimit-Reset"] = "40",
    })
    local client = connect(server.url, settings())
    assert(client.metrics:list())
    assert.same({get_metrics = "1+9/200 in 60"}, used(client))
    server:stop()
  end)

  it("says how long the service blocks an operation", function()
    local server = raw.start {
      answers = {{status = 429, headers = {["Retry-After"] = "30"}, body = '{"errors":[]}'}},
    }
    local client = connect(server.url, settings {deadline = 5})
    assert.is_nil((client.metrics:list()))
    server:stop()
    for _, limit in ipairs(client:rate_limits()) do
      if limit.operation == "get_metrics" then
        assert.is_true(limit.wait > 25 and limit.wait <= 30, limit.wait)
      else
        assert.equal(0, limit.wait)
      end
    end
  end)

  it("has the limits of a gateway last", function()
    local server = raw.start(answer())
    local client = connect(server.url, settings {pacing = {per_second = 7, per_day = 99}})
    assert(client.metrics:list())
    server:stop()
    local list = client:rate_limits()
    local last = list[#list]
    assert.is_nil(last.operation or last.parameter)
    assert.equal(7, last.windows[1].limit)
    assert.same({seconds = 86400, limit = 99, used = 1, others = 0}, last.windows[2])
    assert.is_nil(last.windows[3])
  end)

  it("counts for one process without a file", function()
    local server = raw.start(answer())
    local client = connect(server.url, settings {rate_limit_file = false})
    assert(client.metrics:list())
    server:stop()
    assert.same({get_metrics = "1+0/150 in 60"}, used(client))
  end)

  it("names the file, and why it cannot be used", function()
    local client = connect("http://127.0.0.1:9", settings())
    local list = client:rate_limits()
    assert.equal(dir .. "/file", list.file)
    assert.is_nil(list.problem)
    list = client:with({rate_limit_file = dir .. "/none/file"}):rate_limits()
    assert.equal(dir .. "/none/file", list.file)
    assert.matches("No such file", list.problem)
    assert.is_true(#list > 100)
    list = client:with({rate_limit_file = false}):rate_limits()
    assert.is_nil(list.file)
    assert.is_nil(list.problem)
  end)

  it("returns the error of a function that has no key", function()
    local client = klaviyo.new {api_key = function() return nil, "the vault is closed" end, rate_limit_file = false}
    local limits, err = client:rate_limits()
    assert.is_nil(limits)
    assert.equal("auth", err.kind)
    assert.matches("the vault is closed", err.message)
  end)
end)
