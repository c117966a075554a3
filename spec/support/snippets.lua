-- Runs the Lua snippets of a Markdown file as a reader would, except that they
-- call a sandbox in place of the service or a gateway.

local klaviyo = require "klaviyo"

local M = {}

--- Returns the snippets of a file, in order.
---@return {line: integer, text: string}[]
function M.of(path)
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
      current = {path = path, line = number + 1, text = ""}
    end
  end
  return list
end

--- Returns a snippet as a function.
function M.compile(snippet, env)
  local name = ("=%s:%d"):format(snippet.path, snippet.line)
  if setfenv then
    return setfenv(assert(loadstring(snippet.text, name)), env)
  end
  return assert(load(snippet.text, name, "t", env))
end

-- klaviyo.new with the sandbox's address and key.
local function readers_klaviyo(server)
  local readers = setmetatable({}, {__index = klaviyo})
  function readers.new(settings)
    local own = {
      base_url = server.base_url, api_key = server.key,
      company_id = server.company_id,
    }
    local base = settings.base_url or ""
    if base:find("^http://127") then
      return klaviyo.new(settings)  -- a sandbox of the snippet's own
    end
    own.base_url = own.base_url .. (base:match("^https://[^/]+(/.*)") or "")
    for name, value in pairs(settings) do
      own[name] = own[name] or value
    end
    return klaviyo.new(own)
  end
  return readers
end

--- Returns the globals of snippets: `klaviyo`, `client`, and ids of existing resources.
---@param server table  a sandbox with profiles
function M.environment(server)
  local readers = readers_klaviyo(server)
  local client = klaviyo.new {
    api_key = server.key, base_url = server.base_url,
    company_id = server.company_id,
  }
  return setmetatable({
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
      name = "for a snippet", endpoint_url = "https://example.com/",
      secret_key = "0123456789abcdef",
      webhook_topics = {"event:klaviyo.sent_sms"},
    }).data.id,
  }, {__index = _G})
end

return M
