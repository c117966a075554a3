--- Returns the attributes that the service sets when a resource is created.

local json = require "klaviyo.sandbox.json"

local M = {}

local MAKE = {}

MAKE["campaign-message"] = function()
  return {send_times = json.array()}
end

MAKE["list"] = function()
  return {opt_in_process = "double_opt_in"}
end

MAKE["segment"] = function()
  return {is_active = true, is_processing = true, is_starred = false}
end

MAKE["campaign"] = function()
  return {
    status = "Draft", archived = false,
    send_strategy = {method = "immediate"},
  }
end

MAKE["flow"] = function()
  return {status = "draft", archived = false, trigger_type = "Metric"}
end

MAKE["webhook"] = function()
  return {enabled = true}
end

MAKE["template"] = function()
  return {editor_type = "CODE", html = "", text = ""}
end

MAKE["template-universal-content"] = function()
  return {screenshot_status = "never_generated", screenshot_url = ""}
end

MAKE["tag-group"] = function()
  return {exclusive = false, default = false}
end

MAKE["profile"] = function()
  return {properties = {}, location = {}}
end

MAKE["metric"] = function()
  return {integration = {object = "integration", id = "7FtS4J",
    key = "api", name = "API", category = "API"}}
end

MAKE["image"] = function(state)
  local name = state.random_ids:uuid()
  return {hidden = false, format = "jpeg", size = 1024, name = name,
    image_url = "https://cdn.example.com/images/" .. name .. ".jpeg"}
end

MAKE["coupon-code"] = function()
  return {status = "UNASSIGNED"}
end

local function catalog()
  return {published = true, images = json.array(), custom_metadata = {}}
end

MAKE["catalog-item"] = catalog

MAKE["catalog-variant"] = function()
  local all = catalog()
  all.inventory_policy, all.inventory_quantity = 0, 0
  return all
end

-- Jobs that start in the state "queued"; all others start in "processing".
local QUEUED = {["profile-bulk-import-job"] = true,
  ["campaign-send-job"] = true, ["campaign-recipient-estimation-job"] = true}

--- Returns the attributes of a new resource.
---@param kind string
---@param state klaviyo.sandbox.State
---@return table
function M.of(kind, state)
  if MAKE[kind] then
    return MAKE[kind](state)
  elseif kind:find("%-job$") then
    return {status = QUEUED[kind] and "queued" or "processing",
      total_count = 0, completed_count = 0, failed_count = 0,
      skipped_count = 0, errors = json.array()}
  end
  return {}
end

local function or_default(value, default)
  return value ~= nil and value ~= json.null and value or default
end

--- Returns the id that is derived from the attributes, for types that have
--- such ids.
---@param kind string
---@param attributes table
---@param relationships table|nil
---@return string|nil
function M.id(kind, attributes, relationships)
  if kind:find("^catalog%-%a+$") and attributes.external_id then
    return ("%s:::%s:::%s"):format(
      or_default(attributes.integration_type, "$custom"),
      or_default(attributes.catalog_type, "$default"), attributes.external_id)
  elseif kind == "coupon" then
    return attributes.external_id
  elseif kind == "coupon-code" and relationships and relationships.coupon then
    return ("%s-%s"):format(relationships.coupon.data.id,
      attributes.unique_code)
  end
end

return M
