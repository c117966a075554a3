--- What klaviyo doctor checks on this machine, without the API.

local klaviyo = require "klaviyo"
local shell = require "klaviyo.cli.shell"
local terminal = require "klaviyo.cli.terminal"

local M = {}

local function output_of(command)
  local text = terminal.output_of(command)
  return text and text:gsub("%s+$", "") or nil
end

function M.lua(report)
  local jit = rawget(_G, "jit")
  report("Lua", "ok", ("%s, klaviyo %s"):format(
    type(jit) == "table" and jit.version or _VERSION, klaviyo._VERSION))
end

function M.libcurl(report)
  local about = klaviyo.libcurl()
  local text = ("%s, %s, %s"):format(about.version, about.tls or "no TLS",
    about.http2 and "HTTP/2" or "no HTTP/2")
  if not about.tls then
    report("libcurl", "problem", text, "install a libcurl with TLS")
  elseif not about.http2 then
    report("libcurl", "warning", text,
      "install a libcurl with HTTP/2: concurrent calls then share a connection")
  else
    report("libcurl", "ok", text)
  end
end

--- Checks what signs webhooks and makes the name of an account.
function M.digest(report)
  local ok, why = pcall(klaviyo.webhook.sign, {
    body = "{}", timestamp = "now", secret = ("k"):rep(16)})
  if ok then
    report("libcrypto", "ok", "SHA-256 and HMAC work")
  else
    report("libcrypto", "problem", tostring(why):match("^[^\n]*"),
      "install klaviyo again, with OpenSSL's headers")
  end
end

local OUTBOX = "klaviyo.outbox"

--- Checks whether the optional rock is there.
function M.outbox(report)
  local ok, why = pcall(require, OUTBOX)
  local store = package.searchpath
    and package.searchpath(OUTBOX .. ".store", package.cpath)
  if ok and store then
    report("outbox", "ok", store)
  elseif ok then
    report("outbox", "warning", "its module klaviyo/outbox/store.so is missing",
      "only a durable outbox needs it: install the rock klaviyo-outbox again")
  else
    local missing = tostring(why):find("not found", 1, true)
    report("outbox", "warning", missing and "not installed" or tostring(why):match("^[^\n]*"),
      "only a durable outbox needs it: luarocks install klaviyo-outbox")
  end
end

local FIND_NGINX = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin'
  .. ':/usr/local/openresty/nginx/sbin"; '
  .. "p=$(command -v nginx || command -v openresty) && "
  .. '"$p" -V 2>&1'

local MODULE_DIRS = {"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
  "/usr/share/nginx/modules"}

local function has_module(text)
  if text:find("ngx_lua", 1, true) or text:find("lua-nginx-module", 1, true) then
    return true
  end
  for _, dir in ipairs(MODULE_DIRS) do
    local file = io.open(dir .. "/ngx_http_lua_module.so", "rb")
    if file then
      file:close()
      return true
    end
  end
  return false
end

local INSTALL_NGINX = "only the sandbox and code in nginx need it: on Debian, "
  .. "apt install nginx libnginx-mod-http-lua openssl"

function M.nginx(report)
  local text = output_of(FIND_NGINX)
  local version = text and text:match("version: ([^\n]*)")
  if not version then
    report("nginx", "warning", "not found", INSTALL_NGINX)
  elseif not has_module(text) then
    report("nginx", "warning", version .. ", without its Lua module", INSTALL_NGINX)
  elseif not output_of("command -v openssl") then
    report("nginx", "warning", version .. "; openssl is missing", INSTALL_NGINX)
  else
    report("nginx", "ok", version .. ", with its Lua module")
  end
end

-- The file systems of other machines, which may not keep locks.
local REMOTE = {nfs = true, nfs4 = true, cifs = true, smb2 = true, smbfs = true,
  fuseblk = true, ["9p"] = true, v9fs = true, ceph = true, lustre = true, afs = true}

-- Returns whether a second lock on a file beside this one is refused.
local function keeps_locks(path)
  local beside = ("%s.%s"):format(path, tostring({}):match("0x(%x+)") or "doctor")
  local first = klaviyo.file_lock(beside)
  local second = first and klaviyo.file_lock(beside)
  if second then
    second:release()
  end
  if first then
    first:release()
  end
  os.remove(beside)
  return first ~= nil and second == nil, first ~= nil
end

--- Checks the file that counts the use of the rate limits.
---@param client klaviyo.Client
function M.rate_limit_file(report, client)
  local limits, err = client:rate_limits()
  local path = limits and limits.file
  local todo = "set KLAVIYO_RATE_LIMIT_FILE to a file in a folder that you can "
    .. "write to, on a disk of this machine"
  if not limits then
    report("rate limits", "problem", err.message, "fix the source of the key")
  elseif not path then
    report("rate limits", "warning", "each process counts alone",
      "set KLAVIYO_RATE_LIMIT_FILE, so that processes share the limits")
  elseif limits.problem then
    report("rate limits", "problem", ("%s: %s"):format(path, limits.problem), todo)
  else
    local system = output_of("stat -f -c %T " .. shell.quote(path) .. " 2>/dev/null")
    local kept, could_try = keeps_locks(path)
    local where = system and ("%s (%s)"):format(path, system) or path
    if could_try and not kept then
      report("rate limits", "problem", where .. ": its file system keeps no locks", todo)
    elseif system and REMOTE[system] then
      report("rate limits", "warning", where
        .. ": other machines may not see the locks of a remote file system", todo)
    else
      report("rate limits", "ok", where)
    end
  end
end

local PROXIES = {"KLAVIYO_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}

local function without_password(url)
  return (url:gsub("^(%a[%w+.-]*://)[^/@]*@", "%1…@"):gsub("^[^/@:]*:[^/@]*@", "…@"))
end

--- Shows the proxy that calls go through.
function M.proxy(report, getenv)
  local found
  for _, name in ipairs(PROXIES) do
    local value = getenv(name)
    if value and value ~= "" and not found then
      found = ("$%s: %s"):format(name, without_password(value))
    end
  end
  local exceptions = getenv "no_proxy" or getenv "NO_PROXY"
  if found and exceptions and exceptions ~= "" then
    found = found .. ", except for " .. exceptions
  end
  report("proxy", "ok", found or "none")
end

--- Checks the revision that the command asks for.
function M.revision(report, date)
  for _, one in ipairs(klaviyo.revisions()) do
    if one.date == date then
      if one.state == "retired" then
        report("revision", "warning", ("%s was retired on %s; Klaviyo serves %s")
          :format(date, one.retired, one.served_as), "choose a later --revision")
      elseif one.state == "deprecated" then
        report("revision", "ok", ("%s, deprecated; it ends on %s"):format(date, one.retired))
      else
        report("revision", "ok", ("%s, %s"):format(date, one.state))
      end
      return
    end
  end
  report("revision", "ok", ("%s, from an OpenAPI document or later than all known ones")
    :format(date))
end

return M
