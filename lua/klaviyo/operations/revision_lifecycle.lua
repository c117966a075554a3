--- The life cycle of revisions, and the revision that Klaviyo serves for each.
---
--- By the published policy a revision is stable for a year, deprecated for
--- another, and then retired: Klaviyo then serves the oldest revision that is not
--- retired, without a notice in the response.
--- https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy

local operations = require "klaviyo.operations"

local M = {}

local SECONDS_OF_A_DAY = 86400

local fixed_today, date_of_day

--- The time, in seconds since 1970, from which M.today() returns another date.
M.next_day = 0

--- Results that hold for one day. A module that keeps one here reads it only
--- before M.next_day.
M.daily = {}

--- Sets the date of today, for tests; nil restores the real one.
---@param date string|nil  "2026-11-23"
function M.set_today(date)
  fixed_today, M.next_day, M.daily = date, 0, {}
end

--- Returns the date of today (UTC).
function M.today()
  local now = os.time()
  if now >= M.next_day then
    M.next_day = now - now % SECONDS_OF_A_DAY + SECONDS_OF_A_DAY
    M.daily = {}
    date_of_day = os.date("!%Y-%m-%d", now)
  end
  return fixed_today or date_of_day
end

local function years_later(date, years)
  local year, rest = date:match("^(%d+)(.*)$")
  return ("%04d%s"):format(tonumber(year) + years, rest)
end

--- Returns the state of a revision and the dates of its life cycle. Betas have
--- none.
---@param date string
---@param today string|nil  another date than that of today
---@return {date: string, state: "stable"|"deprecated"|"retired"|"beta", deprecated: string|nil, retired: string|nil}
function M.age(date, today)
  if date:find("%.pre$") then
    return {date = date, state = "beta"}
  end
  local now = today or M.today()
  local age = {
    date = date,
    deprecated = years_later(date, 1),
    retired = years_later(date, 2),
  }
  age.state = now >= age.retired and "retired"
    or now >= age.deprecated and "deprecated" or "stable"
  return age
end

--- Returns the revision that Klaviyo serves for a revision on a date.
---@param date string
---@param today string
---@return string
function M.served_on(date, today)
  if M.age(date, today).state ~= "retired" then
    return date
  end
  local revisions = operations.revisions()
  for _, later in ipairs(revisions) do
    if later > date and M.age(later, today).state ~= "retired" then
      return later
    end
  end
  return revisions[#revisions]
end

--- Returns the revision that Klaviyo serves for a revision: the same one, or the
--- oldest that is not retired.
---@param date string
---@return string
function M.served(date)
  local today = M.today()
  local found = M.daily[date] or M.served_on(date, today)
  M.daily[date] = found
  return found
end

--- Returns all revisions with their states: the stable ones, the oldest first, and
--- then the betas.
function M.revisions()
  local list = {}
  for _, date in ipairs(operations.revisions()) do
    list[#list + 1] = M.age(date)
    list[#list].served_as = M.served(date)
    list[#list].provisional = operations.is_provisional(date) or nil
  end
  for _, name in ipairs(operations.betas()) do
    list[#list + 1] = M.age(name)
    list[#list].served_as = name
  end
  return list
end

return M
