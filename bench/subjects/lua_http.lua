--- The workloads of the benchmark with lua-http: one reused connection; concurrent
--- requests in coroutines, each with its own connection (as streams of one HTTP/2
--- connection they stop after a few hundred requests).

local cqueues = require "cqueues"
local http_client = require "http.client"
local http_headers = require "http.headers"
local openssl_ctx = require "openssl.ssl.context"
local measure = require "subjects.measure"
local plain = require "subjects.plain"

local CONCURRENCY = 100

local scheme, authority = arg[3]:match("^(%w+)://([^/]+)")
local host, port = authority:match("^(.*):(%d+)$")

local function context()
  local made = require("http.tls").new_client_context()
  local store = require("openssl.x509.store").new()
  store:add(arg[4])
  made:setStore(store)
  made:setVerify(openssl_ctx.VERIFY_PEER)
  return made
end

local tls = scheme == "https" and context()

local function connect()
  return assert(http_client.connect {
    host = host, port = tonumber(port), tls = tls ~= false, ctx = tls or nil, version = 1.1,
  })
end

local connection

local function ask(method, url, body, own)
  local headers = http_headers.new()
  headers:append(":method", method)
  headers:append(":scheme", scheme)
  headers:append(":authority", authority)
  headers:append(":path", url:match("^%w+://[^/]+(.*)"))
  for name, value in pairs(body and plain.body_headers or plain.headers) do
    headers:append(name:lower(), value)
  end
  if body then
    headers:append("content-length", tostring(#body))
  end
  if not own then
    connection = connection or connect()
    own = connection
  end
  local stream = assert(own:new_stream())
  assert(stream:write_headers(headers, body == nil))
  if body then
    assert(stream:write_body_from_string(body))
  end
  local response = assert(stream:get_headers())
  local text = assert(stream:get_body_as_string())
  stream:shutdown()
  return tonumber(response:get(":status")), text
end

local workloads = plain.workloads(arg[3], ask)
workloads.first = workloads.get

function workloads.posts(count)
  local loop = cqueues.new()
  local number, good = 0, 0
  for _ = 1, CONCURRENCY do
    loop:wrap(function()
      local own = connect()
      while number < count do
        number = number + 1
        local status = ask("POST", arg[3] .. "/api/events", workloads.event(number), own)
        good = good + (status == 202 and 1 or 0)
      end
    end)
  end
  assert(loop:loop())
  return good
end

measure(workloads, cqueues.monotime)
