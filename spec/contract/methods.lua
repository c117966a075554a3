-- Calls an operation by the method that a user of the client would call; the
-- method is derived from the operation's verb and path alone.

local klaviyo = require "klaviyo"

local M = {}

local COLLECTION = {GET = "list", POST = "create"}
local MEMBER = {GET = "get", PATCH = "update", DELETE = "delete"}
local LINKAGE = {GET = "ids", POST = "add", PATCH = "replace", DELETE = "remove"}

-- Non-CRUD operations have their own methods of a resource.
local ACTIONS = {
  ["POST /api/campaign-audience-clone"] = {"campaign_audiences", "clone"},
  ["POST /api/campaign-clone"] = {"campaigns", "clone"},
  ["POST /api/campaign-message-clone"] = {"campaign_messages", "clone"},
  ["POST /api/campaign-message-schedule"] = {"campaign_messages", "schedule"},
  ["PATCH /api/campaign-message-schedule/{id}"] = {"campaign_messages", "reschedule"},
  ["POST /api/customer-agent-values-reports"] = {"customer_agents", "query_values"},
  ["POST /api/customer-agent-skill-values-reports"] = {"agent_skills", "query_values"},
  ["POST /api/campaign-message-assign-template"] = {"campaign_messages", "assign_template"},
  ["POST /api/campaign-recipient-estimation-jobs"] = {"campaigns", "estimate_recipients"},
  ["POST /api/campaign-send-jobs"] = {"campaigns", "send"},
  ["PATCH /api/campaign-send-jobs/{id}"] = {"campaigns", "cancel_send"},
  ["POST /api/campaign-values-reports"] = {"campaigns", "query_values"},
  ["POST /api/data-privacy-deletion-jobs"] = {"profiles", "request_deletion"},
  ["POST /api/flow-series-reports"] = {"flows", "query_series"},
  ["POST /api/flow-values-reports"] = {"flows", "query_values"},
  ["POST /api/form-series-reports"] = {"forms", "query_series"},
  ["POST /api/form-values-reports"] = {"forms", "query_values"},
  ["POST /api/image-upload"] = {"images", "upload"},
  ["POST /api/metric-aggregates"] = {"metrics", "query"},
  ["POST /api/profile-import"] = {"profiles", "upsert"},
  ["POST /api/profile-merge"] = {"profiles", "merge"},
  ["POST /api/profile-subscription-bulk-create-jobs"] = {"profiles", "subscribe"},
  ["POST /api/profile-subscription-bulk-delete-jobs"] = {"profiles", "unsubscribe"},
  ["POST /api/profile-suppression-bulk-create-jobs"] = {"profiles", "suppress"},
  ["POST /api/profile-suppression-bulk-delete-jobs"] = {"profiles", "unsuppress"},
  ["POST /api/segment-series-reports"] = {"segments", "query_series"},
  ["POST /api/segment-values-reports"] = {"segments", "query_values"},
  ["POST /api/template-clone"] = {"templates", "clone"},
  ["POST /api/template-render"] = {"templates", "render"},
}

local function underscored(name)
  return (name:gsub("-", "_"))
end

local function without_id(t)
  local rest = {}
  for name, value in pairs(t or {}) do
    if name ~= "id" and name ~= "job_id" then
      rest[name] = value
    end
  end
  return rest
end

-- Returns the arguments without the id, and the id.
local function params_of(args)
  return without_id(args), args.id or args.job_id
end

local function by_action(resource, verb, case, args, options)
  local params, id = params_of(args)
  local method = resource[verb]
  if id then
    return method(resource, id, without_id(case.flat), params, options)
  end
  return method(resource, case.flat, params, options)
end

local function by_collection(resource, case, args, options)
  local verb = COLLECTION[case.method]
  if case.method == "GET" then
    return resource[verb](resource, args, options)
  end
  return resource[verb](resource, case.flat, args, options)
end

local function by_member(resource, case, args, options)
  local verb = MEMBER[case.method]
  local params, id = params_of(args)
  if case.method == "PATCH" then
    return resource[verb](resource, id, without_id(case.flat), params, options)
  end
  return resource[verb](resource, id, params, options)
end

local function by_linkage(relation, case, params, options)
  local verb = LINKAGE[case.method]
  if case.method == "GET" then
    for _ in relation[verb](relation, params, options) do end  -- luacheck: ignore 542
    return true
  end
  return relation[verb](relation, case.flat, options)
end

-- {root}/{name}, {root}/{name}/{id}, …/relationships/{relation}, …/{relation}
local function by_resource(client, case, args, options)
  local root, name, rest = case.template:match("^/(%w+)/([%w-]+)(.*)$")
  local resource = (root == "client" and client.public or client)[underscored(name)]
  if rest == "" then
    return by_collection(resource, case, args, options)
  elseif rest:find("^/{[%w_]+}$") then
    return by_member(resource, case, args, options)
  end
  local params, id = params_of(args)
  local linkage = rest:match("^/{[%w_]+}/relationships/([%w-]+)$")
  if linkage then
    return by_linkage(resource:at(id)[underscored(linkage)], case, params, options)
  end
  local related = rest:match("^/{[%w_]+}/([%w-]+)$")
  return resource:at(id)[underscored(related)]:list(params, options)
end

-- Calls an operation by its id or alias, which works for all operations.
local function by_operation(client, case, args, options)
  if case.upload then
    args.body = case.flat
  elseif case.flat ~= nil then
    args.body = klaviyo.document(case.alias or case.operation, case.flat,
      {revision = case.revision})
  end
  return client:call(case.alias or case.operation, args, options)
end

--- Sends the request of a case; full cases are called by the operation's id.
---@return table|boolean|nil, table|nil  what the client returned
function M.call(client, case, args, options)
  local action = ACTIONS[case.method .. " " .. case.template]
  if case.alias or case.name == "full" then
    return by_operation(client, case, args, options)
  elseif action then
    return by_action(client[action[1]], action[2], case, args, options)
  end
  return by_resource(client, case, args, options)
end

return M
