-- Printing a table of this library never prints a key.
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raw = require "spec.support.raw"
local script = require "spec.support.script"

-- Finds a text in a value's tables and metatables, their keys and values.
-- The upvalues of functions are not searched: printers cannot read them.
local function find(value, text, path, visited)
  if type(value) == "string" then
    return value:find(text, 1, true) and path or nil
  elseif type(value) ~= "table" or visited[value] then
    local shown = type(value) == "userdata" and tostring(value) or ""
    return shown:find(text, 1, true) and path or nil
  end
  visited[value] = true
  local found = tostring(value):find(text, 1, true) and path .. ":tostring"
  local meta = debug.getmetatable(value)
  found = found or meta and find(meta, text, path .. ":meta", visited)
  for name, member in next, value do
    found = found or find(name, text, path .. ".{key}", visited)
      or find(member, text, path .. "." .. tostring(name), visited)
  end
  return found
end

local function reach(value)
  return find(value, key, "it", {})
end

describe("the key is not in what a program can print:", function()
  local PAGE = '{"data":[{"type":"list","id":"%d"}],'
    .. '"links":{"next":"https://a.klaviyo.com/api/lists?page%%5Bcursor%%5D=%d"}}'
  local server, options

  setup(function()
    local answers = {}
    for i = 1, 50 do
      answers[i] = { headers = { ["Content-Type"] = "application/vnd.api+json" }, body = PAGE:format(i, i) }
    end
    server = raw.start { answers = answers }
    options = { api_key = key, base_url = "http://127.0.0.1:" .. server.port, proxy = "", pacing = false,
      rate_limit_file = false, company_id = "ABC123", headers = { ["X-Copy"] = key }, on_warning = function() end }
  end)

  teardown(function()
    server:stop()
  end)

  it("the search finds a key", function()
    assert.equal("it.a.b", reach { a = { b = "x" .. key } })
    assert.equal("it.{key}", reach { [key] = true })
    assert.equal("it:meta.__index.x", reach(setmetatable({}, { __index = { x = key } })))
  end)

  it("a client, its resources, client.public and the library", function()
    local client = klaviyo.new(options)
    client.profiles.list = client.profiles.list
    for name, value in pairs { client = client, profiles = client.profiles, relation = client.lists:at("1").profiles,
      at = client.lists:at("1"), public = client.public, events = client.public.events, library = klaviyo,
      with = client:with { timeout = 1 }, as = client:as { api_key = key .. "2" }, stats = client:stats() } do
      assert.is_nil(reach(value), name)
    end
  end)

  it("an iterator, before, during and after its loop", function()
    local client = klaviyo.new(options)
    for name, loop in pairs {
      each = function() return client.lists:each() end,
      pages = function() return client.lists:pages() end,
      limited = function() return client:each("get_lists", { limit = 3 }) end,
      ids = function() return client:ids("get_lists") end,
    } do
      local it = loop()
      assert.is_nil(reach(it), name)
      assert(it:next())
      assert.is_nil(reach(it), name) -- the next page is requested
      it:close()
      assert.is_nil(reach(it), name)
    end
  end)

  it("a document, an error, and an iterator of map", function()
    local client = klaviyo.new(options)
    local doc = assert(client.lists:list())
    assert.is_nil(reach(doc))
    assert.is_nil(reach(doc.response))
    local _, err = client:with({ base_url = "http://127.0.0.1:1", retries = 0 }).lists:list()
    assert.is_nil(reach(err))
    local loop = client:map({ 1, 2, 3 }, function(item) return client.lists:list(), item end)
    assert(loop())
    assert.is_nil(reach(loop))
  end)

  it("a task and an iterator of map whose requests are in progress", function()
    local silent = raw.start { answers = { { never = true } } }
    local client = klaviyo.new(options):with { base_url = "http://127.0.0.1:" .. silent.port, retries = 0 }
    klaviyo.run(function()
      local loop = client:map({ 1, 2 }, function() return client.lists:list() end)
      local consumer = klaviyo.spawn(function() return pcall(loop) end)
      local task = klaviyo.spawn(function() return pcall(client.lists.list, client.lists) end)
      klaviyo.sleep(0.05)
      for name, value in pairs { loop = loop, consumer = consumer, task = task } do
        assert.is_nil(reach(value), name)
      end
      assert.is_false(consumer.done)
      assert.is_false(task.done)
      loop:close()
      consumer:cancel()
      task:cancel()
    end)
    silent:stop()
  end)

  it("an outbox", function()
    local ok, outboxes = pcall(require, "klaviyo.outbox")
    if not ok then
      return pending("the outbox is not built")
    end
    local dir = script.shell("mktemp -d"):match("[^\n]+")
    local outbox = assert(outboxes.new { path = dir .. "/box" })
    local client = klaviyo.new(options):with { outbox = outbox }
    assert(client.events:track { metric = "M", profile = { email = "a@example.com" }, properties = { n = 1 } })
    assert.is_nil(reach(outbox))
    outbox:drain(0.2, client)
    assert.is_nil(reach(outbox))
    assert.is_nil(reach(client))
    outbox:close(0)
    script.shell("rm -rf " .. dir)
  end)

  it("a gateway", function()
    local gateway = require("klaviyo.gateway").new { api_key = key, callers = function() return true end }
    assert.is_nil(reach(gateway))
    assert.is_nil(reach(require "klaviyo.gateway"))
  end)
end)
