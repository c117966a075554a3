--- What a run was measured on.

local shell = require "klaviyo.sandbox.shell"

local M = {}

local function first_line(command)
  return (select(2, shell.run(command)):match("^[^\n]*"))
end

local function version_of(command, pattern)
  local ok, text = shell.run(command)
  return ok and text:match(pattern) or nil
end

-- Tells what processor and system these are, not which host.
local function description()
  local model = (shell.read("/proc/cpuinfo") or ""):match("model name%s*:%s*([^\n]*)") or "unknown processor"
  local release = (shell.read("/etc/os-release") or ""):match('PRETTY_NAME="([^"]*)"') or "unknown system"
  return ("%s cores (%s), %s, Linux %s"):format(first_line "nproc --all", model, release,
    first_line("uname -r"):match("^%d+%.%d+") or "?")
end

--- Returns the date, the system, its load and the versions of all programs.
---@param subjects table[]
---@return table
function M.facts(subjects)
  local versions = {
    nginx = version_of("nginx -v || /usr/sbin/nginx -v", "nginx/([%d.]+)"),
    ["Lua 5.4"] = version_of("lua5.4 -v", "Lua ([%d.]+)"),
    LuaJIT = version_of("luajit -v", "LuaJIT ([%w.-]+)"),
    node = version_of("node --version", "v([%d.]+)"),
    ["lua-cjson"] = version_of("lua5.4 -e 'print(require(\"cjson\")._VERSION)'", "[%d.]+"),
    wrk = version_of("wrk -v || :", "wrk [a-z/]*([%d.]+%d)"),
  }
  for _, subject in ipairs(subjects) do
    if not subject.missing and not subject.name:find("cjson", 1, true) then
      versions[(subject.name:gsub(",.*", ""):gsub(" %(node%)", ""))] = tostring(subject.version)
    end
  end
  return {
    date = os.date "!%Y-%m-%d", system = description(), versions = versions,
    load = tonumber((shell.read("/proc/loadavg") or "0"):match("^[%d.]+")),
  }
end

--- Pins this process, and so those that it starts, to one core.
---@return fun() release  ends that
function M.pin()
  local pid = (shell.read("/proc/self/stat") or ""):match("^%d+")
  local ok, text = shell.run("taskset -cp " .. tostring(pid))
  local cores = ok and text:match(":%s*([%d,-]+)")
  if not cores then
    return function() end
  end
  local first = cores:match("^%d+")
  shell.run(("taskset -cp %s %s"):format(first, pid))
  return function()
    shell.run(("taskset -cp %s %s"):format(cores, pid))
  end
end

return M
