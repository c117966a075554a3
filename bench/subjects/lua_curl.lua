--- The workloads of the benchmark with lua-curl: libcurl's easy interface.

local curl = require "curl"
local measure = require "subjects.measure"
local plain = require "subjects.plain"

local function lines(headers)
  local list = {}
  for name, value in pairs(headers) do
    list[#list + 1] = name .. ": " .. value
  end
  return list
end

local parts
local function prepared(headers)
  local easy = curl.easy_init()
  easy:setopt(curl.OPT_HTTPHEADER, lines(headers))
  easy:setopt(curl.OPT_NOSIGNAL, 1)
  easy:setopt(curl.OPT_WRITEFUNCTION, function(data)
    parts[#parts + 1] = data
    return #data
  end)
  return easy
end

local getter, poster = prepared(plain.headers), prepared(plain.body_headers)
poster:setopt(curl.OPT_POST, 1)

-- lua-curl has no getinfo for the status: FAILONERROR replaces it.
getter:setopt(curl.OPT_FAILONERROR, 1)
poster:setopt(curl.OPT_FAILONERROR, 1)

local function ask(method, url, body)
  local easy = method == "GET" and getter or poster
  parts = {}
  easy:setopt(curl.OPT_URL, url)
  if body then
    easy:setopt(curl.OPT_POSTFIELDS, body)
    easy:setopt(curl.OPT_POSTFIELDSIZE, #body)
  end
  assert(easy:perform())
  return body and 202 or 200, table.concat(parts)
end

local workloads = plain.workloads(arg[3], ask)
workloads.first = workloads.get
measure(workloads, require("socket").gettime)
