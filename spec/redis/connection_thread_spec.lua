-- Commands whose input and output a loop thread does while another thread submits
-- them, as in nginx: each spec runs in a process of its own.
local redis_server = require "spec.support.redis_server"
if not redis_server.is_available(pending, "connections to Redis by a loop thread") then
  return
end
local script = require "spec.support.script"

local TOOLS = [[
  local core = require "klaviyo.core"
  local hiredis = require "klaviyo.redis.hiredis"
  assert(hiredis.attach(core.loop_functions()))
  local port = ...
  local completions = core.completion_queue()
  local function open()
    return hiredis.connection {servers = {"127.0.0.1:" .. port}, database = 0,
      connect_timeout = 2, max_reply_bytes = 1e6, max_elements = 10000}
  end
  local stop = core.clock() + 15
  local announced = {}
  local function wait(ticket)
    while not ticket:done() or not announced[ticket:announce()] do
      local serial = completions:take()
      if serial then
        announced[serial] = (announced[serial] or 0) + 1
      end
      assert(core.clock() < stop, "no end")
    end
  end
]]

local function run(text)
  local redis = redis_server.start()
  local output, status = script.run(TOOLS .. text, {args = {redis.port}, timeout = 40})
  redis:close()
  assert.equal(0, status, output)
  return (output:gsub("%s+", " "):gsub(" $", ""))
end

describe("a connection to Redis, by a loop thread", function()
  it("announces each call once", function()
    assert.equal("200 200 0", run [[
      local links, tickets, sum = {}, {}, 0
      for i = 1, 20 do links[i] = open() end
      for i = 1, 200 do
        tickets[i] = links[i % 20 + 1]:submit({{"INCR", "n"}}, 10, completions)
      end
      for _, ticket in ipairs(tickets) do
        wait(ticket)
        local replies = {}
        assert(ticket:result(replies))
        sum = math.max(sum, replies[1])
      end
      local count = 0
      for _, times in pairs(announced) do count = count + times end
      print(sum, count, completions:size())
    ]])
  end)

  it("sends parts, and neither cancelled calls nor collected ones", function()
    assert.equal("3000 false 0", run [[
      local list = {}
      for i = 1, 3000 do list[i] = {"INCR", "n"} end
      local link, replies = open(), {}
      local ticket, next_part = link:submit(list, 10, completions)
      local others = {}
      for i = 1, 50 do
        others[i] = link:submit({{"INCR", "never"}}, 10, completions)
        open():submit({{"PING"}}, 10, completions)
      end
      for _, other in ipairs(others) do
        other:close()
      end
      others = nil
      collectgarbage()
      collectgarbage()
      repeat
        announced = {}
        wait(ticket)
        assert(ticket:result(replies))
        next_part = next_part and ticket:submit(list, next_part)
      until #replies == 3000
      local last = link:submit({{"GET", "never"}}, 10, completions)
      wait(last)
      last:result(replies)
      link:close()
      while completions:size() > 0 do completions:take() end
      print(replies[3000], replies[3001], completions:size())
    ]])
  end)

  it("fails what is submitted when it was closed, or not in time", function()
    assert.equal("timeout closed closed", run [[
      local kinds, link = {}, open()
      local slow = link:submit({{"BLPOP", "none", "60"}}, 0.1, completions)
      wait(slow)
      kinds[1] = select(2, slow:result {})
      local cut = link:submit({{"BLPOP", "none", "60"}}, 10, completions)
      link:close()
      wait(cut)
      kinds[2] = select(2, cut:result {})
      local late = link:submit({{"PING"}}, 10, completions)
      kinds[3] = late:done() and select(2, late:result {})
      print((table.unpack or unpack)(kinds))
    ]])
  end)
end)
