--- The scopes of a key, found by calls that only read: one for each scope that has
--- an operation without an id.

local M = {}

-- Each is the cheapest operation that needs this scope alone.
M.LIST = {
  {scope = "accounts:read", operation = "get_accounts"},
  {scope = "campaigns:read", operation = "get_campaigns",
    args = {filter = 'equals(messages.channel,"email")'}},
  {scope = "catalogs:read", operation = "get_catalog_categories"},
  {scope = "coupon-codes:read", operation = "get_bulk_create_coupon_code_jobs"},
  {scope = "coupons:read", operation = "get_coupons"},
  {scope = "custom-objects:read", operation = "get_data_sources"},
  {scope = "events:read", operation = "get_events"},
  {scope = "flows:read", operation = "get_flows"},
  {scope = "forms:read", operation = "get_forms"},
  {scope = "images:read", operation = "get_images"},
  {scope = "lists:read", operation = "get_lists"},
  {scope = "metrics:read", operation = "get_metrics"},
  {scope = "profiles:read", operation = "get_profiles"},
  {scope = "reviews:read", operation = "get_reviews"},
  {scope = "segments:read", operation = "get_segments"},
  {scope = "subscriptions:read", operation = "get_bulk_suppress_profiles_jobs"},
  {scope = "tags:read", operation = "get_tags"},
  {scope = "templates:read", operation = "get_templates"},
  {scope = "tracking-settings:read", operation = "get_tracking_settings"},
  {scope = "web-feeds:read", operation = "get_web_feeds"},
  {scope = "webhooks:read", operation = "get_webhooks"},
}

-- Calls an operation. Returns "granted", "denied", or nil and the error; false if
-- the revision does not have the operation.
local function probe(client, one)
  local known, doc, err = pcall(client.call, client, one.operation, one.args)
  if not known then
    return false
  elseif doc then
    return "granted"
  elseif err.status == 403 then
    return "denied"
  end
  return nil, err
end

--- Returns the scopes that the key has, those that it lacks, and the first other
--- error.
---@param client klaviyo.Client
---@return string[] granted
---@return string[] denied
---@return klaviyo.Error|nil err
function M.run(client)
  local granted, denied, first = {}, {}, nil
  local i = 0
  for result in client:map(M.LIST, function(one)
    local answer, err = probe(client, one)
    return {answer = answer, err = err}
  end, {concurrency = 8}) do
    i = i + 1
    local scope = M.LIST[i].scope
    if result.answer == "granted" then
      granted[#granted + 1] = scope
    elseif result.answer == "denied" then
      denied[#denied + 1] = scope
    end
    first = first or result.err
  end
  return granted, denied, first
end

return M
