local operations = require "klaviyo.operations"
local document = require "klaviyo.document.document"
local json = require "klaviyo.values.json"
local raises = require "spec.support.raises"

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"

local first = operations.revision("2024-10-15")
local second = operations.revision("2025-01-15")

local function build(name, t, options, api)
  return document.build(first:operation(name), t, options, api)
end

-- Returns the JSON of a document, as the client sends it.
local function written(name, t, options)
  return json.encode(build(name, t, options))
end

-- Returns a deep copy, to compare with the table after a call.
local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for key, item in pairs(value) do
    out[key] = copy(item)
  end
  return out
end

describe("a document", function()
  it("has the attributes of a flat table", function()
    assert.same({data = {type = "profile", attributes = {
      email = "newuser@example.com", first_name = "John", last_name = "Doe",
    }}}, build("create_profile", {
      email = "newuser@example.com", first_name = "John", last_name = "Doe",
    }))
    assert.same({data = {type = "list", attributes =
      {name = "VIP Customers"}}}, build("create_list", {name = "VIP Customers"}))
  end)

  it("has its id beside the attributes", function()
    assert.same({data = {type = "profile", id = "PROFILE_ID", attributes =
      {first_name = "Jane"}}},
      build("update_profile", {id = "PROFILE_ID", first_name = "Jane"}))
    assert.same({data = {type = "flow", id = "FLOW_ID", attributes =
      {status = "live"}}},
      build("update_flow", {id = "FLOW_ID", status = "live"}))
  end)

  it("may be a list of identifiers", function()
    local one = {data = {{type = "profile", id = "PROFILE_ID"}}}
    assert.same(one, build("add_profiles_to_list", {"PROFILE_ID"}))
    assert.same(one, build("add_profiles_to_list", {{id = "PROFILE_ID"}}))
    assert.same(one, build("add_profiles_to_list", "PROFILE_ID"))
    assert.same(one, build("add_profiles_to_list", {{type = "profile",
      id = "PROFILE_ID", attributes = {email = "a@b"}, links = {}}}))
    assert.equal('{"data":[]}', written("add_profiles_to_list", {}))
    assert.equal('{"data":[]}', written("remove_profiles_from_list",
      json.array({})))
  end)

  it("may be a single identifier", function()
    local one = {data = {type = "campaign-send-job", id = "C"}}
    assert.same(one, build("send_campaign", {id = "C"}))
    assert.same(one, build("send_campaign", "C"))
  end)

  it("wraps the resources in it", function()
    local expected = {data = {type = "event", attributes = {
      profile = {data = {type = "profile", attributes =
        {email = "customer@example.com"}}},
      metric = {data = {type = "metric", attributes =
        {name = "Viewed Product"}}},
      properties = {product_id = "SKU123", product_name = "Blue T-Shirt"},
      value = 9.99,
    }}}
    local flat = {
      profile = {email = "customer@example.com"}, value = 9.99,
      metric = "Viewed Product",
      properties = {product_id = "SKU123", product_name = "Blue T-Shirt"},
    }
    assert.same(expected, build("create_event", flat))
    flat.metric = {name = "Viewed Product"}
    assert.same(expected, build("create_event", flat))
    flat.metric = expected.data.attributes.metric
    assert.same(expected, build("create_event", flat))
    flat.profile = "01ABC"
    assert.same({data = {type = "profile", id = "01ABC", attributes = {}}},
      build("create_event", flat).data.attributes.profile)
    flat.profile = "customer@example.com"
    raises({'profile must be the id of a profile, not "customer@example.com"', "{email = …}"}, function()
      build("create_event", flat)
    end)
    raises('[1] must be the id of a profile, not "customer@example.com"', function()
      build("add_profiles_to_list", {"customer@example.com"})
    end)
  end)

  it("wraps lists of resources; an underscore stands for a hyphen", function()
    assert.same({data = {type = "campaign", attributes = {
      name = "Summer Newsletter", audiences = {included = {"LIST_ID"}},
      ["campaign-messages"] = {data = {{type = "campaign-message",
        attributes = {channel = "email", content = {subject = "Hot"}}}}},
    }}}, build("create_campaign", {
      name = "Summer Newsletter", audiences = {included = {"LIST_ID"}},
      campaign_messages = {{channel = "email", content = {subject = "Hot"}}},
    }))
    assert.same({data = {type = "event-bulk-create-job", attributes = {
      ["events-bulk-create"] = {data = {{type = "event-bulk-create",
        attributes = {
          profile = {data = {type = "profile", attributes = {email = "a@b"}}},
          events = {data = {{type = "event", attributes = {
            metric = {data = {type = "metric", attributes = {name = "Sale"}}},
            properties = {},
          }}}},
        }}}},
    }}}, build("bulk_create_events", {events_bulk_create = {
      {profile = {email = "a@b"}, events = {{metric = "Sale",
        properties = {}}}},
    }}))
    assert.same({data = {type = "catalog-item-bulk-delete-job", attributes = {
      items = {data = {{type = "catalog-item", id = "$custom:::$default:::1"}}},
    }}}, build("bulk_delete_catalog_items",
      {items = {"$custom:::$default:::1"}}))
  end)

  it("has a to-many relationship", function()
    local expected = {data = {type = "webhook", attributes = {
      name = "Order Placed Webhook", secret_key = "0123456789abcdef",
      endpoint_url = "https://example.com/webhooks/klaviyo",
    }, relationships = {["webhook-topics"] = {data = {
      {type = "webhook-topic", id = "event:klaviyo.sent_sms"}}}}}}
    for _, topics in ipairs {
      {"event:klaviyo.sent_sms"}, "event:klaviyo.sent_sms",
      {{id = "event:klaviyo.sent_sms"}},
      {{type = "webhook-topic", id = "event:klaviyo.sent_sms"}},
      {data = {{type = "webhook-topic", id = "event:klaviyo.sent_sms"}}},
    } do
      assert.same(expected, build("create_webhook", {
        name = "Order Placed Webhook", secret_key = "0123456789abcdef",
        endpoint_url = "https://example.com/webhooks/klaviyo",
        webhook_topics = topics,
      }))
    end
    assert.same({data = {type = "catalog-item", id = "I", attributes = {},
      relationships = {categories = {data = {}}}}},
      build("update_catalog_item", {id = "I", categories = {}}))
  end)

  it("has a to-one relationship", function()
    local expected = {data = {type = "coupon-code", attributes =
      {unique_code = "SAVE10"}, relationships = {coupon =
        {data = {type = "coupon", id = "10OFF"}}}}}
    for _, coupon in ipairs {"10OFF", {id = "10OFF"},
      {type = "coupon", id = "10OFF"},
      {type = "coupon", id = "10OFF", attributes = {}, links = {}}} do
      assert.same(expected, build("create_coupon_code",
        {unique_code = "SAVE10", coupon = coupon}))
    end
    assert.same({data = json.null}, build("create_coupon_code", {
      unique_code = "SAVE10", coupon = json.null}).data.relationships.coupon)
  end)

  it("subscribes profiles to a list", function()
    local subscriptions = {email = {marketing = {consent = "SUBSCRIBED"}}}
    assert.same({data = {
      type = "profile-subscription-bulk-create-job",
      attributes = {profiles = {data = {{type = "profile", attributes =
        {email = "a@b.c", subscriptions = subscriptions}}}}},
      relationships = {list = {data = {type = "list", id = "LIST_ID"}}},
    }}, build("subscribe_profiles", {list = "LIST_ID", profiles = {
      {email = "a@b.c", subscriptions = subscriptions}}}))
  end)

  it("describes a report", function()
    assert.same({data = {type = "campaign-values-report", attributes = {
      statistics = {"opens"}, timeframe = {key = "last_7_days"},
      conversion_metric_id = "M",
    }}}, build("query_campaign_values", {statistics = {"opens"},
      timeframe = {key = "last_7_days"}, conversion_metric_id = "M"}))
  end)

  it("keeps meta where the operation accepts it", function()
    local meta = {patch_properties = {unset = {"skus"}, append = {a = "b"}}}
    assert.same({type = "profile", id = "P", attributes = {}, meta = meta},
      build("update_profile", {id = "P", meta = meta}).data)
    local event = build("create_event", {metric = "m", properties = {},
      profile = {email = "a@b", meta = meta}})
    assert.same({email = "a@b", meta = meta},
      event.data.attributes.profile.data.attributes)
  end)
end)

