--- What `klaviyo report` shows of campaigns, flows, forms and segments, as data.
---   resource    the member of the client, and the name on the command line
---   operation   the operation that returns the values
---   id          the grouping that names the resource
---   message     the grouping that names a message of it
---   names       the operation that lists the resources
---   channels    whether a list of them is of one channel
---   pages       whether the report can have several pages
---   conversion  whether a report needs the metric of its conversions
---   statistics  those that are shown by default; rows are sorted by `sort`

local M = {}

local MESSAGES = {"recipients", "open_rate", "click_rate", "conversions",
  "conversion_value"}

M.list = {
  {
    resource = "campaigns", operation = "query_campaign_values",
    id = "campaign_id", message = "campaign_message_id",
    names = "get_campaigns", channels = true, conversion = true, pages = true,
    statistics = MESSAGES, sort = "conversion_value",
  },
  {
    resource = "flows", operation = "query_flow_values",
    id = "flow_id", message = "flow_message_id",
    names = "get_flows", conversion = true, pages = true,
    statistics = MESSAGES, sort = "conversion_value",
  },
  {
    resource = "forms", operation = "query_form_values",
    id = "form_id", names = "get_forms",
    statistics = {"viewed_form", "submits", "submit_rate"}, sort = "submits",
  },
  {
    resource = "segments", operation = "query_segment_values",
    id = "segment_id", names = "get_segments",
    statistics = {"total_members", "members_added", "members_removed",
      "net_members_changed"}, sort = "total_members",
  },
}

--- Statistics that cannot be added, and the one by which their mean is weighted.
M.WEIGHTS = {
  open_rate = "delivered", click_rate = "delivered",
  conversion_rate = "delivered", unsubscribe_rate = "delivered",
  spam_complaint_rate = "delivered", revenue_per_recipient = "delivered",
  click_to_open_rate = "opens_unique", delivery_rate = "recipients",
  bounce_rate = "recipients", failed_rate = "recipients",
  bounced_or_failed_rate = "recipients", average_order_value = "conversions",
  text_message_roi = "text_message_spend", submit_rate = "viewed_form_uniques",
}

--- Returns a kind by its name.
---@param name string
---@return table|nil
function M.get(name)
  for _, kind in ipairs(M.list) do
    if kind.resource == name then
      return kind
    end
  end
end

local TITLES = {conversion_value = "value"}

--- Returns the title of a statistic in a table, which is shorter than its name.
---@param name string
---@return string
function M.title(name)
  return TITLES[name] or (name:gsub("_rate$", ""):gsub("_", " "))
end

--- Returns a statistic as text: rates in percent, amounts with two decimals.
---@param name string
---@param value number|nil
---@return string
function M.format(name, value)
  if type(value) ~= "number" or value ~= value then
    return "-"
  elseif name:find("_rate$") then
    return ("%.1f%%"):format(value * 100)
  elseif name:find("value") or name:find("revenue") or name:find("spend")
      or name:find("roi") then
    return M.grouped(("%.2f"):format(value))
  end
  return M.grouped(value % 1 == 0 and ("%d"):format(value)
    or ("%.2f"):format(value))
end

--- Returns a number, as text, with commas between thousands.
---@param text string
---@return string
function M.grouped(text)
  local sign, digits, rest = text:match("^(-?)(%d+)(.*)$")
  digits = digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. digits .. rest
end

return M
