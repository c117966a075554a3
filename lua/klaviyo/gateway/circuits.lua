--- The circuit breakers of a gateway's connections, inside nginx.

local circuit = require "klaviyo.gateway.circuit"
local core = require "klaviyo.core"
local counters = require "klaviyo.util.counters"
local error_response = require "klaviyo.gateway.error_response"
local local_store = require "klaviyo.gateway.local_store"
local report = require "klaviyo.gateway.report"
local tables = require "klaviyo.util.tables"
local timers = require "klaviyo.nginx.timers"

local M = {}

---@class klaviyo.gateway.Circuits
local Circuits = {}
Circuits.__index = Circuits
Circuits.__name = "klaviyo.gateway.Circuits"

local own_store = local_store.new(core.clock)

local METRIC = "klaviyo_gateway_circuit_open"

-- All that were made, for a scrape.
local all = {}

-- Forgets the circuits of connections that were removed: no probe would close them,
-- and the metrics would always show them as open.
-- A function that knows the connections may wait for a database: it is called for
-- those alone whose circuit is open, and other requests run meanwhile.
local function forget_removed(self)
  local connections = self.connections
  for _, name in ipairs(tables.sorted(self.circuits)) do
    local one = self.circuits[name]
    local is_due = one and (connections.all_configured or one:is_open())
    local ok, connection
    if is_due then
      ok, connection = pcall(connections.find, connections, name)
    end
    if ok and connection == nil and name ~= connections.public.name then
      one:forget()
      self.circuits[name] = nil
      counters.set(METRIC, name, 0)
    end
  end
end

-- Returns the names of the open circuits. Workers that share a dict know those of all
-- of them: it has a key for each circuit that is open.
local function open_names(self)
  local names, dict = {}, self.settings.dict
  local prefix = circuit.OPEN .. self.settings.prefix .. " "
  for _, key in ipairs(dict and ngx.shared[dict]:get_keys(0) or {}) do
    if key:sub(1, #prefix) == prefix then
      names[#names + 1] = key:sub(#prefix + 1)
    end
  end
  for name, one in pairs(dict and {} or self.circuits) do
    names[#names + 1] = one:is_open() and name or nil
  end
  return names
end

-- Sets the gauges. The connections that have none because there is no room share one,
-- which says how many circuits are open.
local function before_scrape()
  local others = 0
  for _, self in ipairs(all) do
    local names = open_names(self)
    for _, name in ipairs(names) do
      self:of(name)  -- a worker that ended may have opened it
    end
    forget_removed(self)
    for _, name in ipairs(names) do
      if self.circuits[name]
          and (name == counters.OTHER or counters.set(METRIC, name, 1) == false) then
        others = others + 1
      end
    end
  end
  counters.set(METRIC, counters.OTHER, others)
end

--- Returns the circuits of a gateway, or false if it shall have none.
---@param settings table  of the gateway
---@param connections klaviyo.gateway.ConnectionLookup
---@return klaviyo.gateway.Circuits|false
function M.new(settings, connections)
  if settings.circuit == false then
    return false
  end
  local self = setmetatable({settings = settings, circuits = {},
    connections = connections}, Circuits)
  if #all == 0 then
    counters.on_scrape(before_scrape)
  end
  all[#all + 1] = self
  return self
end

local function note_change(name, is_open, failures)
  counters.set(METRIC, name, is_open and 1 or 0)
  if is_open then
    report("the circuit of the connection %s is open: the service failed %d times "
      .. "in a row, requests get a 503 until a probe succeeds", name, failures)
  else
    report("the circuit of the connection %s is closed: the service works again", name)
  end
end

--- Returns the circuit of a connection.
---@param name string  of the connection
---@return klaviyo.gateway.Circuit
function Circuits:of(name)
  local one = self.circuits[name]
  if not one then
    local settings = self.settings
    one = circuit.new {
      store = settings.dict and ngx.shared[settings.dict] or own_store,
      -- two gateways may use one dict
      key = settings.prefix .. " " .. name, name = name,
      failures = settings.circuit.failures, pause = settings.circuit.pause,
      max_pause = settings.circuit.max_pause, clock = core.clock,
      on_change = note_change,
    }
    self.circuits[name] = one
    counters.set(METRIC, name, one:is_open() and 1 or 0)
  end
  return one
end

-- The probes of this worker: probe → circuit.
local probes = {}

local renewal
renewal = timers.new(function(premature)
  for probe, one in pairs(probes) do
    if premature or not one:renew(probe) then
      probes[probe] = nil
    end
  end
  if next(probes) then
    renewal:start(circuit.RENEWAL)
  end
end)

local function throw(seconds)
  error_response.throw(503, "circuit_open", "the service failed several times in a "
    .. "row: the gateway sends no requests for the moment; retry after the time in "
    .. "Retry-After", nil, {["Retry-After"] =
      ("%d"):format(math.max(1, math.ceil(seconds)))})
end

--- Throws an error response if the circuit of a request is open. Called before the
--- request waits for the rate limits. If the request may become the probe, its body is
--- read first: while a client sends it, the others would get a 503.
---@param state table
function Circuits:check(state)
  local one = self:of(state.connection.name)
  local seconds = one:seconds()
  if seconds then
    throw(seconds)
  elseif state.op.body and one:is_open() then
    pcall(ngx.req.read_body)  -- not every nginx can, with HTTP/2
  end
end

--- Begins a request, or throws an error response.
---@param state table
function Circuits:begin(state)
  local one = self:of(state.connection.name)
  local ok, probe = one:begin(tostring(ngx.worker.pid()))
  if not ok then
    throw(probe)
  end
  state.circuit, state.probe = one, probe
  if probe then
    probes[probe] = one
    renewal:start(circuit.RENEWAL)
  end
end

--- Notes how a request ended; a second call for it does nothing.
---@param state table
---@param failed boolean|nil  true: the service failed; false: it works; nil: unknown
function M.finish(state, failed)
  local one = state.circuit
  if one then
    state.circuit = nil
    if state.probe then
      probes[state.probe] = nil
    end
    one:finish(state.probe, failed)
  end
end

return M