describe("a value", function()
  it("is null, absent, or empty, and these differ", function()
    assert.equal('{"data":{"attributes":{"email":null},"id":"P",' ..
      '"type":"profile"}}',
      written("update_profile", {id = "P", email = json.null}))
    assert.equal('{"data":{"attributes":{},"id":"P","type":"profile"}}',
      written("update_profile", {id = "P"}))
    assert.equal('{"data":{"attributes":{"properties":{}},"id":"P",' ..
      '"type":"profile"}}',
      written("update_profile", {id = "P", properties = {}}))
    assert.equal('{"data":{"attributes":{"audiences":{"excluded":[],' ..
      '"included":["L"]}},"id":"C","type":"campaign"}}',
      written("update_campaign", {id = "C", audiences =
        {included = {"L"}, excluded = {}}}))
  end)

  it("is not changed in free-form objects", function()
    local properties = {list = {1, 2.5, "x"}, id = 1, type = {}, meta = false,
      ["data-x"] = {data = 1}, none = json.null, none_at_all = {}}
    local before = copy(properties)
    local made = build("create_profile", {properties = properties})
    assert.equal(properties, made.data.attributes.properties)
    assert.same(before, properties)
  end)

  it("is encoded as the value that __tojson returns", function()
    local datetime = setmetatable({}, {__tojson = function()
      return "2024-10-15T00:00:00Z"
    end})
    assert.equal("2024-10-15T00:00:00Z", build("create_event", {
      metric = "m", properties = {}, profile = "P", time = datetime,
    }).data.attributes.time)
  end)

  it("may be outside the known values of an enumeration", function()
    assert.equal("NEW", build("update_coupon_code", {id = "C",
      status = "NEW"}).data.attributes.status)
    assert.equal("carousel", build("create_campaign", {name = "n",
      audiences = {}, campaign_messages = {{channel = "carousel"}},
    }).data.attributes["campaign-messages"].data[1].attributes.channel)
  end)

  it("may be one of several kinds", function()
    for _, latitude in ipairs {"47.5", 47.5, json.null} do
      assert.equal(latitude, build("create_profile", {location =
        {latitude = latitude}}).data.attributes.location.latitude)
    end
    local function condition(one)
      return build("create_segment", {name = "s", definition =
        {condition_groups = {{conditions = {one}}}}})
        .data.attributes.definition.condition_groups[1].conditions[1]
    end
    local known = {type = "profile-region", in_region = true,
      region = "united_states"}
    assert.same(known, condition(known))
    -- the service may know a type that no revision here has
    local new = {type = "profile-shoe-size", size = 43}
    assert.same(new, condition(new))
  end)

  it("is not changed by the call", function()
    local flat = {id = "I", title = "t", categories = {"C"}, images = {"u"},
      custom_metadata = {a = {1}}}
    local before = copy(flat)
    build("update_catalog_item", flat)
    assert.same(before, flat)
    assert.is_nil(getmetatable(flat.images))
  end)
end)

