--- The measured clients: their commands, and whether they are installed.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local quote = shell.quote

local function line_of(command)
  local ok, text = shell.run(command)
  return ok and text:match("^%s*([^\n]*)") or nil
end

local function package_version(name)
  local version = line_of("dpkg-query -W -f='${Version}' " .. name)
  return version and version ~= "" and version or nil
end

local HEADERS = {
  "User-Agent: bench", "Accept: application/vnd.api+json", "revision: 2024-10-15",
  "Authorization: Klaviyo-API-Key pk_bench",
}

local PATHS = {
  get = "/api/profiles/one", first = "/api/profiles/one", post = "/api/events", posts = "/api/events",
  page = "/api/profiles?page%5Bsize%5D=100", iterate = "/api/profiles?page%5Bsize%5D=100", decode = "/page.json",
}

-- Returns the command of the loop in C: its arguments are the URL, the body and the header fields.
local function bare(root, name)
  return function(workload, count, base, server)
    local words = {quote(root .. "/build/bench/" .. name), workload, count, quote(base .. PATHS[workload]),
      quote(server.ca_file)}
    local has_body = PATHS[workload] == "/api/events"
    words[#words + 1] = quote(has_body and server.body_file or "")
    for _, field in ipairs(HEADERS) do
      words[#words + 1] = quote(field)
    end
    if has_body then
      words[#words + 1] = quote("Content-Type: application/vnd.api+json")
    end
    return table.concat(words, " ")
  end
end

local function script(root, lua, name)
  return function(workload, count, base, server)
    return ("LUA_PATH=%s LUA_CPATH=%s %s %s %s %d %s %s"):format(
      quote(("%s/lua/?.lua;%s/lua/?/init.lua;%s/bench/?.lua;;"):format(root, root, root)),
      quote(("%s/build/%s/?.so;;"):format(root, lua)), lua, quote(("%s/bench/subjects/%s.lua"):format(root, name)),
      workload, count, quote(base), quote(server.ca_file))
  end
end

local function node(root)
  return function(workload, count, base, server)
    return ("NODE_PATH=%s NODE_EXTRA_CA_CERTS=%s node %s %s %d %s"):format(
      quote(root .. "/build/bench/node/node_modules"), quote(server.ca_file),
      quote(root .. "/bench/subjects/klaviyo_api.js"), workload, count, quote(base))
  end
end

-- Returns a function that is true for all workloads except those that are named.
local function all_but(...)
  local names = {raw = true, only = true}
  for _, name in ipairs {...} do
    names[name] = true
  end
  return function(workload)
    return not names[workload]
  end
end

local function all()
  return true
end

--- Returns all clients, in the order of the tables and charts:
---   kind    "ours", "reference" or "peer"
---   reference  the subject that it is compared with, of the same Lua
---   share   the part of a workload's count that it runs, if it is slow
---   does    whether it can run a workload
---   missing why it cannot be measured
---@param root string  of the checkout
function M.list(root)
  local jit = "LuaJIT"
  local list = {}
  for _, title in ipairs {"Lua 5.4", jit} do
    list[#list + 1] = {name = "klaviyo, " .. title, kind = "ours", version = require "klaviyo.version",
      command = script(root, title == jit and "luajit" or "lua5.4", "klaviyo"), does = all,
      reference = "libcurl + cjson, " .. title}
  end
  list[#list + 1] = {name = "libcurl", kind = "reference", command = bare(root, "bare"), does = all_but "decode",
    version = line_of("pkg-config --modversion libcurl")}
  for _, title in ipairs {"Lua 5.4", jit} do
    list[#list + 1] = {name = "libcurl + cjson, " .. title, kind = "reference", does = all_but(),
      command = bare(root, title == jit and "bare-luajit" or "bare-lua5.4"), version = package_version "lua-cjson"}
  end
  local function peer(name, module, file, package, does)
    local is_there = shell.run(("luajit -e 'require %q'"):format(module))
    list[#list + 1] = {name = name, kind = "peer", command = script(root, "luajit", file),
      version = package_version(package), reference = "libcurl + cjson, " .. jit, does = does,
      missing = not is_there and ("not installed: make bench-setup, or apt-get install " .. package) or nil}
  end
  peer("lua-curl", "curl", "lua_curl", "lua-curl", all_but("decode", "tls", "posts"))
  peer("lua-http", "http.client", "lua_http", "lua-http", all_but "decode")
  peer("LuaSocket", "socket.http", "luasocket", "lua-socket", all_but("decode", "tls", "posts"))
  list[#list].share = 0.3
  local manifest = shell.read(root .. "/build/bench/node/node_modules/klaviyo-api/package.json")
  list[#list + 1] = {name = "klaviyo-api (node)", kind = "peer", command = node(root), share = 0.25, does = all_but(),
    version = manifest and manifest:match('"version":%s*"([^"]*)"'), reference = "libcurl + cjson, " .. jit,
    missing = not (manifest and shell.run "node --version") and "not installed: make bench-setup" or nil}
  return list
end

--- Runs a workload once.
---@param task string  what the client does: the name of the workload or of another
---@return table<string, number>|nil figures  the times are those of a response
---@return string|nil error
function M.run(subject, workload, task, server)
  local count = math.max(1, math.floor(workload.count * (subject.share or 1)))
  local command = subject.command(task, count, workload.base(server), server)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  local good, cpu, wall, peak, rss = text:match("^(%d+) ([%d.]+) ([%d.]+) (%d+) (%d+)\n$")
  if tonumber(good) ~= count then
    return nil, text:sub(1, 300)
  end
  return {cpu_us = cpu / count * 1e6, wall_us = wall / count * 1e6, peak_kb = tonumber(peak), rss_kb = tonumber(rss)}
end

return M
