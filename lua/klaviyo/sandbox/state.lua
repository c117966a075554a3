--- The state of a running sandbox: resources, relationships, recorded requests
--- and faults.

local random_ids = require "klaviyo.sandbox.random_ids"
local json = require "klaviyo.sandbox.json"
local defaults = require "klaviyo.sandbox.defaults"
local generated = require "klaviyo.sandbox.generated"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local grants = require "klaviyo.sandbox.oauth_grants"
local limits = require "klaviyo.sandbox.limits"
local relations = require "klaviyo.sandbox.relations"
local store = require "klaviyo.sandbox.store"
local counters = require "klaviyo.sandbox.counters"

local M = {}

---@class klaviyo.sandbox.State
local State = {}
State.__index = State

-- Attributes with an index.
local UNIQUE = {
  profile = {"email", "phone_number", "external_id", "anonymous_id", "_kx"},
  metric = {"name"},
  event = {"dedupe"},
}

-- Types whose times are named created_at and updated_at.
local STAMPED_AT = {
  campaign = true, ["campaign-message"] = true, webhook = true, form = true,
  ["form-version"] = true, image = true, ["object-type"] = true,
}

-- A number of 52 bits instead of a string: an index takes half the memory.
local function key_of(digest)
  return function(text)
    local a, b, c, d, e, f, g = digest(text):byte(1, 7)
    return (((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 16
      + g % 16
  end
end

--- Returns a state with its initial resources.
---@param settings table key, company_id, profiles, link_base, seed, now, record
---@return klaviyo.sandbox.State
function M.new(settings)
  local self = setmetatable({settings = settings}, State)
  self.now = settings.now and function() return settings.now end or os.time
  -- The clock of limits and jobs: it advances even if `now` is fixed, and has
  -- fractions of a second.
  self.clock = settings.clock or self.now
  self.key_of = settings.digest and key_of(settings.digest)
  self.phases = random_ids.new(settings.phase_seed or 1)
  self.custom_limits = limits.from_setting(settings.limits)
  self:reset()
  return self
end

--- Resets everything to the initial state.
function State:reset()
  self.random_ids = random_ids.new(self.settings.seed or 1)
  self.collections, self.links, self.faults = {}, {}, {}
  self.buckets, self.oauth = {}, grants.new()
  self.stats = counters.new()
  self.latest, self.number = {}, 0
  local count = self.settings.profiles or 0
  self.collections.profile = store.collection("profile", UNIQUE.profile,
    count > 0 and generated.profiles(count, 1704067200) or nil, self.key_of)
  require("klaviyo.sandbox.seed").fill(self)
  self.stats = counters.new()
end

--- Returns the collection of a type, which is created on first use.
---@param kind string
function State:collection(kind)
  local collection = self.collections[kind]
  if not collection then
    collection = store.collection(kind, UNIQUE[kind] or {}, nil,
      self.key_of)
    self.collections[kind] = collection
  end
  return collection
end

--- Returns a resource, or nil.
function State:get(kind, id)
  return self:collection(kind):get(id)
end

--- Returns whether a resource exists. Every resource of an unknown type counts
--- as existing.
function State:exists(kind, id)
  return not self.collections[kind] or self:get(kind, id) ~= nil
end

local timestamp_names_by_kind = {}

local function timestamp_names(kind)
  local names = timestamp_names_by_kind[kind]
  if not names then
    local at = (STAMPED_AT[kind] or kind:find("%-job$")) and "_at" or ""
    names = {"created" .. at, "updated" .. at}
    timestamp_names_by_kind[kind] = names
  end
  return names[1], names[2]
end

-- Returns whether the service stores fractions of a second for a type: for the
-- catalog and for types with created_at and updated_at. For other types only
-- the response that writes a time has fractions.
local function has_fractions(kind)
  return timestamp_names(kind):find("_at$") ~= nil or kind:find("^catalog%-") ~= nil
end

--- Returns the time, including the fraction of a second.
---@return number epoch seconds
function State:time()
  return self.settings.now or self.clock()
end

--- Returns the time with microseconds, as the API writes it.
---@return string
function State:timestamp()
  return rfc3339.precise(self:time())
end

local function stored_time(kind, timestamp)
  return has_fractions(kind) and timestamp or rfc3339.whole(timestamp)
end

--- Creates a resource, with the attributes that the service sets.
---@param kind string
---@param attributes table|nil
---@param id string|nil
---@return table record `fresh` holds its times for the response that creates it
function State:make(kind, attributes, id)
  local all = defaults.of(kind, self)
  for name, value in pairs(attributes or {}) do
    all[name] = value
  end
  local timestamp = self:timestamp()
  local created, updated = timestamp_names(kind)
  local fresh = {[created] = all[created] or timestamp,
    [updated] = all[updated] or all[created] or timestamp}
  all[created] = all[created] or stored_time(kind, timestamp)
  all[updated] = all[updated] or all[created]
  local collection = self:collection(kind)
  id = id or defaults.id(kind, all) or collection:next_id()
  while not id or collection:get(id) do
    id = self.random_ids:id(kind, self.now(), self.settings)
  end
  local made = self.stats.created
  made[kind] = (made[kind] or 0) + 1
  local record = collection:add({id = id, attributes = all})
  record.fresh, record.created = fresh, self.clock()
  return record
end

-- Objects that are merged member by member; null removes a member.
local MERGED = {properties = true, location = true}

--- Updates the attributes of a resource.
function State:update(kind, record, attributes)
  local _, updated = timestamp_names(kind)
  local timestamp = self:timestamp()
  self:collection(kind):change(record, function()
    local have = record.attributes
    for name, value in pairs(attributes) do
      if MERGED[name] and json.kind(value) == "object"
        and json.kind(have[name]) == "object" then
        local merged = {}
        for key, old in pairs(have[name]) do
          merged[key] = old
        end
        for key, new in pairs(value) do
          merged[key] = new ~= json.null and new or nil
        end
        have[name] = merged
      else
        have[name] = value
      end
    end
    have[updated] = stored_time(kind, timestamp)
  end)
  record.fresh = {[updated] = timestamp}
end

--- Removes a resource.
function State:remove(kind, record)
  self:collection(kind):remove(record)
  relations.remove_resource(self, kind, record.id)
end

--- Records a request and its response.
---@param entry table method, uri, operation, status, headers, body
function State:record_request(entry)
  local capacity = self.settings.record or 0
  if capacity > 0 then
    self.number = self.number % capacity + 1
    self.latest[self.number] = entry
  end
end

--- Returns the latest requests, oldest first.
function State:requests()
  local list = json.array()
  for i = 1, #self.latest do
    list[i] = self.latest[(self.number + i - 1) % #self.latest + 1]
  end
  return list
end

--- Returns the counters as a plain table.
function State:counters()
  local all = counters.snapshot(self.stats)
  all.resources = {}
  for kind, collection in pairs(self.collections) do
    all.resources[kind] = collection.count
  end
  all.oauth = self.oauth.counts
  return all
end

return M
