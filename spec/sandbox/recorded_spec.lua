-- Compares the sandbox with recorded responses of the live service, if they are next to the
-- repository: the same call on the sandbox must give a response of the same shape. Compared are the
-- status, whether there is a content-type, the members of each object, their types, null against
-- absent, the form of ids, times with or without fractions, and the pointers of errors.

local json = require "klaviyo.sandbox.json"
local klaviyo = require "klaviyo"
local sandbox = require "spec.support.sandbox"
local shapes = require "spec.support.shapes"
local tables = require "klaviyo.util.tables"

local directory = (os.getenv("KLAVIYO_ORACLE") or "../shared") .. "/recorded/"

-- Accepted differences, by "operation.status path", each with its reason.
local ACCEPTED = {
}

local function read(name)
  local file = io.open(directory .. name .. ".json", "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return assert(json.decode(text)).response
end

-- The resources that the calls use, created once.
local made = {}

local function data(kind, attributes, relationships, id)
  return {data = {type = kind, id = id, attributes = attributes,
    relationships = relationships}}
end

local function many(kind, ...)
  local list = {}
  for i, id in ipairs {...} do
    list[i] = {type = kind, id = id}
  end
  return {data = klaviyo.array(list)}
end

local function profile(email, more)
  local attributes = {email = email}
  for name, value in pairs(more or {}) do
    attributes[name] = value
  end
  return {data = {type = "profile", attributes = attributes}}
end

local function event(name, email, more)
  local attributes = {properties = {sku = "D4", bulk = true},
    metric = data("metric", {name = name}), profile = profile(email)}
  for member, value in pairs(more or {}) do
    attributes[member] = value
  end
  return data("event", attributes)
end

local function campaign(channel)
  local content = channel == "email" and {subject = "S", preview_text = "P",
    from_email = "a@example.com", from_label = "A",
    reply_to_email = "a@example.com", cc_email = "a@example.com",
    bcc_email = "a@example.com"} or {body = "B"}
  return data("campaign", {
    name = "smoke-" .. channel, audiences = {included = {made.list}},
    send_strategy = {method = "static", datetime = "2026-10-04T09:00:00+00:00",
      options = {is_local = false}},
    send_options = channel == "sms" and {use_smart_sending = false} or nil,
    tracking_options = channel == "email" and {add_tracking_params = true,
      custom_tracking_params = {
        {type = "static", value = "smoke", name = "utm_source"},
        {type = "static", value = "email", name = "utm_medium"}}} or nil,
    ["campaign-messages"] = {data = {{type = "campaign-message",
      attributes = {definition = {channel = channel,
        label = channel == "email" and "L" or nil,
        content = content}}}}},
  })
end

local function membership(group)
  return {conditions = {{type = "profile-group-membership", is_member = true,
    group_ids = {group}}}}
end

local PROPERTY = {conditions = {{type = "profile-property",
  property = "properties['run']",
  filter = {type = "string", operator = "equals", value = "x"}}}}

local function segment(name, ...)
  return data("segment", {name = name,
    definition = {condition_groups = {...}}})
end

local function delay(id, following)
  return {temporary_id = id, type = "time-delay", links = {next = following},
    data = {unit = "hours", value = 2, secondary_value = 0,
      timezone = "profile"}}
end

local function flow(name, template)
  local actions = {delay("one", template and "two" or klaviyo.null)}
  actions[2] = template and {temporary_id = "two", type = "send-email",
    links = {next = klaviyo.null}, data = {status = "draft", message = {
      from_email = "a@example.com", from_label = "A",
      reply_to_email = "a@example.com", subject_line = "S",
      preview_text = "P", template_id = template, name = "M"}}} or nil
  return data("flow", {name = name, definition = {triggers = {{type = "list",
    id = made.list}}, entry_action_id = "one", actions = actions}})
end

local function report()
  return data("campaign-values-report", {statistics = {"opens"},
    timeframe = {key = "last_7_days"}, conversion_metric_id = made.metric})
end

-- Performs one step of preparation and returns the id of what it created.
local function make(client, operation, body)
  local answer, err = client:call(operation, {body = body})
  assert(answer, operation .. ": " .. tostring(err))
  return answer.data and answer.data.id, answer
end

local function prepare(client)
  made.list = make(client, "create_list", data("list", {name = "one"}))
  made.list2 = make(client, "create_list", data("list", {name = "two"}))
  made.profile = make(client, "create_profile", profile("a@example.com"))
  made.other = make(client, "create_profile", profile("b@example.com"))
  make(client, "bulk_suppress_profiles",
    data("profile-suppression-bulk-create-job",
      {profiles = {data = {profile("a@example.com").data}}}))
  assert(client:call("add_profiles_to_list", {id = made.list,
    body = many("profile", made.profile)}))
  make(client, "create_event", event("Smoke", "ev@example.com",
    {value = 3, value_currency = "EUR", unique_id = "1"}))
  make(client, "create_event", event("Smoke", "ev2@example.com",
    {value = 4, unique_id = "2"}))
  make(client, "create_event", event("Smoke", "ev2@example.com",
    {value = 5, unique_id = "3"}))
  for metric in client:each("get_metrics") do
    made.metric = metric.attributes.name == "Smoke" and metric.id
      or made.metric
  end
  for one in client:each("get_events",
    {filter = ('equals(metric_id,"%s")'):format(made.metric)}) do
    made.event = made.event or one.id
  end
  made.template = make(client, "create_template", data("template",
    {name = "T", editor_type = "CODE", html = "<p>hi</p>", text = "hi"}))
  local _, answer
  made.campaign, answer = make(client, "create_campaign", campaign("email"))
  made.message =
    answer.data.relationships["campaign-messages"].data[1].id
  made.segment = make(client, "create_segment",
    segment("one", membership(made.list), PROPERTY))
  make(client, "create_segment", segment("two", PROPERTY))
  made.flow = make(client, "create_flow", flow("aaa", made.template))
  make(client, "create_flow", flow("aab"))
  made.job = make(client, "bulk_import_profiles",
    data("profile-bulk-import-job", {profiles = {data = {
      profile("i@example.com").data}}}, {lists = many("list", made.list)}))
  for form in client:each("get_forms") do
    made.form = form.id
  end
  return _
end

local FIELDS = {
  ["flow-action"] = {"definition", "created", "updated"},
}

-- "operation.status" → the arguments of the call, and the steps before it.
local CALLS = {
  ["add_profiles_to_list.204"] = function()
    return {id = made.list, body = many("profile", made.other)}
  end,
  ["bulk_import_profiles.202"] = function()
    return {body = data("profile-bulk-import-job", {profiles = {data = {
      profile("j@example.com").data}}}, {lists = many("list", made.list)})}
  end,
  ["create_campaign.201"] = function()
    return {body = campaign("sms")}
  end,
  ["create_event.202"] = function()
    return {body = event("Smoke", "ev@example.com",
      {value = 3, value_currency = "EUR"})}
  end,
  ["create_list.201"] = function()
    return {body = data("list", {name = "three"})}
  end,
  ["create_or_update_profile.201"] = function()
    return {body = profile("new@example.com",
      {first_name = "Bee", properties = {source = "import"}})}
  end,
  ["create_profile.409"] = function()
    return {body = profile("a@example.com")}
  end,
  ["create_segment.201"] = function()
    return {body = segment("three", membership(made.list))}
  end,
  ["create_tag.404"] = function()
    return {body = data("tag", {name = "x"}, {["tag-group"] = {data =
      {type = "tag-group", id = "00000000-0000-0000-0000-000000000000"}}})}
  end,
  ["create_template.201"] = function()
    return {body = data("template", {name = "T2", editor_type = "CODE",
      html = "<p>hi</p>", text = "hi"})}
  end,
  ["create_webhook.201"] = function()
    return {query = {["fields[webhook]"] =
      "name,endpoint_url,enabled,description,created_at"},
      body = data("webhook", {name = "w", description = "d",
        endpoint_url = "https://example.com/hook", secret_key = "0123456789"},
        {["webhook-topics"] = many("webhook-topic",
          "event:klaviyo.subscribed_to_email_marketing")})}
  end,
  ["create_webhook.403"] = function(server)
    server:fault {operation = "create_webhook", status = 403,
      error = "permission_denied"}
    return {body = data("webhook", {name = "w",
      endpoint_url = "https://example.com/hook", secret_key = "0123456789"},
      {["webhook-topics"] = many("webhook-topic",
        "event:klaviyo.opened_email")})}
  end,
  ["delete_template.409"] = function()
    return {id = made.template}
  end,
  ["get_accounts.200"] = {},
  ["get_accounts.429"] = function(server)
    server:fault {operation = "get_accounts", throttled = 1}
    return {}
  end,
  ["get_bulk_import_profiles_job.200"] = function()
    return {id = made.job, include = "lists", fields = {
      ["profile-bulk-import-job"] =
        {"status", "completed_count", "failed_count", "total_count"}}}
  end,
  ["get_bulk_import_profiles_jobs.200"] = function(_, client)
    for _ = 1, 3 do -- until it is complete
      assert(client:call("get_bulk_import_profiles_job", {id = made.job}))
    end
    return {sort = "-created_at", filter = 'equals(status,"complete")',
      page = {size = 10},
      fields = {["profile-bulk-import-job"] = {"status", "created_at"}}}
  end,
  ["get_campaign.200"] = function()
    return {id = made.campaign, include = {"campaign-messages", "tags"},
      fields = {
        campaign = {"name", "status", "archived", "audiences", "send_options",
          "tracking_options", "send_strategy", "created_at", "updated_at",
          "send_time"},
        ["campaign-message"] = {"definition", "send_times", "created_at"}}}
  end,
  ["get_campaigns.200"] = function()
    return {sort = "-updated_at", page = {size = 5},
      filter = 'equals(messages.channel,"email"),equals(archived,false),'
        .. 'any(status,["Draft","Scheduled"])'}
  end,
  ["get_campaigns.400"] = function()
    return {query = {filter = 'equals(messages.channel,"email"),'
      .. 'equals(name,"x")'}}
  end,
  ["get_errors_for_bulk_import_profiles_job.200"] = function()
    return {id = made.job, page = {size = 10},
      fields = {["import-error"] = {"code", "detail"}}}
  end,
  ["get_event.200"] = function()
    return {id = made.event, include = {"metric", "profile", "attributions"},
      fields = {event = {"event_properties", "datetime"}, metric = {"name"},
        profile = {"email"}}}
  end,
  ["get_events.200"] = function()
    return {include = {"metric", "profile"}, sort = "-datetime",
      page = {size = 2}, filter = ('equals(metric_id,"%s")'):format(made.metric),
      fields = {event = {"timestamp", "datetime", "event_properties", "uuid"},
        metric = {"name"}, profile = {"email"}}}
  end,
  ["get_flow.200"] = function()
    return {id = made.flow, include = {"flow-actions", "tags"},
      fields = {flow = {"name", "status"},
        ["flow-action"] = FIELDS["flow-action"]}}
  end,
  ["get_flows.200"] = function()
    return {include = {"flow-actions", "tags"}, sort = "name",
      fields = {flow = {"name"}, ["flow-action"] = {"definition"}}}
  end,
  ["get_list.200"] = function()
    return {id = made.list, include = {"tags", "flow-triggers"},
      fields = {list = {"name", "created", "updated", "opt_in_process"}},
      additional_fields = {list = {"profile_count"}}}
  end,
  ["get_lists.200"] = function()
    return {include = "tags",
      filter = ('any(id,["%s","%s"])'):format(made.list, made.list2)}
  end,
  ["get_lists_for_profile.200"] = function()
    return {id = made.profile, fields = {list = {"name"}}}
  end,
  ["get_metric.404"] = {id = "NOPE01"},
  ["get_metrics.200"] = {filter = 'equals(integration.name,"API")',
    include = "flow-triggers",
    fields = {metric = {"name", "created", "updated", "integration"}}},
  ["get_profile.404"] = {id = "NOPE01"},
  ["get_profile_ids_for_list.200"] = function()
    return {id = made.list}
  end,
  ["get_profiles_for_list.200"] = function()
    return {id = made.list, page = {size = 1},
      filter = 'equals(email,"a@example.com")',
      fields = {profile = {"email", "joined_group_at"}},
      additional_fields = {profile = {"subscriptions"}}}
  end,
  ["get_segment.200"] = function()
    return {id = made.segment, include = {"tags", "flow-triggers"},
      additional_fields = {segment = {"profile_count"}}}
  end,
  ["get_segments.200"] = function(_, client)
    make(client, "create_segment", segment("four", PROPERTY))
    return {include = "tags", sort = "-created"}
  end,
  ["get_template.200"] = function()
    return {id = made.template, fields = {template = {"name"}}}
  end,
  ["get_templates.200"] = {sort = "-created", page = {size = 10},
    fields = {template = {"name", "created"}}},
  ["get_versions_for_form.500"] = function(server)
    server:fault {operation = "get_versions_for_form", error = "error"}
    return {id = made.form}
  end,
  ["get_webhook.404"] = {id = "999999999"},
  ["get_webhook_topics.200"] = {fields = {["webhook-topic"] = {"id"}}},
  ["query_campaign_values.200"] = function()
    return {body = report()}
  end,
  ["query_campaign_values.429"] = function(server)
    server:fault {operation = "query_campaign_values", throttled = 1}
    return {body = report()}
  end,
  ["update_campaign_message.400"] = function()
    return {id = made.message, body = data("campaign-message",
      {definition = {channel = "email", label = "L",
        content = {subject = "S"}, render_options = {shorten_links = true}}},
      nil, made.message)}
  end,
  ["update_list.200"] = function()
    return {id = made.list2,
      body = data("list", {name = "renamed"}, nil, made.list2)}
  end,
}

describe("the sandbox and the live service", function()
  if not read("get_list.200") then
    pending("missing recorded responses: " .. directory)
    return
  end

  local fixture = sandbox.here(setup, teardown)
  local client

  setup(function()
    client = fixture:new_client {revision = "2026-07-15"}
    prepare(client)
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  for _, name in ipairs(tables.sorted(CALLS)) do
    it("return equal responses: " .. name, function()
      local recorded = assert(read(name), name)
      local call = CALLS[name]
      local args = type(call) == "function" and call(fixture.server, client)
        or call
      local operation = name:match("^[^.]+")
      local answer, err = client:call(operation, args)
      local response = (answer or err).response
      assert(response, tostring(err))
      local body = response.body ~= "" and response.body or nil
      local revision_diff = shapes.revision_diff(recorded, {
        status = response.status,
        headers = {["content-type"] = response.headers["content-type"]},
        body = body and assert(json.decode(body)) or json.null,
      })
      local left = {}
      for _, difference in ipairs(revision_diff) do
        if not ACCEPTED[name .. " " .. difference.path] then
          left[#left + 1] = difference.path .. ": " .. difference.text
        end
      end
      assert.same({}, left)
    end)
  end

  it("are compared for every recorded response", function()
    local list = io.popen("ls '" .. directory .. "'")
    for file in list:lines() do
      local name = file:match("^(.*)%.json$")
      if name and not CALLS[name] then
        list:close()
        error("no call is compared with " .. file)
      end
    end
    list:close()
  end)
end)
