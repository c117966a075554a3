-- Responses in which the live service differs from its documentation, as recorded in September 2026
-- (revision 2026-07-15).

local json = require "klaviyo.sandbox.json"
local sandbox_handler = require "spec.support.sandbox_handler"

local null = json.null

local REVISION = {revision = "2026-07-15"}

local MICROSECONDS = "^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d%d%d%d%d%d%+00:00$"
local SECONDS = "^%d+%-%d+%-%d+T%d+:%d+:%d+%+00:00$"

describe("the sandbox answers like the service:", function()
  local s

  before_each(function()
    s = sandbox_handler.new()
  end)

  local function get(target)
    return s:get(target, nil, REVISION)
  end

  local function post(target, body)
    return s:post(target, body, REVISION)
  end

  local function data(kind, attributes, relationships, id)
    return {data = {type = kind, id = id, attributes = attributes,
      relationships = relationships}}
  end

  local function profile(email)
    local _, made = post("/api/profiles", data("profile", {email = email}))
    return made.data
  end

  local function list(name)
    local _, made = post("/api/lists", data("list", {name = name or "L"}))
    return made.data
  end

  local function event(attributes)
    local all = {properties = {a = 1},
      metric = data("metric", {name = "Smoke"}),
      profile = data("profile", {email = "a@b.example"})}
    for name, value in pairs(attributes or {}) do
      all[name] = value
    end
    return data("event", all)
  end

  local function names(object)
    local all = {}
    for name in pairs(object) do
      all[#all + 1] = name
    end
    table.sort(all)
    return table.concat(all, " ")
  end

  describe("attributes", function()
    it("combine a sparse fieldset with additional fields", function()
      local id = list().id
      local _, read = get("/api/lists/" .. id .. "?fields%5Blist%5D=name"
        .. "&additional-fields%5Blist%5D=profile_count&include=tags")
      assert.same({name = "L", profile_count = 0}, read.data.attributes)
      assert.equal("flow-triggers profiles tags",
        names(read.data.relationships))
      assert.same({}, read.data.relationships.tags.data)
    end)

    it("never include an id, even if it is requested", function()
      local id = list().id
      local _, read = get("/api/lists/" .. id)
      assert.equal("created name opt_in_process updated",
        names(read.data.attributes))
      _, read = get("/api/webhook-topics?fields%5Bwebhook-topic%5D=id")
      assert.same({}, read.data[1].attributes)
    end)

    it("have microseconds when written, seconds when read", function()
      local made = list()
      assert.matches(MICROSECONDS, made.attributes.created)
      local _, read = get("/api/lists/" .. made.id)
      assert.matches(SECONDS, read.data.attributes.created)
      local _, changed = s:patch("/api/lists/" .. made.id,
        data("list", {name = "M"}, nil, made.id), REVISION)
      assert.matches(SECONDS, changed.data.attributes.created)
      assert.matches(MICROSECONDS, changed.data.attributes.updated)
      _, made = post("/api/catalog-items", data("catalog-item",
        {external_id = "1", title = "T", description = "D",
          url = "https://example.com/"}))
      _, read = get("/api/catalog-items/" .. made.data.id)
      assert.matches(MICROSECONDS, read.data.attributes.created)
    end)

    it("of a location are always all ten", function()
      local made = profile("a@b.example")
      local all = "address1 address2 city country ip latitude longitude "
        .. "region timezone zip"
      assert.equal(all, names(made.attributes.location))
      assert.equal(null, made.attributes.location.city)
      local _, changed = s:patch("/api/profiles/" .. made.id,
        data("profile", {location = {city = "Bonn"}}, nil, made.id), REVISION)
      assert.equal(all, names(changed.data.attributes.location))
      assert.equal("Bonn", changed.data.attributes.location.city)
    end)

    it("of a profile include some only when it is written", function()
      local made = profile("a@b.example")
      assert.equal(null, made.attributes.anonymous_id)
      assert.equal(null, made.attributes.whatsapp_bsuid)
      local _, read = get("/api/profiles/" .. made.id)
      assert.is_nil(read.data.attributes.anonymous_id)
    end)

    it("of subscriptions are all that the revision has", function()
      local made = profile("a@b.example")
      local target = "/api/profiles/" .. made.id
        .. "?additional-fields%5Bprofile%5D=subscriptions"
      local _, read = get(target)
      local have = read.data.attributes.subscriptions
      assert.equal("click_tracking marketing open_tracking", names(have.email))
      assert.equal("marketing transactional", names(have.sms))
      assert.equal(null, have.whatsapp)
      assert.is_true(have.email.marketing.can_receive_email_marketing)
      _, read = s:get(target)
      have = read.data.attributes.subscriptions
      assert.equal("email mobile_push sms", names(have))
      assert.equal("marketing", names(have.email))
    end)

    it("of a URL that may hold a secret are masked", function()
      local _, made = post("/api/webhooks", data("webhook",
        {name = "w", description = "d", secret_key = "0123456789",
          endpoint_url = "https://example.com/hook?token=1"},
        {["webhook-topics"] = {data = {{type = "webhook-topic",
          id = "event:klaviyo.opened_email"}}}}))
      assert.equal("https://example.com/*****",
        made.data.attributes.endpoint_url)
      assert.equal("data", names(made.data.relationships["webhook-topics"]))
      local _, changed = s:patch("/api/webhooks/" .. made.data.id,
        data("webhook", {description = null}, nil, made.data.id), REVISION)
      assert.equal("d", changed.data.attributes.description)
      local _, all = get("/api/webhooks")
      assert.equal("self", names(all.links))
    end)
  end)

  it("403 for webhooks with a private key of an account without Advanced KDP",
    function()
      s = sandbox_handler.new {advanced_kdp = false}
      local status, document = get("/api/webhook-topics")
      assert.equal(403, status)
      assert.equal("permission_denied", document.errors[1].code)
      assert.equal("/data/", document.errors[1].source.pointer)
      assert.equal(200, (s:get("/api/webhook-topics", nil,
        {authorization = "Bearer pk_test", revision = "2026-07-15"})))
      assert.equal(200, (get("/api/lists")))
    end)

  describe("relationships", function()
    it("of profiles: conversations when read, otherwise conversation",
      function()
        local made = profile("a@b.example")
        assert.equal("conversation lists push-tokens segments",
          names(made.relationships))
        local _, read = get("/api/profiles/" .. made.id)
        assert.equal("conversations lists push-tokens segments",
          names(read.data.relationships))
        local to = list().id
        s:post("/api/lists/" .. to .. "/relationships/profiles",
          {data = {{type = "profile", id = made.id}}}, REVISION)
        local _, members = get("/api/lists/" .. to .. "/profiles")
        assert.equal("conversation lists push-tokens segments",
          names(members.data[1].relationships))
        local _, old = s:get("/api/profiles/" .. made.id)
        assert.equal("lists segments", names(old.data.relationships))
      end)

    it("of coupons: none; of a coupon code also its profile", function()
      local _, coupon = post("/api/coupons",
        data("coupon", {external_id = "C_10"}))
      assert.is_nil(coupon.data.relationships)
      s:patch("/api/coupons/C_10", data("coupon", {monitor_configuration =
        {low_balance_threshold = 5}}, nil, "C_10"), REVISION)
      local _, read = get("/api/coupons/C_10")
      assert.equal("5",
        read.data.attributes.monitor_configuration.low_balance_threshold)
      local status, code = post("/api/coupon-codes",
        data("coupon-code", {unique_code = "X1"},
          {coupon = {data = {type = "coupon", id = "C_10"}}}))
      assert.equal(200, status)
      assert.equal("C_10-X1", code.data.id)
      assert.equal("coupon profile", names(code.data.relationships))
    end)

    it("are null if the included resource does not exist", function()
      local _, made = post("/api/campaigns", data("campaign", {name = "n",
        audiences = {included = {"L"}}, ["campaign-messages"] = {data = {
          {type = "campaign-message", attributes = {definition = {
            channel = "email", label = "L", content = {subject = "S"}}}}}}}))
      local id = made.data.relationships["campaign-messages"].data[1].id
      local _, message = get("/api/campaign-messages/" .. id
        .. "?include=template")
      assert.equal(null, message.data.relationships.template.data)
      assert.is_nil(message.data.relationships.image.data)
      assert.same({}, message.data.attributes.send_times)
    end)
  end)

  describe("statuses", function()
    it("of templates: always 200, and 409 while one is in use", function()
      local _, made = post("/api/templates", data("template",
        {name = "T", editor_type = "CODE", html = "<p>hi</p>", text = "hi"}))
      local id = made.data.id
      assert.equal(200, (post("/api/template-clone",
        data("template", {}, nil, id))))
      assert.equal(200, (post("/api/template-render",
        data("template", {context = {}}, nil, id))))
      local status, nothing = s:delete("/api/templates/" .. id, nil, REVISION)
      assert.equal(200, status)
      assert.is_nil(nothing)
      local used = s.state:collection("template"):at(1).id
      local refused
      status, refused = s:delete("/api/templates/" .. used, nil, REVISION)
      assert.equal(409, status)
      assert.equal("conflict", refused.errors[1].code)
      assert.equal("/data", refused.errors[1].source.pointer)
    end)

    it("of malformed ids: 400", function()
      for _, target in ipairs {"/api/events/none", "/api/flow-actions/none",
        "/api/coupons/a-b", "/api/mapped-metrics/NO"} do
        local status, document = get(target)
        assert.equal(400, status, target)
        assert.equal("invalid", document.errors[1].code)
      end
      assert.equal(404, (get("/api/events/00000000000")))
      assert.equal(404, (get("/api/flow-actions/1")))
    end)

    it("of invalid names: 400", function()
      assert.equal(400, (post("/api/web-feeds", data("web-feed",
        {name = "a-b", url = "https://example.com/", request_method = "get",
          content_type = "json"}))))
      assert.equal(400, (post("/api/coupons",
        data("coupon", {external_id = "a-b"}))))
    end)

    it("of an unknown tag group or profile: 404", function()
      local status, document = post("/api/tags", data("tag", {name = "x"},
        {["tag-group"] = {data = {type = "tag-group", id = "none"}}}))
      assert.equal(404, status)
      assert.equal("tag_service_error", document.errors[1].code)
      assert.equal(404, (post("/api/data-privacy-deletion-jobs",
        data("data-privacy-deletion-job", {profile =
          data("profile", {email = "nobody@b.example"})}))))
    end)

    it("of a merge: 202 with an identifier", function()
      local one, two = profile("a@b.example"), profile("c@b.example")
      local status, document = post("/api/profile-merge", data("profile-merge",
        nil, {profiles = {data = {{type = "profile", id = two.id}}}}, one.id))
      assert.equal(202, status)
      assert.same({type = "profile", id = one.id}, document.data)
      assert.equal(404, (get("/api/profiles/" .. two.id)))
    end)

    it("of duplicate catalog links: 409", function()
      post("/api/catalog-items", data("catalog-item",
        {external_id = "1", title = "T", description = "D",
          url = "https://example.com/"}))
      post("/api/catalog-categories",
        data("catalog-category", {external_id = "1", name = "C"}))
      local target = "/api/catalog-categories/$custom:::$default:::1"
        .. "/relationships/items"
      local body = {data = {{type = "catalog-item",
        id = "$custom:::$default:::1"}}}
      assert.equal(204, (post(target, body)))
      assert.equal(409, (post(target, body)))
    end)
  end)

  describe("errors", function()
    local function complaint(...)
      local status, document = s:ask(...)
      return status, document.errors[1]
    end

    it("of 401, 403, 404 and 500 have one pointer, no links, no meta", function()
      local status, one = complaint("GET", "/api/profiles/NOPE01")
      assert.equal(404, status)
      assert.equal("code detail id source status title", names(one))
      assert.equal("/data/", one.source.pointer)
      status, one = complaint("GET", "/api/lists", nil, {authorization = false})
      assert.equal(401, status)
      assert.equal("code detail id source status title", names(one))
    end)

    it("of 400 and 409 have links and meta", function()
      profile("a@b.example")
      local status, one = complaint("POST", "/api/profiles",
        data("profile", {email = "a@b.example"}))
      assert.equal(409, status)
      assert.equal("/data/attributes", one.source.pointer)
      assert.is_string(one.meta.duplicate_profile_id)
      assert.same({}, one.links)
      assert.equal(409, one.status)
      status, one = complaint("GET", "/api/profiles?sort=nonsense")
      assert.equal(400, status)
      assert.equal("code detail id links meta source status title", names(one))
    end)

    it("of 429 have a link to the documentation, and no content-type", function()
      s = sandbox_handler.new {limits = true}
      local status, document, response
      for _ = 1, 20 do
        status, document, response = s:get("/api/accounts")
      end
      assert.equal(429, status)
      assert.equal("/data", document.errors[1].source.pointer)
      assert.matches("^https://", document.errors[1].links.type)
      assert.equal("", response.headers["Content-Type"])
    end)
  end)

  describe("jobs", function()
    it("of imports are queued, and have ids in base64", function()
      local status, job = post("/api/profile-bulk-import-jobs",
        data("profile-bulk-import-job", {profiles = {data = {
          data("profile", {email = "a@b.example"}).data}}}))
      assert.equal(202, status)
      assert.equal("queued", job.data.attributes.status)
      assert.matches("^[%w+/]+$", job.data.id)
      assert.matches(SECONDS, job.data.attributes.created_at)
      assert.matches(SECONDS, job.data.attributes.expires_at)
      assert.equal("related",
        names(job.data.relationships["import-errors"].links))
      local _, jobs = get("/api/profile-bulk-import-jobs")
      assert.matches(MICROSECONDS, jobs.data[1].attributes.created_at)
      assert.matches(MICROSECONDS, jobs.data[1].attributes.expires_at)
    end)

    it("of suppressions are processed at once", function()
      local status, job = post("/api/profile-suppression-bulk-create-jobs",
        data("profile-suppression-bulk-create-job", {profiles = {data = {
          data("profile", {email = "a@b.example"}).data}}}))
      assert.equal(202, status)
      assert.equal("processing", job.data.attributes.status)
      assert.matches(MICROSECONDS, job.data.attributes.completed_at)
      assert.equal(0, job.data.attributes.skipped_count)
      assert.equal(26, #job.data.id)
      assert.equal("lists segments", names(job.data.relationships))
    end)
  end)

  describe("flows", function()
    it("have the whole definition of their actions", function()
      local status, made = post("/api/flows", data("flow", {name = "F",
        definition = {triggers = {{type = "list", id = list().id}},
          entry_action_id = "a", actions = {
            {temporary_id = "a", type = "time-delay", links = {next = "b"},
              data = {unit = "hours", value = 2, timezone = "profile"}},
            {temporary_id = "b", type = "send-email", links = {next = null},
              data = {message = {from_email = "a@example.com",
                from_label = "A", subject_line = "S"}}}}}}))
      assert.equal(201, status)
      assert.equal("Added to List", made.data.attributes.trigger_type)
      local _, read = get("/api/flows/" .. made.data.id
        .. "?include=flow-actions")
      local email, delay = read.included[1].attributes.definition,
        read.included[2].attributes.definition
      assert.equal("send-email time-delay", email.type .. " " .. delay.type)
      assert.equal(email.id, delay.links.next)
      assert.equal(read.included[1].id, email.id)
      assert.equal("S", email.data.message.subject_line)
      assert.equal(null, email.data.message.cc_email)
      assert.equal(email.id, read.data.relationships["flow-actions"].data[1].id)
      assert.equal(delay.id, made.data.attributes.definition.entry_action_id)
    end)
  end)

  describe("aggregates", function()
    local function aggregate(more)
      local metric = s.state:collection("metric"):find("name", "Smoke").id
      local attributes = {metric_id = metric, measurements =
        {"count", "sum_value", "unique"}, interval = "day", filter = {
        "greater-or-equal(datetime,2025-10-01T00:00:00)",
        "less-than(datetime,2025-10-04T00:00:00)"}}
      for name, value in pairs(more or {}) do
        attributes[name] = value
      end
      return post("/api/metric-aggregates",
        data("metric-aggregate", attributes))
    end

    before_each(function()
      post("/api/events", event {time = "2025-10-02T05:00:00Z", value = 3,
        unique_id = "1"})
      post("/api/events", event {time = "2025-10-02T06:00:00Z", value = 4,
        unique_id = "2"})
      post("/api/events", event {time = "2025-10-09T06:00:00Z",
        unique_id = "3"})
    end)

    it("count the events, with one date for each interval", function()
      local status, document = aggregate()
      assert.equal(200, status)
      local attributes = document.data.attributes
      assert.same({"2025-10-01T00:00:00+00:00", "2025-10-02T00:00:00+00:00",
        "2025-10-03T00:00:00+00:00"}, attributes.dates)
      assert.same({count = {0, 2, 0}, sum_value = {0, 7, 0},
        unique = {0, 1, 0}}, attributes.data[1].measurements)
      assert.matches("^%d+$", document.data.id)
      assert.equal(null, document.links.next)
      assert.equal(null, document.links.prev)
    end)

    it("accept no sort, but intervals of a month", function()
      assert.equal(400, (aggregate {sort = "-$message"}))
      local _, document = aggregate {interval = "month", filter = {
        "greater-or-equal(datetime,2025-09-10T00:00:00)",
        "less-than(datetime,2025-11-04T00:00:00)"}}
      assert.same({"2025-09-10T00:00:00+00:00", "2025-10-01T00:00:00+00:00",
        "2025-11-01T00:00:00+00:00"}, document.data.attributes.dates)
      assert.same({0, 3, 0},
        document.data.attributes.data[1].measurements.count)
    end)
  end)

  describe("reports", function()
    local function report(kind, attributes)
      local all = {statistics = {"recipients", "delivered", "opens_unique",
        "open_rate", "conversion_value"}, timeframe = {key = "last_7_days"}}
      if kind:find("^campaign") or kind:find("^flow") then
        all.conversion_metric_id = "M"
      end
      for name, value in pairs(attributes or {}) do
        all[name] = value
      end
      local status, document = s:post(("/api/%s-reports"):format(kind),
        data(kind .. "-report", all), {revision = "2026-07-15"})
      return status, document.data and document.data.attributes, document
    end

    local function send_campaign(name)
      local _, made = post("/api/campaigns", data("campaign", {name = name,
        audiences = {included = {"L"}}, ["campaign-messages"] = {data = {
          {type = "campaign-message", attributes = {definition = {
            channel = "email", label = "L", content = {subject = "S"}}}}}}}))
      local id = made.data.id
      post("/api/campaign-send-jobs", data("campaign-send-job", nil, nil, id))
      for _ = 1, 3 do
        get("/api/campaign-send-jobs/" .. id)
      end
      return id
    end

    it("have a row for each message of a campaign that was sent", function()
      local status, empty, document = report "campaign-values"
      assert.equal(200, status)
      assert.same({}, empty.results)
      assert.is_nil(document.data.links)
      assert.equal(null, document.links.next)
      local id = send_campaign "n"
      local _, attributes = report "campaign-values"
      assert.equal(1, #attributes.results)
      local row = attributes.results[1]
      assert.equal(id, row.groupings.campaign_id)
      assert.equal("email", row.groupings.send_channel)
      assert.is_string(row.groupings.campaign_message_id)
      assert.is_true(row.statistics.recipients >= 500)
      assert.near(row.statistics.opens_unique / row.statistics.delivered,
        json.to_number(row.statistics.open_rate), 0.0001)
      assert.same(attributes, (select(2, report "campaign-values")))
      _, attributes = report("campaign-values", {timeframe = {
        start = "2025-01-01T00:00:00Z", ["end"] = "2025-02-01T00:00:00Z"}})
      assert.same({}, attributes.results)
    end)

    it("have values that are the sums of their series", function()
      local _, values = report "flow-values"
      local _, series = report("flow-series", {interval = "daily"})
      assert.equal(3, #values.results)
      assert.equal(7, #series.date_times)
      for i, row in ipairs(values.results) do
        local sum = 0
        for _, number in ipairs(series.results[i].statistics.recipients) do
          sum = sum + number
        end
        assert.is_true(sum > 0)
        assert.equal(row.statistics.recipients, sum)
        assert.same(row.groupings, series.results[i].groupings)
      end
      _, series = report("flow-series", {interval = "hourly"})
      assert.equal(6 * 24 + math.ceil(1760000000 % 86400 / 3600),
        #series.date_times)
    end)

    it("can be filtered and grouped", function()
      local _, all = report "flow-values"
      local id = all.results[2].groupings.flow_id
      local _, some = report("flow-values", {
        filter = ('equals(flow_id,"%s")'):format(id)})
      assert.same({all.results[2]}, some.results)
      _, some = report("flow-values", {filter = ('and(contains-any(flow_id,'
        .. '["%s"]),equals(send_channel,"sms"))'):format(id)})
      assert.same({}, some.results)
      _, some = report("flow-values", {group_by = {"send_channel"}})
      assert.equal(1, #some.results)
      assert.same({send_channel = "email"}, some.results[1].groupings)
      local sum = 0
      for _, row in ipairs(all.results) do
        sum = sum + row.statistics.recipients
      end
      assert.equal(sum, some.results[1].statistics.recipients)
      assert.equal(400, (report("flow-values", {filter = "equals(flow_id"})))
    end)

    it("count the members of segments, and the views of forms", function()
      local _, before = report("segment-values", {statistics = {"total_members"}})
      assert.equal(3, #before.results)
      local _, forms = report("form-values", {statistics = {"viewed_form",
        "submits", "submit_rate"}})
      assert.equal(1, #forms.results)
      assert.is_true(forms.results[1].statistics.submits
        < forms.results[1].statistics.viewed_form)
    end)

    it("have a time frame of at most one year", function()
      assert.equal(400, (report("flow-values", {timeframe = {}})))
      for _, frame in ipairs {
        {start = "2025-02-01T00:00:00Z", ["end"] = "2025-01-01T00:00:00Z"},
        {start = "2023-01-01T00:00:00Z", ["end"] = "2025-01-01T00:00:00Z"}} do
        local status, _, document = report("flow-values", {timeframe = frame})
        assert.equal(400, status)
        assert.equal("/data/attributes/timeframe",
          document.errors[1].source.pointer)
      end
      for _, key in ipairs {"today", "yesterday", "this_week", "last_week",
        "this_month", "last_month", "this_year", "last_year", "last_30_days",
        "last_3_months", "last_12_months", "last_365_days"} do
        local status, attributes = report("flow-series", {interval = "daily",
          timeframe = {key = key}})
        assert.equal(200, status)
        assert.is_true(#attributes.date_times > 0, key)
      end
    end)
  end)

  describe("links", function()
    it("have everything escaped, spaces as '+'", function()
      local _, document = get("/api/lists?filter=equals(name,'a b')"
        .. "&fields[list]=name,created")
      assert.equal("https://a.klaviyo.com/api/lists?filter=equals%28name%2C"
        .. "%27a+b%27%29&fields%5Blist%5D=name%2Ccreated", document.links.self)
    end)

    it("of the first page of lists lead to an empty page before it", function()
      local _, document = get("/api/lists")
      local link = document.links.prev:gsub("^https://a%.klaviyo%.com", "")
      local status, before = get(link)
      assert.equal(200, status)
      assert.same({}, before.data)
      assert.equal(null, before.links.prev)
      _, document = get("/api/segments")
      assert.equal(null, document.links.prev)
    end)
  end)

  describe("effects:", function()
    it("a PATCH of an image removes attributes that it does not name", function()
      local image = s.state:make("image", {name = "N", hidden = true})
      local target = "/api/images/" .. image.id
      local _, all = get("/api/images")
      assert.same({}, all.data)
      local _, changed = s:patch(target,
        data("image", {hidden = true}, nil, image.id), REVISION)
      assert.equal(null, changed.data.attributes.name)
      _, changed = s:patch(target, data("image", {name = "M"}, nil, image.id),
        REVISION)
      assert.equal("M", changed.data.attributes.name)
      assert.is_false(changed.data.attributes.hidden)
    end)

    it("a subscription creates a profile if it has a list or is historical", function()
      local function subscribe(email, more, relationships)
        local attributes = {profiles = {data = {data("profile", {
          email = email, subscriptions = {email = {marketing = {
            consent = "SUBSCRIBED"}}}}).data}}}
        for name, value in pairs(more or {}) do
          attributes[name] = value
        end
        assert.equal(202, (post("/api/profile-subscription-bulk-create-jobs",
          data("profile-subscription-bulk-create-job", attributes,
            relationships))))
        return s.state:collection("profile"):find("email", email)
      end
      assert.is_nil(subscribe("a@b.example"))
      assert.is_table(subscribe("c@b.example", nil,
        {list = {data = {type = "list", id = list().id}}}))
      local consent = data("profile", {email = "d@b.example", subscriptions =
        {email = {marketing = {consent = "SUBSCRIBED",
          consented_at = "2025-01-01T00:00:00Z"}}}}).data
      assert.is_table(subscribe("d@b.example", {historical_import = true,
        profiles = {data = {consent}}}))
      profile("a@b.example")
      local known = subscribe("a@b.example")
      assert.equal("SUBSCRIBED",
        known.attributes.subscriptions.email.marketing.consent)
    end)

    it("an event without a metric, or in 2099, is rejected", function()
      local status, document = post("/api/events",
        event {metric = data("metric", {name = ""})})
      assert.equal(400, status)
      assert.equal("/data/attributes/metric/data/attributes/name",
        document.errors[1].source.pointer)
      status, document = post("/api/events",
        event {time = "2099-01-01T00:00:00Z"})
      assert.equal(400, status)
      assert.equal("/data/attributes/time", document.errors[1].source.pointer)
      assert.equal(0, s.state:collection("event").count)
    end)

    it("the currency of an event's value is stored", function()
      post("/api/events", event {value = 3, value_currency = "EUR"})
      local _, events = get("/api/events")
      assert.equal("EUR",
        events.data[1].attributes.event_properties["$value_currency"])
    end)

    it("custom tracking parameters need a source and a medium", function()
      local function campaign(params)
        return (post("/api/campaigns", data("campaign", {name = "n",
          audiences = {included = {"L"}},
          tracking_options = {add_tracking_params = true,
            custom_tracking_params = params},
          ["campaign-messages"] = {data = {{type = "campaign-message",
            attributes = {definition = {channel = "email", label = "L",
              content = {subject = "S"}}}}}}})))
      end
      local source = {type = "static", value = "a", name = "utm_source"}
      local medium = {type = "static", value = "a", name = "utm_medium"}
      assert.equal(400, campaign {source})
      assert.equal(201, campaign {source, medium})
    end)
  end)
end)
