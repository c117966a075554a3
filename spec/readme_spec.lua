-- Every snippet of the README is run, in the order in which it is read,
-- against a sandbox that stands in for the service and for the gateway.

local klaviyo = require "klaviyo"

local function snippets(path)
  local list, current = {}, nil
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    if current and line:match("^```") then
      list[#list + 1] = current
      current = nil
    elseif current then
      current.text = current.text .. line .. "\n"
    elseif line:match("^```lua") then
      current = {line = number + 1, text = ""}
    end
  end
  return list
end

local function compile(snippet, env)
  local name = "=README.md:" .. snippet.line
  if setfenv then
    return setfenv(assert(loadstring(snippet.text, name)), env)
  end
  return assert(load(snippet.text, name, "t", env))
end

describe("README.md", function()
  local server, env

  setup(function()
    server = assert(require("klaviyo.sandbox").start {profiles = 250})
    local client = klaviyo.new {
      api_key = server.key, base_url = server.base_url,
    }

    -- klaviyo.new as a reader has it, but for where it leads
    local readers = setmetatable({}, {__index = klaviyo})
    function readers.new(given)
      local own = {
        base_url = server.base_url, api_key = server.key,
        company_id = server.company_id,
      }
      local base = given.base_url or ""
      if base:find("^http://127") then
        return klaviyo.new(given)  -- a sandbox of the snippet's own
      end
      own.base_url = own.base_url .. (base:match("^https://[^/]+(/.*)") or "")
      for name, value in pairs(given) do
        own[name] = own[name] or value
      end
      return klaviyo.new(own)
    end

    env = setmetatable({
      klaviyo = readers,
      client = client,
      print = function() end,
      require = function(name)
        return name == "klaviyo" and readers or require(name)
      end,
      profile_id = client.profiles:first().id,
      list_id = client.lists:first().id,
      flow_id = client.flows:first().id,
      webhook_id = client.webhooks:create({
        name = "for the README", endpoint_url = "https://example.com/",
        secret_key = "0123456789abcdef",
        webhook_topics = {"event:klaviyo.sent_sms"},
      }).data.id,
    }, {__index = _G})
  end)

  teardown(function()
    server:stop()
  end)

  local list = snippets("README.md")

  it("has snippets", function()
    assert.is_true(#list >= 20)
  end)

  for _, snippet in ipairs(list) do
    it("runs the snippet at line " .. snippet.line, function()
      compile(snippet, env)()
    end)
  end
end)
