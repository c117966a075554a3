-- Requests that the engine does not send are counted by take and finish.
local core = require "klaviyo.core"

describe("a request queue", function()
  local number = 0

  local function new(limit)
    number = number + 1
    limit.name = "queue " .. number
    return core.request_queue("https://a.klaviyo.com", assert(core.budget()), { limit })
  end

  it("allows as many requests as the limit, then returns how long to wait", function()
    local request_queue = new { second = 3, minute = 60 }
    for _ = 1, 3 do
      assert.is_number(request_queue:take())
    end
    local when, seconds = request_queue:take()
    assert.is_nil(when)
    assert.is_true(seconds > 0 and seconds <= 1.1, tostring(seconds))
  end)

  it("allows any number of requests without a rate limit", function()
    local request_queue = core.request_queue("https://a.klaviyo.com")
    for _ = 1, 100 do
      local when = request_queue:take()
      assert.is_number(when)
      request_queue:finish(when, 200, "RateLimit-Limit: 1, 1;w=1\r\n")
    end
  end)

  it("is closed for as long as the service asks", function()
    local request_queue = new { second = 3, minute = 60 }
    request_queue:finish(request_queue:take(), 429, "Retry-After: 30\r\n")
    local when, seconds = request_queue:take()
    assert.is_nil(when)
    assert.is_true(seconds > 28 and seconds <= 30, tostring(seconds))
  end)

  -- as for a request of the engine
  it("is closed for a moment after a 429 that names no time", function()
    for _, block in ipairs { "", "Retry-After: 0\r\n" } do
      local request_queue = new { second = 3, minute = 60 }
      request_queue:finish(request_queue:take(), 429, block)
      local when, seconds = request_queue:take()
      assert.is_nil(when)
      assert.is_true(seconds > 0 and seconds <= 0.25, tostring(seconds))
    end
  end)

  it("reads the limits from a response", function()
    local request_queue = new { second = 3, minute = 60 }
    request_queue:finish(request_queue:take(), 200, "RateLimit-Limit: 1, 1;w=1, 15;w=60\r\n")
    local when, seconds = request_queue:take()
    assert.is_nil(when)
    assert.is_true(seconds > 0 and seconds <= 1.1, tostring(seconds))
  end)

  it("finishes a request without a response", function()
    local request_queue = new { second = 1 }
    request_queue:finish(request_queue:take())
    assert.is_nil((request_queue:take()))
  end)

  it("raises for arguments that are not a queue or a time", function()
    local request_queue = new { second = 1 }
    assert.is_false(pcall(request_queue.take, {}))
    assert.is_false(pcall(request_queue.finish, request_queue, "x"))
  end)
end)

describe("a budget", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  it("can be used while no other process keeps its file locked", function()
    local budget = assert(core.budget(path, false))
    assert.is_true(budget:check())
    local lock = assert(core.file_lock(path))
    local ok, why = budget:check()
    assert.is_nil(ok)
    assert.equal("another process does not release its lock", why)
    assert.is_nil(budget:problem()) -- a check changes nothing
    lock:release()
    assert.is_true(budget:check())
  end)

  it("can always be used without a file", function()
    assert.is_true(core.budget():check())
    assert.is_true(core.budget(nil, false):check())
  end)
end)
