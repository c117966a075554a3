--- The same requests by libcurl alone: bench/bare.c, built where it is asked
--- for, and what both sides need to be told.

local M = {}

local function quoted(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function build()
  local path = os.getenv("BARE")
  assert(path and path ~= "", "make bench sets BARE, the path of the built bench/bare.c")
  return path
end

-- The header fields of a request as the client would send it.
local function fields(request)
  local list = {}
  for name, value in pairs(request.headers) do
    list[#list + 1] = quoted(name .. ": " .. value)
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function run(words)
  local pipe = assert(io.popen(build() .. " " .. table.concat(words, " ")))
  local line = pipe:read("*a")
  pipe:close()
  local good, bytes, seconds, connections = line:match("^(%d+) (%d+) ([%d.]+) (%d+)\n$")
  assert(good, "bare said: " .. line)
  return {
    good = tonumber(good), bytes = tonumber(bytes), seconds = tonumber(seconds),
    connections = tonumber(connections),
  }
end

--- Sends the same request many times, many at a time.
---@param request table as client:build gives it
---@return {good: integer, bytes: integer, seconds: number, connections: integer}
function M.posts(request, count, in_flight, ca_file)
  local body = os.tmpname()
  local file = assert(io.open(body, "wb"))
  file:write(request.body)
  file:close()
  local result = run { "posts", quoted(request.url), count, in_flight, quoted(ca_file), body, fields(request) }
  os.remove(body)
  return result
end

--- Fetches pages, each by the link in the one before.
---@return {good: integer, bytes: integer, seconds: number, connections: integer}
function M.pages(request, count, ca_file)
  return run { "pages", quoted(request.url), count, quoted(ca_file), fields(request) }
end

--- The middle one of figures.
---@param list number[]
---@return number
function M.median(list)
  table.sort(list)
  local middle = (#list + 1) / 2
  return (list[math.floor(middle)] + list[math.ceil(middle)]) / 2
end

return M
