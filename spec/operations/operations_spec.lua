local operations = require "klaviyo.operations"
local script = require "spec.support.script"
local tables = require "klaviyo.util.tables"

-- revision → operations of its OpenAPI document
local COUNTS = {
  ["2024-10-15"] = 261, ["2025-01-15"] = 266, ["2025-04-15"] = 289,
  ["2025-07-15"] = 301, ["2025-10-15"] = 303, ["2026-01-15"] = 304,
  ["2026-04-15"] = 309, ["2026-07-15"] = 345, ["2026-10-15"] = 412,
}

-- beta revision → its own operations, in its OpenAPI document
local BETAS = {
  ["2025-07-15.pre"] = 9, ["2026-01-15.pre"] = 32, ["2026-04-15.pre"] = 126,
  ["2026-07-15.pre"] = 148,
}

local first = operations.revision("2024-10-15")
local second = operations.revision("2025-01-15")
local last = operations.revision("2026-07-15")

-- Collects everything that a member of a request document refers to.
local function visit_members(member, counted, visit)
  if counted[member] then
    return
  end
  counted[member] = true
  visit(member)
  for _, part in ipairs {"members", "attributes", "meta"} do
    for _, inner in pairs(member[part] or {}) do
      visit_members(inner, counted, visit)
    end
  end
  for _, branch in ipairs(member.any_of or {}) do
    visit_members(branch, counted, visit)
  end
  for _, part in ipairs {"items", "document"} do
    if member[part] then
      visit_members(member[part], counted, visit)
    end
  end
end

