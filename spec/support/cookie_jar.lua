--- A visitor with cookies, by curl. It follows no redirect by itself.
---
---     local visitor = cookie_jar.new(dir .. "/cookies")
---     local page = visitor:get(url)               -- status, headers, body, location
---     page = visitor:post(url, {id = "AbC123"})   -- a form

local percent_encoding = require "klaviyo.util.percent_encoding"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Visitor = {}
Visitor.__index = Visitor

--- Returns a visitor whose cookies are in a file.
---@param path string
function M.new(path)
  return setmetatable({path = path}, Visitor)
end

local function request(self, url, more)
  local path = shell.quote(self.path)
  local ok, text = shell.run(("curl -sS -i -g -m 30 --noproxy '*' -H Expect: -b %s -c %s %s %s")
    :format(path, path, more, shell.quote(url)))
  assert(ok, text)
  local head, body = text:match("^(.-)\r\n\r\n(.*)$")
  local page = {status = tonumber(head:match("^HTTP/%S+ (%d+)")), headers = {}, cookies = {}, body = body}
  for name, value in head:gmatch("\r\n([^:\r]+): *([^\r]*)") do
    page.headers[name:lower()] = value
    if name:lower() == "set-cookie" then
      page.cookies[#page.cookies + 1] = value
    end
  end
  page.location = page.headers.location
  return page
end

--- Opens a page.
---@param url string
function Visitor:get(url)
  return request(self, url, "")
end

--- Sends a form.
---@param url string
---@param fields table<string, string>|string  or encoded already
function Visitor:post(url, fields)
  local parts = {}
  if type(fields) == "string" then
    parts[1] = fields
  else
    for name, value in pairs(fields) do
      parts[#parts + 1] = name .. "=" .. percent_encoding.encode(value)
    end
  end
  return request(self, url, "--data " .. shell.quote(table.concat(parts, "&")))
end

return M
