--- Who is measured: what to run, and whether it is there.

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
  page = "/api/profiles?page%5Bsize%5D=100", walk = "/api/profiles?page%5Bsize%5D=100",
}

-- A loop in C: it takes the whole URL, the body and the header fields.
local function bare(root, name)
  return function(work, count, base, server)
    local words = {quote(root .. "/build/bench/" .. name), work, count, quote(base .. PATHS[work]),
      quote(server.ca_file)}
    local has_body = PATHS[work] == "/api/events"
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
  return function(work, count, base, server)
    return ("LUA_PATH=%s LUA_CPATH=%s %s %s %s %d %s %s"):format(
      quote(("%s/lua/?.lua;%s/lua/?/init.lua;%s/bench/?.lua;;"):format(root, root, root)),
      quote(("%s/build/%s/?.so;;"):format(root, lua)), lua, quote(("%s/bench/subjects/%s.lua"):format(root, name)),
      work, count, quote(base), quote(server.ca_file))
  end
end

local function node(root)
  return function(work, count, base, server)
    return ("NODE_PATH=%s NODE_EXTRA_CA_CERTS=%s node %s %s %d %s"):format(
      quote(root .. "/build/bench/node/node_modules"), quote(server.ca_file),
      quote(root .. "/bench/subjects/klaviyo_api.js"), work, count, quote(base))
  end
end

local function sequential(work)
  return work ~= "posts" and work ~= "tls"
end

--- All subjects, in the order of the table.
---   limit   the subject that its processor time is compared with
---   share   how much of a work's count it does, where it is slow
---   does    whether it can do a work at all; all works, if there is none
---   missing why it is not there
---@param root string  of the checkout
function M.list(root)
  local jit = "LuaJIT"
  local list = {
    {name = "libcurl", command = bare(root, "bare"), version = line_of("pkg-config --modversion libcurl")},
  }
  for _, lua in ipairs {"lua5.4", "luajit"} do
    local title = lua == "luajit" and jit or "Lua 5.4"
    list[#list + 1] = {name = "libcurl + cjson, " .. title, command = bare(root, "bare-" .. lua),
      version = package_version "lua-cjson"}
    list[#list + 1] = {name = "klaviyo, " .. title, command = script(root, lua, "klaviyo"),
      version = require "klaviyo.version", limit = "libcurl + cjson, " .. title}
  end
  local function peer(name, module, file, version, does)
    local there = shell.run(("luajit -e 'require %q'"):format(module))
    list[#list + 1] = {name = name, command = script(root, "luajit", file), version = package_version(version),
      limit = "libcurl + cjson, " .. jit, does = does,
      missing = not there and ("not there: make bench-setup, or apt-get install " .. version) or nil}
  end
  peer("lua-curl", "curl", "lua_curl", "lua-curl", sequential)
  peer("lua-http", "http.client", "lua_http", "lua-http")
  peer("LuaSocket", "socket.http", "luasocket", "lua-socket", sequential)
  list[#list].share = 0.3
  local manifest = shell.read(root .. "/build/bench/node/node_modules/klaviyo-api/package.json")
  list[#list + 1] = {name = "klaviyo-api (node)", command = node(root), share = 0.3,
    version = manifest and manifest:match('"version":%s*"([^"]*)"'), limit = "libcurl + cjson, " .. jit,
    missing = not (manifest and shell.run "node --version") and "not there: make bench-setup" or nil}
  return list
end

--- One run of a work.
---@return table|nil {good, cpu, wall, peak, rss}: seconds for each answer, kilobytes
---@return string|nil why not
function M.run(subject, work, server)
  local count = math.max(1, math.floor(work.count * (subject.share or 1)))
  local pipe = assert(io.popen(subject.command(work.task or work.name, count, work.base(server), server) .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  local good, cpu, wall, peak, rss = text:match("^(%d+) ([%d.]+) ([%d.]+) (%d+) (%d+)\n$")
  if tonumber(good) ~= count then
    return nil, "failed: " .. text:sub(1, 300)
  end
  return {cpu = cpu / count, wall = wall / count, peak = tonumber(peak), rss = tonumber(rss)}
end

return M