describe("the table of operations", function()
  it("lists its revisions, the oldest first", function()
    assert.same(tables.sorted(COUNTS), operations.revisions())
    for _, text in ipairs {"", "latest", "2024-10", "2024-13-01", "2024-00-10", "2024-10-32", "2024-10-15.beta",
        "2024-10-15 ", "../client"} do
      assert.is_nil(operations.revision(text), text)
    end
    assert.is_nil(operations.revision(nil))
  end)

  it("has every operation of every revision", function()
    for date, count in pairs(COUNTS) do
      local revision = operations.revision(date)
      assert.equal(date, revision.date)
      assert.equal(count, #revision:names())
    end
  end)

  it("has every operation of every beta revision, and the stable ones that it does not replace", function()
    local dates = {}
    for name, count in pairs(BETAS) do
      dates[#dates + 1] = name
      local revision, own = operations.revision(name), 0
      local stable = name:gsub("%.pre$", "")
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local plain = id:match("^(.*)_beta$")
        if plain then
          own = own + 1
          assert.is_nil(op.revision)
          assert.equal(op, revision:operation(plain))
          assert.equal(op, revision:find(op.method, op.path))
        else
          assert.equal(stable, op.revision, id)
          assert.equal(op.path, operations.revision(stable):operation(id).path)
        end
      end
      assert.equal(count, own, name)
    end
    table.sort(dates)
    assert.same(dates, operations.betas())
  end)

  it("knows of 2026-10-15 what betas and the changelog say", function()
    local revision = operations.revision "2026-10-15"
    assert.is_true(revision.is_lenient)
    local logo = revision:operation "get_brand_logos"
    assert.same({second = 10, minute = 150}, logo.limit)
    assert.same({"brands:read"}, logo.scopes)
    assert.same({second = 3, minute = 60}, revision:operation("create_brand_logo").limit)
    assert.truthy(revision:operation "schedule_campaign_message")
    assert.truthy(revision:operation "get_text_messaging_senders")
    for _, id in ipairs(revision:names()) do
      assert.is_nil(id:find("_beta", 1, true), id)
    end
  end)

  it("returns the same record for the same revision", function()
    assert.equal(first, operations.revision("2024-10-15"))
    assert.equal(first:operation("get_list"), first:operation("get_list"))
    assert.equal(first:operation("bulk_subscribe_profiles"),
      first:operation("subscribe_profiles"))
  end)

  it("returns nil for an unknown name", function()
    for _, name in ipairs {"get", "get_profle", "", "-", "%a", "get_profiles ",
      "GET", "profiles:read"} do
      assert.is_nil(first:operation(name))
    end
    assert.is_nil(first:operation(nil))
    -- removed since
    assert.truthy(first:operation("get_create_categories_job"))
    assert.equal("get_bulk_create_categories_job",
      second:operation("get_create_categories_job").id)
  end)

  it("parses every line, and finds it by id, alias, template and path", function()
    for date in pairs(COUNTS) do
      local revision = operations.revision(date)
      local names = #revision:names()
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        assert.equal(id, op.id)
        assert.truthy(next(op.success), id)
        assert.truthy(op.limit.second and op.limit.minute, id)
        assert.equal(op, revision:find(op.method, op.path))
        local path = op.path:gsub("{[^}]*}", "a%%2Fb")
        local found, params = revision:route(op.method, path)
        assert.equal(op, found)
        for _, name in ipairs(op.path_params) do
          assert.equal("a%2Fb", params[name])
        end
        for _, alias in ipairs(op.aliases) do
          assert.equal(op, revision:operation(alias))
          names = names + 1
        end
        for _, parameter in pairs(op.query) do
          assert.truthy(parameter.type)
          assert.truthy(parameter.type ~= "list" or #parameter.values > 0)
        end
      end
      assert.equal(names, #revision:all_names())
    end
  end)

  it("parses every schema of every request", function()
    local known = {string = 1, integer = 1, number = 1, boolean = 1,
      object = 1, list = 1, any = 1, document = 1, null = 1}
    for date in pairs(COUNTS) do
      local revision, counted = operations.revision(date), {}
      for _, id in ipairs(revision:names()) do
        local body = revision:operation(id).body
        if body and body.style == "document" then
          assert.truthy(body.resource.type:match("^[%l-]+$"))
          visit_members(body.resource, counted, function(member)
            if not member.required or member.required == true then
              assert.truthy(known[member.type], member.type)
            else
              for _, one in pairs(member.relationships or {}) do
                assert.truthy(one.type:match("^[%l-]+$"))
              end
            end
          end)
        end
      end
    end
  end)

  it("has no line longer than MAX_LINE", function()
    for date in pairs(COUNTS) do
      for id, text in pairs(operations.revision(date):lines().operations) do
        assert.truthy(#id + #text < 4000)
      end
    end
  end)

  it("has no name that is both an attribute and a relationship", function()
    for date in pairs(COUNTS) do
      local revision = operations.revision(date)
      for _, id in ipairs(revision:names()) do
        local body = revision:operation(id).body
        if body and body.style == "document" then
          visit_members(body.resource, {}, function(member)
            for name in pairs(member.relationships or {}) do
              assert.is_nil((member.attributes or {})[name])
            end
          end)
        end
      end
    end
  end)

  it("needs little memory until more is used", function()
    local output = script.run([[
      collectgarbage() collectgarbage()
      local before = collectgarbage("count")
      local revision = require("klaviyo.operations").revision("2024-10-15")
      assert(revision:operation("get_profiles"))
      collectgarbage() collectgarbage()
      print(collectgarbage("count") - before)
    ]])
    assert.truthy(tonumber(output) < 150, output)
  end)
end)

describe("an operation's record", function()
  it("has the parameters and the data of a collection", function()
    local op = first:operation("get_profiles")
    assert.equal("GET", op.method)
    assert.equal("/api/profiles", op.path)
    assert.same({}, op.path_params)
    assert.equal("profile", op.type)
    assert.is_true(op.many)
    assert.is_nil(op.public)
    assert.is_nil(op.body)
    assert.same({[200] = true}, op.success)
    assert.same({"profiles:read"}, op.scopes)
    assert.same({second = 75, minute = 700}, op.limit)
    assert.same({["additional-fields[profile]=predictive_analytics"] =
      {second = 10, minute = 150}}, op.reduced)
    assert.same({style = "cursor", param = "page[cursor]",
      size = {default = 20, min = 1, max = 100}}, op.page)
    assert.same({"any", "equals"}, op.filter.fields.email)
    assert.same({"greater-than", "less-than"}, op.filter.fields.created)
    assert.same({"greater-or-equal", "greater-than", "less-or-equal",
      "less-than"},
      op.filter.fields["subscriptions.email.marketing.suppression.timestamp"])
    assert.is_nil(op.filter.required)
    assert.equal("list", op.query["fields[profile]"].type)
    assert.truthy(table.concat(op.query["fields[profile]"].values, " ")
      :find("location.address1", 1, true))
    assert.same({type = "list",
      values = {"predictive_analytics", "subscriptions"}},
      op.query["additional-fields[profile]"])
    assert.truthy((" " .. table.concat(op.query.sort.values, " ") .. " ")
      :find(" -created ", 1, true))
    assert.same({type = "integer"}, op.query["page[size]"])
  end)

  it("has the required names", function()
    assert.is_true(first:operation("get_campaigns").filter.required)
    assert.is_true(first:operation("get_campaigns").query.filter.required)
    local op = first:operation("create_client_event")
    assert.is_true(op.public)
    assert.same({type = "string", required = true}, op.query.company_id)
  end)

  it("has the facts that only the API's descriptions contain", function()
    assert.equal("offset", first:operation("get_action_ids_for_flow").page.style)
    assert.equal("offset",
      first:operation("get_messages_for_flow_action").page.style)
    assert.same({["include=lists"] = {second = 1, minute = 15},
      ["include=segments"] = {second = 1, minute = 15}},
      first:operation("get_profile").reduced)
  end)

  it("has the daily limits", function()
    assert.same({second = 10, minute = 150, day = 150},
      first:operation("create_list").limit)
    assert.equal(225, first:operation("query_campaign_values").limit.day)
  end)

  it("has the pages that are requested by POST", function()
    assert.same({style = "cursor", param = "page_cursor"},
      first:operation("query_campaign_values").page)
    assert.same({style = "body", param = "page_cursor"},
      first:operation("query_metric_aggregates").page)
  end)

  it("has every success status, and whether it has a body", function()
    assert.same({[200] = true, [201] = true},
      first:operation("create_or_update_profile").success)
    assert.same({[202] = false}, first:operation("create_event").success)
    assert.same({[204] = false}, first:operation("delete_webhook").success)
  end)

  it("has a multipart body", function()
    assert.same({style = "multipart", parts = {
      file = {type = "file", required = true},
      name = {type = "string"}, hidden = {type = "boolean"},
    }}, first:operation("upload_image_from_file").body)
  end)

  it("has a list of identifiers, in a DELETE as well", function()
    for _, id in ipairs {"add_profiles_to_list", "remove_profiles_from_list"} do
      local body = first:operation(id).body
      assert.is_true(body.many)
      assert.equal("profile", body.resource.type)
      assert.equal("required", body.resource.id)
      assert.is_nil(body.resource.attributes)
    end
  end)

  it("has attributes, nested resources, relationships and meta", function()
    local event = first:operation("create_event").body.resource
    assert.same({attributes = true}, event.required)
    assert.is_true(event.attributes.profile.required)
    assert.equal("profile", event.attributes.profile.document.type)
    assert.is_true(event.attributes.properties.free)
    assert.equal("number", event.attributes.value.type)
    assert.is_true(event.attributes.value.nullable)
    assert.equal("date-time", event.attributes.time.format)
    local location = event.attributes.profile.document.attributes.location
    assert.equal("string", location.members.city.type)
    assert.same({"string", "number"}, {location.members.latitude.any_of[1].type,
      location.members.latitude.any_of[2].type})
    local webhook = first:operation("create_webhook").body.resource
    assert.same({type = "webhook-topic", many = true},
      webhook.relationships["webhook-topics"])
    local profile = first:operation("update_profile").body.resource
    assert.equal("required", profile.id)
    assert.is_true(profile.meta.patch_properties.members.append.free)
    local code = first:operation("update_coupon_code").body.resource
    assert.truthy(#code.attributes.status.values > 3)
  end)

  it("has other parameters and headers in a later revision", function()
    local op = last:operation("get_client_review_values_reports")
    assert.is_true(op.query.statistics.required)
    assert.truthy(#op.query.timeframe.values > 0)
    assert.same({["X-Klaviyo-API-Filters"] = {type = "string"}},
      last:operation("get_client_geofences").headers)
  end)
end)

describe("a path's operation", function()
  it("is the one with literal segments, if there is one", function()
    assert.equal("get_campaign_recipient_estimation_job",
      first:route("GET", "/api/campaign-recipient-estimation-jobs/x").id)
    for date in pairs(COUNTS) do
      local revision = operations.revision(date)
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        if #op.path_params == 0 then
          assert.equal(op, (revision:route(op.method, op.path)))
        end
      end
    end
  end)

  it("is found with a slash at the end, and keeps segments encoded", function()
    local op, params = first:route("PATCH", "/api/catalog-items/%24c%2F/")
    assert.equal("update_catalog_item", op.id)
    assert.same({id = "%24c%2F"}, params)
  end)

  it("is distinguished from a path with other methods, and from an unknown path", function()
    local op, allowed = first:route("PUT", "/api/lists/x")
    assert.is_nil(op)
    assert.same({"DELETE", "GET", "PATCH"}, allowed)
    op, allowed = first:route("GET", "/api/nothing")
    assert.is_nil(op)
    assert.same({}, allowed)
  end)

  it("is found by its template", function()
    assert.equal("get_profiles_for_list",
      first:find("GET", "/api/lists/{id}/profiles").id)
    assert.is_nil(first:find("PUT", "/api/lists/{id}"))
    assert.is_nil(first:find("GET", "/api/lists/x"))
  end)
end)

-- What breaks for a client of 2024-10-15 that is served as 2025-01-15. (Of the
-- published differences two stand in the last document of 2024-10-15 already:
-- a page of ids holds 100, and a subscription's consent is required.)
describe("the differences of 2025-01-15", function()
  local function resource(revision, name)
    return revision:operation(name).body.resource
  end

  it("have fewer lines than the whole revision", function()
    local data = require "klaviyo.operations.revisions.2025-01-15"
    assert.equal("2024-10-15", data.follows)
    assert.truthy(#data.operations < #require "klaviyo.operations.revisions.2024-10-15"
      .operations / 4)
  end)

  it("have the operations of the revisions before them", function()
    for _, revision in ipairs {first, second} do
      assert.equal(100,
        revision:operation("get_profile_ids_for_list").page.size.max)
      assert.equal(100,
        revision:operation("get_profile_ids_for_segment").page.size.max)
      local profile = resource(revision, "bulk_subscribe_profiles")
        .attributes.profiles.document
      assert.is_true(profile.attributes.subscriptions.members.email.members
        .marketing.members.consent.required)
    end
  end)

  it("have the send options of a campaign, and its messages", function()
    local function strategies(revision)
      return resource(revision, "create_campaign").attributes.send_strategy
    end
    assert.truthy(strategies(first).members.options_static)
    assert.is_nil(strategies(second).members)
    assert.truthy(#strategies(second).any_of > 2)
    local function message(revision)
      return resource(revision, "create_campaign")
        .attributes["campaign-messages"].document.attributes
    end
    assert.truthy(message(first).channel and message(first).content)
    assert.is_nil(message(second).channel)
    assert.is_true(message(second).definition.required)
  end)

  it("have the flow listings with cursors", function()
    assert.equal("cursor",
      second:operation("get_action_ids_for_flow").page.style)
    assert.equal("cursor",
      second:operation("get_messages_for_flow_action").page.style)
  end)

  it("have the filter that coupon codes need", function()
    assert.is_nil(first:operation("get_coupon_codes").filter.required)
    assert.is_true(second:operation("get_coupon_codes").filter.required)
  end)

  it("have the status of reviews", function()
    local function fields(revision)
      return table.concat(revision:operation("get_reviews")
        .query["fields[review]"].values, " ")
    end
    assert.is_nil(fields(first):find("status.value", 1, true))
    assert.truthy(fields(second):find("status.value", 1, true))
  end)

  it("have the required relationships", function()
    for name, relationship in pairs {
      create_coupon_code = "coupon", create_catalog_variant = "item",
      create_webhook = "webhook-topics", merge_profiles = "profiles",
      create_back_in_stock_subscription = "variant",
    } do
      assert.is_nil(resource(first, name).required.relationships)
      assert.is_true(resource(second, name).required.relationships)
      assert.is_true(
        resource(second, name).relationships[relationship].required)
    end
  end)

  it("have the consent of a public subscription", function()
    local function profile(revision)
      return resource(revision, "create_client_subscription")
        .attributes.profile.document.attributes
    end
    assert.is_nil(profile(first).subscriptions)
    local email = profile(second).subscriptions.members.email.members
    assert.is_true(email.marketing.members.consent.required)
  end)
end)

describe("a revision that removes operations", function()
  it("does not find them by the aliases of an earlier one", function()
    operations.add {date = "2040-01-15", fields = "", schemas = "", operations =
      "get_a GET /api/a 200+ a alias=get_b,read_a\nget_b GET /api/b 200+ b alias=get_a\n"}
    operations.add {date = "2040-04-15", follows = "2040-01-15", fields = "", schemas = "",
      operations = "get_a -\nget_b -\n"}
    assert.equal("get_a", operations.revision("2040-01-15"):operation("read_a").id)
    for _, name in ipairs {"get_a", "get_b", "read_a"} do
      assert.is_nil(operations.revision("2040-04-15"):operation(name))
    end
  end)
end)
