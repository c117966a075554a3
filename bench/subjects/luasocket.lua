--- The workloads of the benchmark with LuaSocket, which opens a connection for each call.

local http = require "socket.http"
local ltn12 = require "ltn12"
local measure = require "subjects.measure"
local plain = require "subjects.plain"

local function ask(method, url, body)
  local parts, headers = {}, plain.headers
  if body then
    headers = {["Content-Length"] = #body}
    for name, value in pairs(plain.body_headers) do
      headers[name] = value
    end
  end
  local _, status = assert(http.request {
    method = method, url = url, headers = headers, source = body and ltn12.source.string(body),
    sink = ltn12.sink.table(parts),
  })
  return status, table.concat(parts)
end

local workloads = plain.workloads(arg[3], ask)
workloads.first = workloads.get
measure(workloads, require("socket").gettime)
