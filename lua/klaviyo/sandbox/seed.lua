--- The initial resources: the account, a few lists, segments, flows, metrics
--- and templates, and what only a shop integration can create.

local json = require "klaviyo.sandbox.json"
local flows = require "klaviyo.sandbox.flows"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- The topic that the documentation names, and the rest of the service's list.
local TOPICS = {
  "event:klaviyo.bounced_email", "event:klaviyo.checkout_started",
  "event:klaviyo.clicked_email", "event:klaviyo.clicked_sms",
  "event:klaviyo.dropped_email", "event:klaviyo.failed_to_deliver_sms",
  "event:klaviyo.marked_email_as_spam", "event:klaviyo.opened_email",
  "event:klaviyo.opened_push", "event:klaviyo.received_email",
  "event:klaviyo.received_sms", "event:klaviyo.sent_sms",
  "event:klaviyo.subscribed_to_back_in_stock",
  "event:klaviyo.subscribed_to_email_marketing",
  "event:klaviyo.subscribed_to_list", "event:klaviyo.subscribed_to_sms",
  "event:klaviyo.unsubscribed_from_email",
  "event:klaviyo.unsubscribed_from_list", "event:klaviyo.unsubscribed_from_sms",
  "event:klaviyo.updated_email_preferences",
}

local METRICS = {"Active on Site", "Added to Cart", "Clicked Email",
  "Fulfilled Order", "Opened Email", "Ordered Product", "Placed Order",
  "Received Email", "Started Checkout", "Subscribed to List",
  "Viewed Product"}

-- Each account has these, and no others.
local MAPPED_METRICS = {"added_to_cart", "cancelled_sales", "ordered_product",
  "refunded_sales", "revenue", "started_checkout", "viewed_product"}

local function make_account(state)
  state:make("account", {
    test_account = true, industry = "Software / SaaS", locale = "en-US",
    timezone = "US/Eastern", preferred_currency = "USD",
    public_api_key = state.settings.company_id,
    contact_information = {
      default_sender_name = "Sandbox", website_url = "https://example.com",
      default_sender_email = "sandbox@example.com",
      organization_name = "Sandbox", street_address = {
        address1 = "1 Main Street", address2 = "2nd floor", city = "Boston",
        region = json.null, country = "United States", zip = "02108"},
    },
  }, state.settings.company_id)
  state:make("tracking-setting", {
    auto_add_parameters = true, custom_parameters = json.array(),
    utm_source = {flow = {type = "static", value = "Klaviyo"}},
    utm_medium = {flow = {type = "static", value = "email"}},
  }, state.settings.company_id)
end

local function make_flow(state, name)
  local template = state:make("template", {name = name,
    html = "<html><body>Hello {{ first_name }}</body></html>",
    text = "Hello {{ first_name }}"})
  flows.make(state, {name = name, definition = {
    triggers = json.array {{type = "metric",
      id = state:collection("metric"):at(1).id}},
    entry_action_id = "first",
    actions = {{temporary_id = "first", type = "send-email",
      links = {next = json.null}, data = {message = {
        name = name .. ", e-mail 1", subject_line = name, preview_text = "",
        from_email = "sandbox@example.com", from_label = "Sandbox",
        reply_to_email = "sandbox@example.com", template_id = template.id}}}},
  }})
end

local function make_forms(state)
  local form = state:make("form", {name = "Newsletter sign-up",
    status = "live", ab_test = false,
    definition = {versions = json.array()}})
  local version = state:make("form-version", {form_type = "popup",
    variation_name = "Original", status = "live", ab_test = json.null})
  relations.set_target(state, "form-version", version.id, "form", form.id)
end

--- Adds the initial resources to a new state.
---@param state klaviyo.sandbox.State
function M.fill(state)
  make_account(state)
  for _, topic in ipairs(TOPICS) do
    state:make("webhook-topic", nil, topic)
  end
  for _, name in ipairs(METRICS) do
    local metric = state:make("metric", {name = name})
    local property = state:make("metric-property", {label = "Value",
      property = "$value", inferred_type = "numeric"})
    relations.set_target(state, "metric-property", property.id, "metric", metric.id)
  end
  for _, name in ipairs(MAPPED_METRICS) do
    state:make("mapped-metric", nil, name)
  end
  -- 192.0.2.0/24 and 198.51.100.0/24 are for documentation (RFC 5737).
  state:make("ip-allowlist", {
    prefixes = json.array {"192.0.2.0/24", "198.51.100.0/24"},
    sync_token = "e1ccc194a521a754",
  }, "integration-egress")
  for _, name in ipairs {"Newsletter", "Preview List"} do
    local list = state:make("list", {name = name})
    if name == "Newsletter" then
      relations.fill(state, "list", list.id, "profiles", "profile")
    end
  end
  for _, name in ipairs {"Everybody", "Engaged (3 Months)",
    "New Subscribers"} do
    local segment = state:make("segment", {name = name,
      is_processing = false, definition = {condition_groups = json.array {
        {conditions = json.array {{type = "profile-property",
          property = "properties['plan']", filter = {type = "string",
            operator = "equals", value = "gold"}}}}}}})
    if name == "Everybody" then
      relations.fill(state, "segment", segment.id, "profiles", "profile")
    end
  end
  for _, name in ipairs {"Welcome Series", "Abandoned Cart",
    "Post-Purchase"} do
    make_flow(state, name)
  end
  make_forms(state)
  local group = state:make("tag-group", {name = "Default", default = true})
  state.default_tag_group = group.id
  -- These collections are empty, but known: no id exists in them.
  for _, kind in ipairs {"campaign", "campaign-message", "catalog-item",
    "catalog-variant", "catalog-category", "coupon", "coupon-code", "event",
    "image", "import-error", "tag", "webhook", "review"} do
    state:collection(kind)
  end
end

return M
