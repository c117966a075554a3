--- Finds ids by names, and names by ids.

local klaviyo = require "klaviyo"
local sorted_keys = require "klaviyo.cli.sorted_keys"
local suggest = require "klaviyo.cli.suggest"

local M = {}

-- How many ids a filter has at most.
local MAX_IDS = 50

local function name_of(resource)
  return (resource.attributes or {}).name
end

local function integration_of(metric)
  local integration = (metric.attributes or {}).integration
  return type(integration) == "table" and type(integration.name) == "string"
    and integration.name or nil
end

-- Ends the command: there is no such metric.
local function no_metric(context, wanted, names, option)
  local near = suggest.text(wanted, names)
  context:usage('there is no metric "%s"%s%s', wanted, near,
    option and "; choose one with " .. option
      or near == "" and "; `klaviyo find` lists them" or "")
end

--- Returns a metric by its name, in any case, or by its id. Ends the command if
--- there is none, or more than one.
---@param context klaviyo.cli.Context
---@param client klaviyo.Client
---@param wanted string
---@param option string|nil  the option that names the metric, for messages
---@return {id: string, name: string}
function M.metric(context, client, wanted, option)
  local exact, similar, names = {}, {}, {}
  for metric in client.metrics:each() do
    local name = name_of(metric) or ""
    names[#names + 1] = name
    if metric.id == wanted then
      return {id = metric.id, name = name}
    elseif name == wanted then
      exact[#exact + 1] = metric
    elseif name:lower() == wanted:lower() then
      similar[#similar + 1] = metric
    end
  end
  local found = #exact > 0 and exact or similar
  if #found == 0 then
    no_metric(context, wanted, names, option)
  elseif #found > 1 then
    local list = {}
    for i, metric in ipairs(found) do
      local integration = integration_of(metric)
      list[i] = metric.id .. (integration and (" (%s)"):format(integration) or "")
    end
    context:usage('%d metrics are named "%s"; name one by its id: %s', #found,
      wanted, table.concat(list, ", "))
  end
  return {id = found[1].id, name = name_of(found[1])}
end

-- Returns the ids that have no name yet, in groups.
local function groups_of(ids, names)
  local groups = {}
  for _, id in ipairs(ids) do
    if not names[id] then
      local last = groups[#groups]
      if not last or #last == MAX_IDS then
        last = {}
        groups[#groups + 1] = last
      end
      last[#last + 1] = id
    end
  end
  return groups
end

-- Adds the names of the resources that a filter finds.
local function add_names(client, kind, filter, names)
  for resource in client:each(kind.names, {filter = filter}) do
    names[resource.id] = name_of(resource)
  end
end

-- The channels of campaigns, as a list of them names them.
local CHANNELS = {email = "email", sms = "sms",
  ["push-notification"] = "mobile_push", mobile_push = "mobile_push",
  push = "mobile_push"}

-- Returns whether the operation can filter by id, in a revision.
local function filters_ids(kind, revision)
  local facts = klaviyo.operations.get(kind.names, {revision = revision})
  for _, filter in ipairs(facts.filters) do
    if filter.name == "id" then
      return true
    end
  end
  return false
end

--- Returns the names of resources by their ids. One that is unknown has none.
---@param client klaviyo.Client
---@param kind table  see kinds.lua
---@param ids_by_channel table<string, string[]>  ids by send_channel
---@param revision string  of the client
---@return table<string, string>
function M.of(client, kind, ids_by_channel, revision)
  local names, f = {}, klaviyo.filter
  local by_id = filters_ids(kind, revision)
  for _, channel in ipairs(sorted_keys(ids_by_channel)) do
    local in_channel = kind.channels
      and f.equals("messages.channel", CHANNELS[channel] or channel) or nil
    local groups = groups_of(ids_by_channel[channel], names)
    if not by_id and #groups > 0 then
      add_names(client, kind, in_channel, names)
    else
      for _, ids in ipairs(groups) do
        local filter = f.any("id", ids)
        add_names(client, kind, in_channel and f.all(in_channel, filter) or filter,
          names)
      end
    end
  end
  return names
end

return M