describe("a validation error", function()
  it("names the operation, the nearest valid name, and all names", function()
    raises('unknown option of klaviyo.document "revison"; did you mean "revision"?', function()
      require("klaviyo").document("create_list", {name = "x"}, {revison = "2025-01-15"})
    end)
    raises({"create_profile", '"first_nam"', 'did you mean "first_name"?',
      "email, external_id"}, function()
      local _ = build("create_profile", {first_nam = "John"})
    end)
    raises({"create_webhook", '"webhook_topic"', '"webhook_topics"'}, function()
      local _ = build("create_webhook", {webhook_topic = {"x"}})
    end)
    raises({"create_webhook", '"enabled"',
      "description, endpoint_url, name, secret_key, webhook_topics"}, function()
      local _ = build("create_webhook", {enabled = true, name = "n",
        endpoint_url = "https://e", secret_key = "s"})
    end)
  end)

  it("names the path of the value", function()
    raises({"profile", '"emial"'}, function()
      local _ = build("create_event", {metric = "m", properties = {},
        profile = {emial = "a@b"}})
    end)
    raises({"create_profile", "location", '"adress1"', '"address1"'}, function()
      local _ = build("create_profile", {location = {adress1 = "x"}})
    end)
    raises("profiles[2].email must be a string", function()
      local _ = build("bulk_import_profiles", {profiles = {{email = "a@b"},
        {email = 5}}})
    end)
    raises({"conditions[1]", '"regin"', '"region"'}, function()
      local _ = build("create_segment", {name = "s", definition =
        {condition_groups = {{conditions = {{type = "profile-region",
          in_region = true, regin = "united_states"}}}}}})
    end)
  end)

  it("names what is missing", function()
    raises({"create_webhook needs", '"endpoint_url"', '"secret_key"'},
      function()
      local _ = build("create_webhook", {name = "n"})
    end)
    raises('update_profile needs "id"', function()
      local _ = build("update_profile", {first_name = "Jane"})
    end)
    raises('create_list needs "name"', function()
      local _ = build("create_list", nil)
    end)
    raises({'create_campaign needs "channel"', "campaign_messages[1]"},
      function()
      local _ = build("create_campaign", {name = "n", audiences = {},
        campaign_messages = {{label = "x"}}})
    end)
    raises('needs "consent" in profiles[1].subscriptions.email.marketing',
      function()
      local _ = build("subscribe_profiles", {list = "L", profiles = {
        {email = "a@b", subscriptions = {email = {marketing = {}}}}}})
    end)
    raises('needs "coupon"', function()
      local _ = document.build(second:operation("create_coupon_code"),
        {unique_code = "x"})
    end)
  end)

  it("distinguishes kinds, and never shows the value", function()
    local message = raises("email must be a string or klaviyo.null, not a number",
      function()
      local _ = build("create_profile", {email = 424242})
    end)
    assert.is_nil(message:find("424242", 1, true))
    raises("value must be a number or klaviyo.null, not a string", function()
      local _ = build("create_event", {metric = "m", properties = {},
        profile = "P", value = "9.99"})
    end)
    raises("properties must be a table, not a list", function()
      local _ = build("create_event", {metric = "m", properties = {1},
        profile = "P"})
    end)
    raises("included must be a list or klaviyo.null, not a string", function()
      local _ = build("create_campaign", {name = "n", audiences =
        {included = "L"}, campaign_messages = {}})
    end)
    raises("published must be true or false or klaviyo.null", function()
      local _ = build("update_catalog_item", {id = "I", published = "yes"})
    end)
    raises("page_size must be an integer", function()
      local _ = build("query_metric_aggregates", {metric_id = "M",
        measurements = {"count"}, filter = {}, page_size = 500.5})
    end)
    raises("name must be a string, not klaviyo.null", function()
      local _ = build("create_list", {name = json.null})
    end)
    raises("latitude must be a string or a number or klaviyo.null", function()
      local _ = build("create_profile", {location = {latitude = {}}})
    end)
    raises("coupon must be the id of a coupon, not a number", function()
      local _ = build("create_coupon_code", {unique_code = "x", coupon = 3})
    end)
    raises("coupon must be the id of a coupon, not an empty", function()
      local _ = build("create_coupon_code", {unique_code = "x", coupon = ""})
    end)
    raises({"coupon", '"ID"', '"id"'}, function()
      local _ = build("create_coupon_code", {unique_code = "x",
        coupon = {ID = "C"}})
    end)
    raises("coupon links a coupon, not a list", function()
      local _ = build("create_coupon_code", {unique_code = "x",
        coupon = {type = "list", id = "L"}})
    end)
    raises("profiles must be a list, not a table of names", function()
      local _ = build("bulk_import_profiles", {profiles = {email = "a@b"}})
    end)
    raises("id must be a string, not a number", function()
      local _ = build("update_list", {id = 7, name = "n"})
    end)
    raises("with the profile's attributes, not a number", function()
      local _ = build("bulk_import_profiles", {profiles = {5}})
    end)
  end)

  it("names the reserved names", function()
    raises('unknown attribute of create_profile "id"', function()
      local _ = build("create_profile", {id = "x", email = "a@b"})
    end)
    raises('type is always "profile"', function()
      local _ = build("create_profile", {type = "list"})
    end)
    raises('"meta"', function()
      local _ = build("create_list", {name = "n", meta = {}})
    end)
    assert.same({type = "list", attributes = {name = "n"}},
      build("create_list", {type = "list", name = "n"}).data)
    raises({"create_profile", "body = "}, function()
      local _ = build("create_profile", {data = {type = "profile"}})
    end)
    raises("get_profiles does not take a document", function()
      local _ = build("get_profiles", {})
    end)
  end)

  it("is not raised with validate = false", function()
    local off = {validate = false}
    assert.same({data = {type = "profile", attributes =
      {emial = "x", email = 5, location = {latitude = true, x = 1}}}},
      build("create_profile", {emial = "x", email = 5,
        location = {latitude = true, x = 1}}, off))
    assert.same({data = {type = "webhook", attributes = {}, relationships =
      {["webhook-topics"] = {data = {{type = "webhook-topic", id = "x"}}}}}},
      build("create_webhook", {webhook_topics = {"x"}}, off))
    assert.same({data = {type = "list", attributes = {name = json.null}}},
      build("create_list", {name = json.null}, off))
    assert.same({data = 5}, build("create_list", 5, off))
  end)

  it("is not raised for an attribute of the revision that Klaviyo serves", function()
    local flat = {name = "n", audiences = {included = {"L"}},
      campaign_messages = {{definition = {channel = "email"}}}}
    raises('"definition"', function()
      local _ = build("create_campaign", flat)
    end)
    local api = require("klaviyo.operations.api").of {revision = "2024-10-15"}
    revision_lifecycle.set_today "2026-11-23"
    assert.same({channel = "email"}, build("create_campaign", flat, nil, api)
      .data.attributes["campaign-messages"].data[1].attributes.definition)
    raises('unknown attribute of create_campaign "nme"', function()
      local _ = build("create_campaign", {nme = "n"}, nil, api)
    end)
    revision_lifecycle.set_today(nil)
  end)
end)

