--- Hosts in network namespaces, which a bridge connects: each has an address and a
--- loopback interface of its own. This needs root and the command `ip`; without
--- them all hosts are this one.

local script = require "spec.support.script"

local shell = script.shell

local M = {}

local PREFIX = "klv" -- of names; an interface's has 15 characters at most

local Network = {}
Network.__index = Network

local function ip(...)
  local output, status = shell("ip " .. table.concat({...}, " "))
  return status == 0, output
end

local function process()
  return tonumber((shell("echo $PPID")))
end

-- Removes what a run left behind that was killed.
local function remove_stale()
  for name in shell("ip netns list"):gmatch("[^\n]+") do
    local owner = name:match("^" .. PREFIX .. "(%d+)%-")
    if owner and select(2, shell("kill -0 " .. owner)) ~= 0 then
      ip("netns del", name:match("%S+"))
      ip("link del", PREFIX .. owner)
    end
  end
end

--- Returns a network of namespaces, or one whose hosts are all 127.0.0.1, and why.
---@return table network
---@return string|nil why
function M.new()
  local owner = process()
  local network = setmetatable({name = PREFIX .. owner, hosts = {}, next_number = 2,
    subnet = ("198.18.%d"):format(owner % 250)}, Network)
  remove_stale()
  local ok, why = ip("link add", network.name, "type bridge")
  if ok then
    ok, why = ip("addr add", network.subnet .. ".1/24 dev", network.name)
    ok = ok and ip("link set", network.name, "up")
  end
  if not ok then
    ip("link del", network.name)
    return setmetatable({hosts = {}, is_loopback = true}, Network), why
  end
  return network
end

--- Adds a host: a namespace with an interface on the bridge.
---@param name string of at most four letters
---@return table host  {address =, prefix = what runs a command in it}
function Network:add(name)
  if self.is_loopback then
    return {name = name, address = "127.0.0.1", prefix = ""}
  end
  local number = self.next_number
  self.next_number = number + 1
  local host = {name = name, namespace = self.name .. "-" .. name,
    link = self.name .. "v" .. number, address = self.subnet .. "." .. number}
  host.prefix = "ip netns exec " .. host.namespace .. " "
  assert(ip("netns add", host.namespace))
  self.hosts[host.namespace] = host
  assert(ip("link add", host.link, "type veth peer name eth0 netns", host.namespace))
  assert(ip("link set", host.link, "master", self.name, "up"))
  assert(ip("-n", host.namespace, "addr add", host.address .. "/24 dev eth0"))
  assert(ip("-n", host.namespace, "link set eth0 up"))
  assert(ip("-n", host.namespace, "link set lo up"))
  return host
end

--- Removes a host's interface and namespace.
function Network:remove(host)
  if host.namespace and self.hosts[host.namespace] then
    self.hosts[host.namespace] = nil
    ip("link del", host.link)
    ip("netns del", host.namespace)
  end
end

--- Removes all.
function Network:close()
  for _, host in pairs(self.hosts) do
    self:remove(host)
  end
  if not self.is_loopback then
    ip("link del", self.name)
  end
end

return M
