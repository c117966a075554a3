local assert = require "luassert"
local cjson = require "cjson"
local key = require "spec.support.key"
local script = require "spec.support.script"

local quote = script.quote

local JSON = "application/vnd.api+json"

--- Sends a request by curl; the response must not contain the key of the specs.
---@param server {base_url: string}
---@param options {path: string, target: string, token: string|false, method: string, headers: table, body: string}
---  `path` is relative to /klaviyo, `target` is not
---@return {status: integer, headers: table, body: string, document: table|nil}
return function(server, options)
  local words = { "curl -sS -i -g --path-as-is -m 20 --noproxy '*' -H 'Expect:'" }
  local function field(text)
    words[#words + 1] = "-H " .. quote(text)
  end
  if options.token ~= false then
    field("Authorization: Bearer " .. (options.token or "demo"))
  end
  for name, value in pairs(options.headers or {}) do
    field(name .. (value == "" and ";" or ": " .. value))
  end
  if options.body then
    if not (options.headers or {})["Content-Type"] then
      field("Content-Type: " .. JSON)
    end
    words[#words + 1] = "--data-binary " .. quote(options.body)
  end
  if options.method then
    words[#words + 1] = "-X " .. options.method
  end
  words[#words + 1] = quote(server.base_url .. (options.target or "/klaviyo" .. options.path))
  local text, status = script.shell(table.concat(words, " "))
  assert.equal(0, status, text)
  local head, body = text:match("^(.-)\r\n\r\n(.*)$")
  assert.is_nil(text:find(key, 1, true), "the key is in an answer")
  local answer = { status = tonumber(head:match("^HTTP/%S+ (%d+)")), headers = {}, body = body }
  for name, value in head:gmatch("\r\n([^:\r]+): *([^\r]*)") do
    answer.headers[name:lower()] = value
  end
  answer.document = body:find("^{") and cjson.decode(body) or nil
  return answer
end
