--- The numbers of reports. They are made from the id of a message and the day, so
--- that a report always has the same numbers, longer periods have greater ones, and
--- rates fit their counts. Those of segments are the real ones.

local relations = require "klaviyo.sandbox.relations"

local M = {}

-- Returns a number from 0 to 1 that depends on the texts alone.
local function fraction(...)
  local hash = 5381
  for _, text in ipairs {...} do
    for i = 1, #text do
      hash = (hash * 33 + text:byte(i)) % 2147483648
    end
  end
  -- neighbouring texts differ only in the last bits
  hash = hash * 16807 % 2147483647
  hash = hash * 16807 % 2147483647
  return hash / 2147483647
end

local function share(whole, low, high, random)
  return math.floor(whole * (low + (high - low) * random) + 0.5)
end

-- The numbers of a message that was sent to some recipients on a day.
local function sent(recipients, id, day)
  local function random(what)
    return fraction(id, day, what)
  end
  local n = {recipients = recipients, failed = 0}
  n.bounced = share(recipients, 0, 0.02, random "bounced")
  n.bounced_or_failed = n.bounced + n.failed
  n.delivered = recipients - n.bounced_or_failed
  n.opens_unique = share(n.delivered, 0.2, 0.5, random "opens")
  n.opens = share(n.opens_unique, 1, 1.6, random "again")
  n.clicks_unique = share(n.opens_unique, 0.05, 0.25, random "clicks")
  n.clicks = share(n.clicks_unique, 1, 1.4, random "more")
  n.conversion_uniques = share(n.clicks_unique, 0.1, 0.4, random "conversions")
  n.conversions = share(n.conversion_uniques, 1, 1.2, random "orders")
  n.conversion_value = n.conversions * share(100, 20, 80, random "value") / 100
  n.unsubscribe_uniques = share(n.delivered, 0, 0.01, random "unsubscribes")
  n.unsubscribes = n.unsubscribe_uniques
  n.spam_complaints = share(n.delivered, 0, 0.001, random "spam")
  return n
end

local function campaign(row, day)
  if row.sent_on ~= day then
    return nil
  end
  return sent(500 + math.floor(4500 * fraction(row.id)), row.id, tostring(day))
end

local function flow(row, day)
  local text = tostring(day)
  return sent(math.floor(5 + 40 * fraction(row.id, text)), row.id, text)
end

local function form(row, day)
  local function random(what)
    return fraction(row.id, tostring(day), what)
  end
  local n = {viewed_form = math.floor(20 + 180 * random "views")}
  n.viewed_form_uniques = share(n.viewed_form, 0.7, 1, random "uniques")
  n.submits = share(n.viewed_form_uniques, 0.02, 0.15, random "submits")
  n.closed_form = n.viewed_form - n.submits
  n.closed_form_uniques = math.min(n.closed_form, n.viewed_form_uniques)
  n.qualified_form, n.qualified_form_uniques = n.viewed_form, n.viewed_form_uniques
  n.viewed_form_step, n.viewed_form_step_uniques = n.viewed_form,
    n.viewed_form_uniques
  n.submitted_form_step, n.submitted_form_step_uniques = n.submits, n.submits
  return n
end

local DAILY = {campaign = campaign, flow = flow, form = form}

--- Returns the counts of a row on a day; nil if it has none.
---@param kind "campaign"|"flow"|"form"
---@param row {id: string, sent_on: integer|nil}
---@param day integer  days since 1970
---@return table<string, number>|nil
function M.on_day(kind, row, day)
  return DAILY[kind](row, day)
end

--- Returns the counts of a segment in a period.
---@param from number
---@param to number
---@return table<string, number>
function M.of_segment(state, id, from, to)
  local members, added = relations.sequence(state, "segment", id, "profiles"), 0
  for position = 1, members.last do
    local joined = members.joined and members.at(position)
      and members.joined(position)
    if joined and joined >= from and joined < to then
      added = added + 1
    end
  end
  return {members_added = added, members_removed = 0,
    net_members_changed = added, total_members = members.count or 0}
end

-- Statistics that are the ratio of two others.
local RATIOS = {
  open_rate = {"opens_unique", "delivered"},
  click_rate = {"clicks_unique", "delivered"},
  click_to_open_rate = {"clicks_unique", "opens_unique"},
  conversion_rate = {"conversion_uniques", "delivered"},
  delivery_rate = {"delivered", "recipients"},
  bounce_rate = {"bounced", "recipients"},
  failed_rate = {"failed", "recipients"},
  bounced_or_failed_rate = {"bounced_or_failed", "recipients"},
  unsubscribe_rate = {"unsubscribe_uniques", "delivered"},
  spam_complaint_rate = {"spam_complaints", "delivered"},
  average_order_value = {"conversion_value", "conversions"},
  revenue_per_recipient = {"conversion_value", "delivered"},
  submit_rate = {"submits", "viewed_form_uniques"},
}

local function rounded(value, factor)
  return math.floor(value * factor + 0.5) / factor
end

--- Returns a statistic from the sums of counts.
---@param counts table<string, number>
---@param name string
---@return number
function M.value(counts, name)
  local ratio = RATIOS[name]
  if name == "conversion_value" then
    return rounded(counts[name] or 0, 100)
  elseif not ratio then
    return counts[name] or 0
  end
  local whole = counts[ratio[2]] or 0
  return whole > 0 and rounded((counts[ratio[1]] or 0) / whole, 10000) or 0
end

--- Adds counts to a sum.
---@param sum table<string, number>
---@param counts table<string, number>|nil
function M.add(sum, counts)
  for name, value in pairs(counts or {}) do
    sum[name] = (sum[name] or 0) + value
  end
end

return M