-- Returns the smallest valid value of an operation's record.
local minimal

local function minimal_resource(resource)
  local out = {}
  if resource.id == "required" then
    out.id = "ID"
  end
  for name, member in pairs(resource.attributes or {}) do
    if member.required then
      out[name:gsub("-", "_")] = minimal(member)
    end
  end
  for name, one in pairs(resource.relationships or {}) do
    if one.required then
      out[name:gsub("-", "_")] = one.many and {"ID"} or "ID"
    end
  end
  return out
end

function minimal(member)
  if member.document then
    local one = minimal_resource(member.document)
    return member.many and {one} or one
  elseif member.any_of then
    return minimal(member.any_of[1])
  elseif member.values then
    return member.values[1]
  elseif member.members then
    local out = {}
    for name, inner in pairs(member.members) do
      if inner.required then
        out[name] = minimal(inner)
      end
    end
    return out
  end
  return ({string = "s", integer = 1, number = 1.5, boolean = true,
    list = member.items and {minimal(member.items)}, object = {}, null = json.null,
    any = "any"})[member.type]
end

describe("every operation of every revision", function()
  for _, date in ipairs(operations.revisions()) do
    it("of " .. date .. " has a document", function()
      local revision = operations.revision(date)
      local count = 0
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local resource = op.body and op.body.resource
        if resource then
          count = count + 1
          local flat = minimal_resource(resource)
          local data = document.build(op, op.body.many and {flat} or flat).data
          if op.body.many then
            assert.equal(1, #data)
            data = data[1]
          end
          assert.equal(resource.type, data.type)
          assert.equal(flat.id, data.id)
          for name, member in pairs(resource.attributes or {}) do
            assert.equal(member.required, data.attributes[name] ~= nil or nil)
          end
          for name, one in pairs(resource.relationships or {}) do
            local relationship = (data.relationships or {})[name]
            assert.equal(one.required, relationship ~= nil or nil)
          end
        end
      end
      assert.truthy(count >= 93)
    end)
  end
end)
