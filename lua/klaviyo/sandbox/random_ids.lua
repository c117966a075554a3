--- Creates ids in the style of the service. It has its own random generator: a
--- sandbox started twice with the same seed creates the same ids, and
--- math.random is left alone.

local base64 = require "klaviyo.util.base64"

local M = {}

local floor = math.floor

local DIGITS = "0123456789"
local BASE62 = DIGITS .. "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
  .. "abcdefghijklmnopqrstuvwxyz"
local CROCKFORD = DIGITS .. "ABCDEFGHJKMNPQRSTVWXYZ"
local HEX = DIGITS .. "abcdef"

local Generator = {}
Generator.__index = Generator

--- Returns a new generator (Park and Miller's, exact in doubles).
---@param seed integer
---@return table
function M.new(seed)
  return setmetatable({state = seed % 2147483646 + 1}, Generator)
end

function Generator:below(limit)
  self.state = self.state * 48271 % 2147483647
  return floor(self.state / 2147483647 * limit)
end

function Generator:letters(alphabet, length)
  local out = {}
  for i = 1, length do
    local at = self:below(#alphabet) + 1
    out[i] = alphabet:sub(at, at)
  end
  return table.concat(out)
end

function Generator:uuid()
  return table.concat({self:letters(HEX, 8), self:letters(HEX, 4),
    "4" .. self:letters(HEX, 3), "a" .. self:letters(HEX, 3),
    self:letters(HEX, 12)}, "-")
end

-- All pairs of digits, and the value of each digit.
local PAIRS, VALUES = {}, {}
for i = 0, 31 do
  local high = CROCKFORD:sub(i + 1, i + 1)
  VALUES[high:byte()] = i
  for j = 0, 31 do
    PAIRS[i * 32 + j] = high .. CROCKFORD:sub(j + 1, j + 1)
  end
end

--- Returns a number in Crockford's base 32, as in ULIDs.
---@param number integer
---@param width integer the number of digits, even
---@return string
function M.base32(number, width)
  local out = {}
  for i = width / 2, 1, -1 do
    local pair = number % 1024
    out[i] = PAIRS[pair]
    number = (number - pair) / 1024
  end
  return table.concat(out)
end

--- Returns the number that a text in Crockford's base 32 stands for, or nil.
---@param text string
---@param from integer|nil the first byte to read, default 1
---@return integer|nil
function M.from_base32(text, from)
  local number = 0
  for i = from or 1, #text do
    local value = VALUES[text:byte(i)]
    if not value then
      return nil
    end
    number = number * 32 + value
  end
  return number
end

local function ulid(random_ids, now)
  return M.base32(floor(now * 1000), 10) .. random_ids:letters(CROCKFORD, 16)
end

local function short_id(random_ids)
  return random_ids:letters(BASE62, 6)
end

local function uuid(random_ids)
  return random_ids:uuid()
end

local function hex_id(random_ids)
  return random_ids:letters(HEX, 32)
end

-- Resource type → the style of its ids. Other types get a ULID; other jobs get
-- base64 without padding, as the import jobs of the service have.
local STYLES = {
  list = short_id, segment = short_id, flow = short_id, metric = short_id, template = short_id,
  form = short_id, account = short_id, ["flow-message"] = short_id,
  tag = uuid, ["tag-group"] = uuid, ["import-error"] = uuid,
  ["metric-property"] = hex_id, review = hex_id, attribution = hex_id,
  event = function(random_ids) return random_ids:letters(BASE62, 11) end,
  image = function(random_ids) return random_ids:letters("123456789", 9) end,
  ["form-version"] = function(random_ids)
    return random_ids:letters("123456789", 7)
  end,
  ["flow-action"] = function(random_ids)
    return random_ids:letters("123456789", 9)
  end,
}

-- The id of an import job holds the account, a word and the time.
local function import_job(random_ids, now, settings)
  return base64.encode(("%s_maintenance.%s.%d.%s"):format(settings.company_id
    or "", short_id(random_ids), now, short_id(random_ids)))
end

STYLES["profile-bulk-import-job"] = import_job
STYLES["profile-suppression-bulk-create-job"] = ulid
STYLES["profile-suppression-bulk-delete-job"] = ulid

--- Returns a new id for a resource.
---@param kind string the resource type
---@param now number epoch seconds
---@param settings table the settings of the sandbox
---@return string
function Generator:id(kind, now, settings)
  local style = STYLES[kind]
  if style then
    return (style(self, now, settings):gsub("=+$", ""))
  elseif kind:find("%-job$") then
    return (base64.encode(("%s:%s"):format(kind,
      self:letters(BASE62 .. "~?>", 14))):gsub("=+$", ""))
  end
  return ulid(self, now)
end

return M
