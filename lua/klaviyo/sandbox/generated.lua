--- Generated profiles: none is stored, each is made from its number when it is
--- read.

local json = require "klaviyo.sandbox.json"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local sequential_ids = require "klaviyo.sandbox.sequential_ids"

local M = {}

local FIRST_NAMES = {"Ada", "Ben", "Chloé", "Dev", "Élodie", "Finn", "Grace",
  "Hugo", "Ines", "Jun", "Kofi"}
local LAST_NAMES = {"Adams", "Brown", "Çelik", "Diaz", "Evans", "Fischer", "García",
  "Haddad", "Ito", "Jones", "Kowalski", "Li", "Müller"}
local CITIES = {
  {"Boston", "Massachusetts", "United States", "America/New_York"},
  {"London", "England", "United Kingdom", "Europe/London"},
  {"Zürich", "Zürich", "Switzerland", "Europe/Zurich"},
  {"Sydney", "New South Wales", "Australia", "Australia/Sydney"},
}

local function pick(list, number)
  return list[number % #list + 1]
end

--- Returns the origin (see store.lua) of a collection of generated profiles.
---@param count integer
---@param born number epoch seconds of the oldest profile; one is created every second
---@return table
function M.profiles(count, born)
  local function number_of(pattern, text)
    local digits = type(text) == "string" and text:match(pattern)
    local number = digits and tonumber(digits)
    return number and number >= 1 and number <= count and number or nil
  end

  local by_field = {
    email = "^profile%-(%d%d%d%d%d%d%d)@example%.com$",
    phone_number = "^%+1555(%d%d%d%d%d%d%d)$",
    external_id = "^customer%-(%d%d%d%d%d%d%d)$",
  }
  local id_of = sequential_ids.of("profile").id_of

  return {
    count = count,
    find = function(field, value)
      return by_field[field] and number_of(by_field[field], value)
    end,
    make = function(position)
      local city = pick(CITIES, position)
      local stamp = rfc3339.format(born + position)
      return {
        id = id_of(position),
        attributes = {
          email = ("profile-%07d@example.com"):format(position),
          phone_number = ("+1555%07d"):format(position),
          external_id = ("customer-%07d"):format(position),
          first_name = pick(FIRST_NAMES, position),
          last_name = pick(LAST_NAMES, position),
          organization = json.null,
          location = {address1 = json.null, address2 = json.null,
            city = city[1], region = city[2], country = city[3],
            timezone = city[4], zip = json.null, latitude = json.null,
            longitude = json.null, ip = json.null},
          properties = {number = position, vip = position % 10 == 0},
          created = stamp,
          updated = stamp,
        },
      }
    end,
  }
end

return M
