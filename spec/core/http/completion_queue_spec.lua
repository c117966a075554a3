-- The listener of a completion queue, as in nginx: a socket that tells it when
-- there are completions to take. Each spec runs in a process of its own: one
-- that has created a queue keeps its background thread.
local raw = require "spec.support.raw"
local script = require "spec.support.script"

local TOOLS = [[
local core = require "klaviyo.core"
local engine = require "spec.support.engine"
local unix = require "socket.unix"
local url = (...)
local queue = core.completion_queue()

local function submit()
  return core.submit(engine.settings(), engine.request_queue(url), "GET", url .. "/", nil, true, queue)
end

-- Connects the listener, in this process.
local function connect()
  local address = assert(queue:listen())
  local reader = (unix.stream or unix)()
  assert(reader:connect(assert(address:match("^unix:(/.*)$"))))
  assert(queue:accept())
  reader:settimeout(5)
  return reader
end

local function drain()
  return engine.drain(queue, 0)
end

-- Returns the bytes that arrive within a moment.
local function bytes(reader)
  reader:settimeout(0.1)
  local all, why, part = reader:receive(64)
  reader:settimeout(5)
  return all or part, why
end
]]

local function run(text, plan, options)
  raw.with(plan or { answers = { { body = "{}" } } }, function(server)
    options = options or {}
    options.args = { server.url }
    local output, status = script.run(TOOLS .. text, options)
    assert.message(output).equal(0, status)
    assert.equal("", output)
  end)
end

describe("the listener of a completion queue", function()
  it("receives one byte when there is a completion, and no other until it is acknowledged", function()
    run [[
      local reader = connect()
      assert(bytes(reader) == "")
      local tickets = { submit(), submit(), submit() }
      for _, ticket in ipairs(tickets) do
        while not ticket:done() do core.clock() end
      end
      assert(bytes(reader) == "n")
      assert(#drain() == 3 and #drain() == 0)
      assert(bytes(reader) == "n")  -- as others were left
      queue:acknowledge()
      local another = submit()
      assert(reader:receive(1) == "n")
      assert(#drain() == 1 and another:done())
    ]]
  end)

  it("receives one byte for the completions that are left, until they are taken in their order", function()
    run [[
      local reader = connect()
      local serials = {}
      for i = 1, 20 do
        local ticket = submit()
        serials[i] = ticket:announce()
        while not ticket:done() do core.clock() end
      end
      for i, serial in ipairs(serials) do
        if i % 3 == 1 then  -- the first, and two others: a turn of nginx's event loop
          assert(bytes(reader) == "n")
          queue:acknowledge()
        end
        assert(queue:size() == 21 - i)
        local taken, more = queue:take()
        assert(taken == serial and more == (i < 20))
      end
      assert(queue:take() == nil and select(2, queue:take()) == false)
      assert(queue:size() == 0)
      queue:acknowledge()
      assert(bytes(reader) == "n" and bytes(reader) == "")  -- sent when 19 was taken
    ]]
  end)

  it("receives a byte at once for completions from before it connected", function()
    run [[
      local ticket = submit()
      while not ticket:done() do core.clock() end
      local reader = connect()
      assert(queue:take() == ticket:announce())
      assert(reader:receive(1) == "n")  -- which does not tell it to leave
    ]]
  end)

  it("can be asked to stop after a byte was sent", function()
    run [[
      local reader = connect()
      queue:request_stop()
      queue:request_stop()
      assert(bytes(reader) == "ll")
    ]]
  end)

  it("is asked to stop when the queue was idle for the timeout", function()
    run [[
      local reader = connect()
      queue:set_idle_timeout(0.5)
      local ticket = submit()  -- the thread looks after it from now on
      assert(reader:receive(1) == "n")
      assert(#drain() == 1)
      local began = core.clock()
      assert(reader:receive(1) == "l")
      assert(core.clock() - began < 3, core.clock() - began)
      assert(#drain() == 0)
    ]]
  end)

  it("reads the end of the stream when the queue disconnects or is closed", function()
    run [[
      local reader = connect()
      queue:disconnect()
      assert(select(2, reader:receive(1)) == "closed")
      queue:request_stop()  -- to nobody
      reader = connect()
      queue = nil
      collectgarbage()
      collectgarbage()
      assert(select(2, reader:receive(1)) == "closed")
      assert(core.completion_queues() == 0)
    ]]
  end)

  it("can connect again: there is one at a time", function()
    run [[
      local first = connect()
      local second = connect()
      assert(select(2, first:receive(1)) == "closed")
      queue:request_stop()
      assert(bytes(second) == "l")
    ]]
  end)

  it("leaves no file behind", function()
    run [[
      local address = assert(queue:listen())
      local folder = address:match("^unix:(.*)/engine$") -- where there is no O_PATH
      local reader = (unix.stream or unix)()
      assert(reader:connect(assert(address:match("^unix:(/.*)$"))))
      assert(not folder or io.open(folder))
      assert(queue:accept())
      assert(not folder or not io.open(folder))
      folder = assert(queue:listen()):match("^unix:(.*)/engine$")
      queue:disconnect()
      assert(not folder or not io.open(folder))
    ]]
  end)

  it("is this process; other processes are rejected", function()
    run([[
      local reader = (unix.stream or unix)()
      local path = assert(queue:listen()):match("^unix:(/.*)$")
      local stat = assert(io.open("/proc/self/stat"))
      local pid = stat:read("*l"):match("^%d+")
      stat:close()
      local other = io.popen(("%s -e 'local unix = require \"socket.unix\"; local s = (unix.stream or unix)(); " ..
        "print(s:connect(\"%s\")) io.stdout:flush() print((select(2, s:receive(1))))'"):format(
        os.getenv("LUA"), (path:gsub("self", pid))))
      assert(other:read("*l"):find("^1"), "the other could not connect")
      local ok, why = queue:accept()
      assert(not ok and type(why) == "string", tostring(ok) .. tostring(why))
      assert(other:read("*l") == "closed")
      other:close()
      -- and the listening socket is closed
      assert(not reader:connect(path), "the door is open")
      connect()
    ]], nil, { env = { LUA = script.interpreter } })
  end)
end)

-- Returns what a script prints when a directory is not writable; nil if that
-- cannot be arranged.
local function without(folder, text)
  local hide = ("mount --bind %s %s && mount -o remount,ro,bind %s && exec "):format(folder, folder, folder)
  for _, unshare in ipairs { "unshare -m sh -c ", "unshare -rm sh -c " } do
    local _, status = script.shell(unshare .. script.quote(hide .. "true"))
    if status == 0 then
      return (script.shell(unshare .. script.quote(hide .. script.interpreter .. " -e " .. script.quote(text))))
    end
  end
end

describe("a completion queue", function()
  it("can listen even if /tmp is not writable", function()
    local output = without("/tmp", [[
      local queue = require("klaviyo.core").completion_queue()
      print(io.open("/tmp/klaviyo-spec", "w") == nil, queue:listen())
    ]])
    if not output then
      return pending("worlds of one's own")
    end
    local address = output:match("^true\tunix:(%S+)\n$")
    -- without O_PATH (make portable), the file remains until it is accepted
    assert.is_truthy(address:find("^/proc/self/fd/%d+$")
      or address:find("^/dev/shm/klaviyo%-%w+/engine$"), address)
  end)
end)
