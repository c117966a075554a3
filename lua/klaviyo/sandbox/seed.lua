--- What is there before anybody has made anything: the account, a few lists,
-- segments, flows, metrics and templates, and what only a shop could make.

local codec = require "klaviyo.sandbox.codec"
local relations = require "klaviyo.sandbox.relations"

local M = {}

-- The one that the documentation names, and the rest of the service's list.
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

local METRICS = { "Active on Site", "Added to Cart", "Clicked Email",
  "Fulfilled Order", "Opened Email", "Ordered Product", "Placed Order",
  "Received Email", "Started Checkout", "Subscribed to List",
  "Viewed Product" }

local function account(world)
  world:make("account", {
    test_account = true, industry = "Software / SaaS", locale = "en-US",
    timezone = "US/Eastern", preferred_currency = "USD",
    public_api_key = world.settings.company_id,
    contact_information = {
      default_sender_name = "Sandbox", website_url = "https://example.com",
      default_sender_email = "sandbox@example.com",
      organization_name = "Sandbox", street_address = { city = "Boston" },
    },
  }, world.settings.company_id)
  world:make("tracking-setting", {
    auto_add_parameters = true, custom_parameters = codec.array(),
    utm_source = { flow = { type = "static", value = "Klaviyo" } },
    utm_medium = { flow = { type = "static", value = "email" } },
  }, world.settings.company_id)
end

local function flows(world)
  for _, name in ipairs { "Welcome Series", "Abandoned Cart",
    "Post-Purchase" } do
    local flow = world:make("flow", { name = name })
    local action = world:make("flow-action", { action_type = "SEND_EMAIL",
      status = "draft", settings = {}, render_options = codec.null,
      tracking_options = { add_utm = false, utm_params = codec.array(),
        is_tracking_opens = true, is_tracking_clicks = true },
      send_options = { use_smart_sending = true, is_transactional = false } })
    relations.point(world, "flow-action", action.id, "flow", flow.id)
    local message = world:make("flow-message", { name = name .. ", e-mail 1",
      channel = "email", content = { subject = name, preview_text = "",
        from_email = "sandbox@example.com", from_label = "Sandbox",
        body = "<html><body>Hello</body></html>" } })
    relations.point(world, "flow-message", message.id, "flow-action", action.id)
    local template = world:make("template", { name = name,
      html = "<html><body>Hello {{ first_name }}</body></html>",
      text = "Hello {{ first_name }}" })
    relations.point(world, "flow-message", message.id, "template", template.id)
  end
end

local function forms(world)
  local form = world:make("form", { name = "Newsletter sign-up",
    status = "live", ab_test = false })
  local version = world:make("form-version", { form_type = "popup",
    status = "live", ab_test = codec.null })
  relations.point(world, "form-version", version.id, "form", form.id)
end

--- Fills a new world.
---@param world table
function M.fill(world)
  account(world)
  for _, topic in ipairs(TOPICS) do
    world:make("webhook-topic", nil, topic)
  end
  for _, name in ipairs(METRICS) do
    local metric = world:make("metric", { name = name })
    local property = world:make("metric-property", { label = "Value",
      property = "$value", inferred_type = "numeric" })
    relations.point(world, "metric-property", property.id, "metric", metric.id)
  end
  for _, name in ipairs { "Newsletter", "Preview List" } do
    local list = world:make("list", { name = name })
    if name == "Newsletter" then
      relations.fill(world, "list", list.id, "profiles", "profile")
    end
  end
  for _, name in ipairs { "Everybody", "Engaged (3 Months)",
    "New Subscribers" } do
    local segment = world:make("segment", { name = name,
      definition = { condition_groups = codec.array() } })
    if name == "Everybody" then
      relations.fill(world, "segment", segment.id, "profiles", "profile")
    end
  end
  flows(world)
  forms(world)
  local group = world:make("tag-group", { name = "Default", default = true })
  world.default_tag_group = group.id
  -- Collections that are empty, but whose ids are known not to exist.
  for _, kind in ipairs { "campaign", "campaign-message", "catalog-item",
    "catalog-variant", "catalog-category", "coupon", "coupon-code", "event",
    "image", "import-error", "tag", "webhook", "review" } do
    world:collection(kind)
  end
end

return M
