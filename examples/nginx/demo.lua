-- make demo-nginx: makes the calls of the routing reference by curl, with its
-- bodies unchanged, through the gateway of gateway.conf to a sandbox.

local json = require "klaviyo.values.json"
local nginx = require "spec.support.nginx"
local reference = require "spec.support.reference_calls"
local sandbox = require "klaviyo.sandbox"
local shell = require "klaviyo.sandbox.shell"

local why = nginx.missing()
if why then
  io.stderr:write("demo-nginx: ", why, "\n")
  os.exit(1)
end

local server = assert(sandbox.start {profiles = 250, limits = true})
local gateway, failure = nginx.gateway(server)
if not gateway then
  io.stderr:write("demo-nginx: nginx could not be started:\n", failure)
  server:stop()
  os.exit(1)
end

local TOKEN = "Authorization: Bearer demo"

local function curl(call)
  local words = {"curl -sS -g -m 20 --noproxy '*' -w '\\n%{http_code}'",
    "-X", call.method}
  if call.token ~= false then
    words[#words + 1] = "-H " .. shell.quote(TOKEN)
  end
  if call.body then
    words[#words + 1] = "-H 'Content-Type: application/json' --data-binary "
      .. shell.quote(call.body)
  end
  words[#words + 1] = shell.quote(gateway.base_url .. "/klaviyo" .. call.path)
  local _, output = shell.run(table.concat(words, " "))
  local body, status = output:match("^(.*)\n(%d+)$")
  return tonumber(status), json.decode(body or "") or {}
end

local function gist(document)
  local data = document.data
  if document.errors then
    local list = {}
    for i, object in ipairs(document.errors) do
      local source = object.source or {}
      list[i] = (source.pointer or source.parameter or source.header
        or object.code)
    end
    return (document.errors[1].meta or {}).gateway
      and "from the gateway: " .. document.errors[1].detail
      or "from the service: " .. table.concat(list, ", ")
  elseif not data then
    return "no content"
  elseif data.id then
    return data.type .. " " .. data.id
  end
  local kind = data[1] and data[1].type or "resource"
  return ("%d %s%s"):format(#data, kind, #data == 1 and "" or "s")
end

local failed = 0

local function show(call)
  local status, document = curl(call)
  local as_expected = status == (call.status or 200)
  failed = failed + (as_expected and 0 or 1)
  print(("%-26s %-6s %-50s %s  %s%s"):format(call.name, call.method,
    (call.path:gsub("^(" .. ("."):rep(49) .. ").+$", "%1…")), status or "-",
    gist(document), as_expected and "" or "  (another status was expected)"))
  return document
end

print(("-- curl %s/klaviyo/… -H '%s'"):format(gateway.base_url, TOKEN))

local ids = {}
for _, call in ipairs(reference) do
  local filled = setmetatable({
    path = call.path:gsub("%u+_ID", ids),
    body = call.body and call.body:gsub("%u+_ID", ids),
  }, {__index = call})
  local document = show(filled)
  if call.makes and document.data then
    ids[call.makes] = document.data.id or (document.data[1] or {}).id
  end
end

-- Each page links to the next one through the gateway.
local path, pages, profiles = "/api/profiles?page[size]=100", 0, 0
while path do
  local _, document = curl {method = "GET", path = path}
  pages, profiles = pages + 1, profiles + #(document.data or {})
  local following = document.links and document.links.next
  path = type(following) == "string"
    and following:sub(#gateway.base_url + #"/klaviyo" + 1)
end
print(("%-26s %d profiles on %d pages"):format("iterate all profiles", profiles,
  pages))

show {name = "no token", method = "GET", path = "/api/profiles",
  token = false, status = 401}
show {name = "an unknown path", method = "GET", path = "/api/passwords",
  status = 404}
show {name = "a method not allowed", method = "PUT", path = "/api/profiles",
  status = 405}

local logs = gateway:stop()
server:stop()
local leaked = logs:find(server.key, 1, true)
print(("%-26s %s"):format("the key in nginx's logs", leaked and "YES" or "no"))
os.exit(failed == 0 and not leaked and profiles >= 250 and 0 or 1)
