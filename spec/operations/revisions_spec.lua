-- Revisions: their life cycle, the revision that Klaviyo serves for a retired
-- one, the requests that are valid then, and the warnings.

local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local operations = require "klaviyo.operations"
local revision_diff = require "klaviyo.operations.revision_diff"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local script = require "spec.support.script"
local revision_warning = require "klaviyo.operations.revision_warning"

package.path = "tools/?.lua;" .. package.path
local sample = require "klaviyo.openapi.sample"

-- 2024-10-15 is stable, deprecated, retired on these days.
local STABLE, DEPRECATED, RETIRED = "2025-10-14", "2025-10-15", "2026-10-15"

local function on(date)
  revision_lifecycle.set_today(date)
end

local function new(more)
  local settings = {
    api_key = key, base_url = "http://127.0.0.1:9", proxy = "",
    pacing = false, rate_limit_file = false, retries = 0, on_warning = function() end,
  }
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  return klaviyo.new(settings)
end

local function copy(t)
  local out = {}
  for name, value in pairs(t) do
    out[name] = value
  end
  return out
end

describe("revisions", function()
  after_each(function()
    on(nil)
    revision_warning.forget()
  end)

  describe("by date", function()
    it("are stable for a year, deprecated for another, then retired", function()
      for day, state in pairs {
        [STABLE] = "stable", [DEPRECATED] = "deprecated",
        ["2026-10-14"] = "deprecated", [RETIRED] = "retired",
        ["2031-01-01"] = "retired",
      } do
        on(day)
        assert.same({
          date = "2024-10-15", state = state,
          deprecated = "2025-10-15", retired = "2026-10-15",
        }, revision_lifecycle.age("2024-10-15"))
      end
    end)

    it("are listed, the oldest first, each with the revision that Klaviyo serves for it", function()
      on "2027-01-15"
      local list = klaviyo.revisions()
      assert.equal(#operations.revisions() + #operations.betas(), #list)
      assert.same({date = "2026-07-15.pre", state = "beta", served_as = "2026-07-15.pre"}, list[#list])
      local states = {}
      for i, date in ipairs(operations.revisions()) do
        assert.equal(date, list[i].date)
        states[i] = list[i].state .. " " .. list[i].served_as
      end
      assert.same({
        "retired 2025-04-15", "retired 2025-04-15", "deprecated 2025-04-15",
        "deprecated 2025-07-15", "deprecated 2025-10-15",
        "deprecated 2026-01-15", "stable 2026-04-15", "stable 2026-07-15", "stable 2026-10-15",
      }, states)
    end)

    it("use today's date if none is set", function()
      on(nil)
      local today = os.date("!%Y-%m-%d")
      assert.equal(today >= RETIRED and "retired" or today >= DEPRECATED
        and "deprecated" or "stable", revision_lifecycle.age("2024-10-15").state)
    end)

    it("are served as the newest if all are retired", function()
      on "2040-01-01"
      assert.equal("2026-10-15", revision_lifecycle.served("2024-10-15"))
      assert.equal("2026-10-15", revision_lifecycle.served("2026-10-15"))
    end)
  end)

  -- what only 2025-01-15 accepts
  local NEWER = {
    name = "n", audiences = {included = {"LIST"}},
    send_strategy = {method = "immediate"},
    campaign_messages = {{definition = {channel = "email",
      content = {subject = "s"}}}},
  }
  -- what only 2024-10-15 accepts
  local OLDER = {
    name = "n", audiences = {included = {"LIST"}},
    send_strategy = {method = "static", options_static = {
      datetime = "2024-11-08T00:00:00+00:00"}},
    campaign_messages = {{channel = "email", label = "l",
      content = {subject = "s"}}},
  }

  describe("that are retired", function()
    before_each(function() on(RETIRED) end)

    it("accept documents of their own and of the served revision", function()
      for _, flat in ipairs {NEWER, OLDER} do
        local made = new():document("create_campaign", flat)
        assert.equal("campaign", made.data.type)
        assert.same(made, klaviyo.document("create_campaign", flat))
      end
      raises({"create_campaign", '"nme"', '"name"'}, function()
        local _ = new():document("create_campaign", {nme = "n"})
      end)
    end)

    it("require of a document what both revisions require", function()
      local flat = {unique_code = "X"}
      assert.truthy(new():document("create_coupon_code", flat))
      on(STABLE)
      assert.truthy(new():document("create_coupon_code", flat))
      raises({"create_coupon_code", '"coupon"'}, function()
        local _ = new {revision = "2025-01-15"}
          :document("create_coupon_code", flat)
      end)
    end)

    it("require channels to subscribe to, if the one that answers does", function()
      raises('bulk_subscribe_profiles needs "subscriptions" in profiles[1]', function()
        local _ = new():document("bulk_subscribe_profiles", {profiles = {{email = "a@example.com"}}})
      end)
      on(STABLE)
      assert.truthy(new():document("bulk_subscribe_profiles", {profiles = {{email = "a@example.com"}}}))
    end)

    it("accept operations of the served revision", function()
      local flow = {name = "f", definition = {
        triggers = {}, actions = {}, entry_action_id = "a"}}
      assert.equal("POST", new():build("create_flow", {
        body = new():document("create_flow", flow, {validate = false})}).method)
      on(STABLE)
      raises('unknown operation "create_flow"', function()
        new():build("create_flow", {})
      end)
    end)

    it("accept the filter fields, sorts and names of either revision", function()
      local f = klaviyo.filter
      -- pages by offset before; by cursor, and a filter for ids, after
      local args = {id = "F", sort = "-created",
        filter = f.any("id", {"X"}), page = {size = 100, cursor = "C"}}
      assert.truthy(new():build("get_action_ids_for_flow", args))
      assert.truthy(new():build("get_action_ids_for_flow",
        {id = "F", query = {["page[number]"] = 2}}))
      assert.truthy(new():build("get_reviews",
        {fields = {review = {"status.value", "status"}}}))
      for name, value in pairs {
        sort = "-creatd", filter = f.equals("stats", "live"),
        fields = {["flow-actoin"] = {"x"}},
      } do
        raises({"get_action_ids_for_flow"}, function()
          new():build("get_action_ids_for_flow", {id = "F", [name] = value})
        end)
      end
    end)

    it("accept the page size of either revision, and iterate with the largest of both", function()
      on "2027-10-15"
      assert.equal("2026-01-15", revision_lifecycle.served("2025-10-15"))
      local client = new {revision = "2025-10-15"}
      assert.truthy(client:build("get_events", {page = {size = 1000}}))
      on "2027-10-14"
      raises("get_events does not take page[size]", function()
        client:build("get_events", {page = {size = 1000}})
      end)
    end)

    it("reject a page size that both revisions reject", function()
      on "2027-10-15"
      raises({"get_events", "page.size", "1001"}, function()
        new {revision = "2025-10-15"}
          :build("get_events", {page = {size = 1001}})
      end)
    end)

    it("require in a query what both revisions require", function()
      assert.truthy(new():build("get_coupon_codes"))
      raises("get_coupon_codes needs filter", function()
        new {revision = "2025-01-15"}:build("get_coupon_codes")
      end)
      raises("get_campaigns needs filter", function()
        new():build("get_campaigns")
      end)
    end)

    it("are still sent in the revision header", function()
      local request = new():build("get_lists")
      assert.equal("2024-10-15", request.headers.revision)
      assert.is_nil(request.headers["X-Klaviyo-Revision-Fall-Forward-Opt-Out"])
    end)

    it("are the only ones used for validation if the client does not fall forward", function()
      local client = new {fall_forward = false}
      local request = client:build("get_lists")
      assert.equal("1",
        request.headers["X-Klaviyo-Revision-Fall-Forward-Opt-Out"])
      assert.equal("2024-10-15", request.headers.revision)
      assert.truthy(client:document("create_campaign", OLDER))
      raises("create_campaign", function()
        local _ = client:document("create_campaign", NEWER)
      end)
      raises("create_campaign", function()
        local _ = klaviyo.document("create_campaign", NEWER,
          {fall_forward = false})
      end)
      raises('unknown operation "create_flow"', function()
        client:build("create_flow", {})
      end)
      raises('filter field of get_action_ids_for_flow "id"', function()
        client:build("get_action_ids_for_flow", {id = "F",
          filter = klaviyo.filter.any("id", {"X"})})
      end)
    end)

    it("are the only ones used for one call with fall_forward = false", function()
      local request = new():build("get_lists", nil, {fall_forward = false})
      assert.equal("1",
        request.headers["X-Klaviyo-Revision-Fall-Forward-Opt-Out"])
      raises("create_campaign", function()
        local _ = new():document("create_campaign", NEWER,
          {fall_forward = false})
      end)
    end)
  end)

  describe("that are not retired", function()
    it("are the only ones used for validation", function()
      on(DEPRECATED)
      raises('unknown operation "create_flow"', function()
        new():build("create_flow", {})
      end)
      raises('filter field of get_action_ids_for_flow "id"', function()
        new():build("get_action_ids_for_flow", {id = "F",
          filter = klaviyo.filter.any("id", {"X"})})
      end)
    end)
  end)

  describe("for one call", function()
    before_each(function() on(STABLE) end)

    it("are those of the call", function()
      local client = new()
      local later = {revision = "2026-07-15"}
      local definition = {channel = "email", content = {subject = "s"}}
      assert.equal("2026-07-15",
        client:build("get_lists", nil, later).headers.revision)
      assert.equal("2024-10-15", client:build("get_lists").headers.revision)
      assert.same(definition, client:document("create_campaign", {
        name = "n", audiences = {included = {"LIST"}}, campaign_messages =
          {{definition = definition}},
      }, later).data.attributes["campaign-messages"].data[1].attributes
        .definition)
    end)

    it("validate the call by its revision", function()
      local client = new()
      local later = {revision = "2026-07-15"}
      assert.truthy(client:build("get_events", {page = {size = 1000}}, later))
      raises("get_events does not take page[size]", function()
        client:build("get_events", {page = {size = 1000}})
      end)
      raises("get_coupon_codes needs filter", function()
        client:build("get_coupon_codes", nil, later)
      end)
      raises({'revision "2026-07"', "2026-07-15"}, function()
        client:build("get_lists", nil, {revision = "2026-07"})
      end)
    end)
  end)

  describe("that cause warnings", function()
    local heard

    local function client_of(server, more)
      local settings = {
        base_url = server.url,
        on_warning = function(message) heard[#heard + 1] = message end,
      }
      for name, value in pairs(more or {}) do
        settings[name] = value
      end
      return new(settings)
    end

    local function with_server(body)
      raw.with({answers = {{body = '{"data":[]}'}}}, body)
    end

    before_each(function() heard = {} end)

    it("warn once that they are deprecated, and when they are retired", function()
      on(DEPRECATED)
      with_server(function(server)
        for _ = 1, 2 do
          local client = client_of(server)
          assert(client:call("get_lists"))
          assert(client.profiles:list())
        end
      end)
      assert.same({"klaviyo: revision 2024-10-15 is deprecated since "
        .. "2025-10-15; Klaviyo retires it on 2026-10-15 (set a later revision)"},
        heard)
    end)

    it("warn that they are retired, which one is served, and what a call uses that differs", function()
      on(RETIRED)
      with_server(function(server)
        local client = client_of(server)
        assert(client:call("get_lists"))
        assert.same({"klaviyo: revision 2024-10-15 was retired on 2026-10-15; "
          .. 'Klaviyo serves 2025-01-15 instead (set revision = "2025-01-15" or later)'}, heard)
        assert(client.campaigns:list {filter = klaviyo.filter.equals("messages.channel", "email")})
        assert.equal(1, #heard)
        for _ = 1, 2 do
          assert(client.campaigns:list {filter = klaviyo.filter.equals("messages.channel", "email"),
            fields = {campaign_message = {"channel"}}})
        end
        assert.equal(2, #heard)
        assert.matches("klaviyo: unknown fields.campaign_message of get_campaigns \"channel\"", heard[2], 1, true)
        assert.matches("(in revision 2025-01-15, which Klaviyo serves instead of 2024-10-15)", heard[2], 1, true)
        assert(client.campaigns:create(OLDER))
        assert(client.campaigns:create(OLDER))
        for _ = 1, 2 do
          assert(client.coupon_codes:list())
          assert(client:call("get_coupon_codes"))
        end
        assert.equal(4, #heard)
        assert.matches("klaviyo: get_coupon_codes needs filter", heard[4], 1, true)
        table.remove(heard)
        assert.equal(3, #heard)
        assert.matches("of create_campaign", heard[3], 1, true)
      end)
    end)

    it("do not warn while they are stable", function()
      on(STABLE)
      with_server(function(server)
        assert(client_of(server):call("get_coupon_codes"))
      end)
      assert.same({}, heard)
    end)

    it("warn once each, for all calls", function()
      on(RETIRED)
      with_server(function(server)
        local client = client_of(server)
        for _ = 1, 2 do
          assert(client:call("get_lists", nil, {revision = "2025-01-15"}))
          assert(client:call("get_lists"))
          for _ in client.lists:each() do end  -- luacheck: ignore 542
        end
      end)
      assert.equal(2, #heard)
      assert.matches("2025-01-15 is deprecated", heard[1], 1, true)
      assert.matches("2024-10-15 was retired", heard[2], 1, true)
    end)

    it("warn of 410 if the client does not fall forward", function()
      on(RETIRED)
      with_server(function(server)
        local client = client_of(server, {fall_forward = false})
        assert(client:call("get_coupon_codes"))
        assert(client.campaigns:create(OLDER))
        assert.equal(1, #heard)
        assert.matches("Klaviyo answers 410", heard[1], 1, true)
      end)
    end)

    it("warn on stderr by default", function()
      with_server(function(server)
        local output = script.run(([[
          require("klaviyo.operations.revision_lifecycle").set_today "%s"
          local klaviyo = require "klaviyo"
          for _ = 1, 2 do
            local client = klaviyo.new {api_key = "k", base_url = "%s",
              proxy = ""}
            assert(client:call "get_lists")
          end
        ]]):format(RETIRED, server.url))
        assert.equal("klaviyo: revision 2024-10-15 was retired on 2026-10-15; "
          .. 'Klaviyo serves 2025-01-15 instead (set revision = "2025-01-15" or later)\n',
          output)
      end)
    end)
  end)
end)

-- What breaks for a program of 2024-10-15 that is served as 2025-01-15.
describe("the differences between two revisions", function()
  -- Returns the changes that break, as text: "removed attributes name".
  local function breaking(id, before, after)
    local op, other = operations.revision(before):operation(id), operations.revision(after):operation(id)
    local out = {}
    for _, change in ipairs(revision_diff.changes(op, other)) do
      local words = {change.change, change.part, change.name, change.value or change.property,
        change.to ~= nil and tostring(change.to) or nil}
      for i = 1, 5 do
        words[i] = words[i] or ""
      end
      out[#out + 1] = change.breaks and table.concat(words, " "):gsub("  +", " ") or nil
    end
    assert.equal(#out > 0, revision_diff.breaks(op, other))
    return out
  end

  local function contains(list, text)
    for _, item in ipairs(list) do
      if item:find(text, 1, true) then
        return true
      end
    end
    return false
  end

  it("are found in each part of an operation", function()
    for id, text in pairs {
      get_coupon_codes = "changed filter required true",
      create_coupon_code = "changed relationships coupon required true",
      create_catalog_variant = "changed relationships item required true",
      create_webhook = "changed relationships webhook_topics required true",
      merge_profiles = "changed relationships profiles required true",
      create_back_in_stock_subscription = "changed relationships variant required true",
      bulk_create_coupon_codes = "changed relationships coupon_codes.coupon required true",
      bulk_subscribe_profiles = "changed attributes profiles.subscriptions required true",
      bulk_unsubscribe_profiles = "changed attributes profiles.subscriptions required true",
      create_client_subscription = "changed relationships list required true",
      create_campaign = "removed attributes campaign_messages.channel",
      update_campaign_message = "removed attributes content",
      get_reviews = "changed fields review status object",
      get_action_ids_for_flow = "changed page style cursor",
      get_messages_for_flow_action = "changed page max 50",
    } do
      local found = breaking(id, "2024-10-15", "2025-01-15")
      assert.is_true(contains(found, text), id .. ": " .. table.concat(found, "; "))
    end
    assert.is_true(contains(breaking("create_or_update_profile", "2025-07-15", "2025-10-15"),
      "removed attributes anonymous_id"))
    -- none of the other kinds of actions takes its place
    assert.is_true(contains(breaking("create_flow", "2025-10-15", "2026-01-15"), "definition.actions[] branch"))
  end)

  it("are none for additions", function()
    for _, id in ipairs {"get_lists", "create_event", "create_profile",
      "get_flow", "create_catalog_item"} do
      assert.same({}, breaking(id, "2024-10-15", "2025-01-15"))
    end
  end)

  it("are none between a revision and itself", function()
    for _, date in ipairs(operations.revisions()) do
      local revision = operations.revision(date)
      -- the next day has the same data, in records of its own
      local again = operations.revision((date:gsub("15$", "16")))
      for _, id in ipairs(revision:names()) do
        local op, same = revision:operation(id), again:operation(id)
        assert.is_false(rawequal(op, same))
        assert.same({}, revision_diff.changes(op, same))
      end
    end
  end)

  it("are none if the lines of the operation and of its schemas are the same", function()
    local dates, alike = operations.revisions(), 0
    for i = 1, #dates - 1 do
      local before, after = operations.revision(dates[i]), operations.revision(dates[i + 1])
      for _, id in ipairs(before:names()) do
        if before:has_alike(after, id) then
          assert.same({}, revision_diff.changes(before:operation(id), after:operation(id)))
          alike = alike + 1
        end
      end
    end
    assert.is_true(alike > 1500, alike)
    local before, after = operations.revision("2024-10-15"), operations.revision("2025-04-15")
    assert.is_false(before:has_alike(after, "get_profile"))  -- another include
    assert.is_true(before:has_alike(after, "create_list"))
    assert.is_true(before:has_alike(after, "create_event"))
    assert.is_false(before:has_alike(after, "create_campaign"))  -- another document
    assert.is_false(before:has_alike(after, "create_segment"))  -- in a schema that it names
    assert.is_false(before:has_alike(after, "no_such_operation"))
  end)

  it("that break are the same for one operation as for a client", function()
    local dates = operations.revisions()
    for i = 1, #dates - 1 do
      local before, after = operations.revision(dates[i]), operations.revision(dates[i + 1])
      for _, id in ipairs(before:names()) do
        if after:operation(id) then
          breaking(id, dates[i], dates[i + 1])
        end
      end
    end
  end)
end)

describe("an error response", function()
  local function refused(status, body, more, call)
    local message
    raw.with({answers = {{status = status, body = body}}}, function(server)
      local settings = copy(more or {})
      settings.base_url = server.url
      local doc, err = (call or function(client)
        return client:call("add_profiles_to_list", {id = "L",
          body = '{"data":[]}'})
      end)(new(settings))
      assert.is_nil(doc)
      assert.equal(status, err.status)
      message = err.message
    end)
    return message
  end

  local BODY = '{"errors":[{"code":"x","title":"t","detail":"Because."}]}'

  it("with a 410 has advice", function()
    for _, body in ipairs {BODY, "<html>gone</html>", ""} do
      local message = refused(410, body, {fall_forward = false})
      assert.matches("revision 2024-10-15", message, 1, true)
      assert.matches("fall_forward = true", message, 1, true)
    end
    assert.matches("Because.", refused(410, BODY), 1, true)
  end)

  it("with a 403 names the scopes that the operation needs, if it may be for them", function()
    local denied = BODY:gsub('"x"', '"permission_denied"')
    assert.matches("lists:write, profiles:write", refused(403, denied), 1, true)
    for _, body in ipairs {BODY, "<html>no</html>", ""} do
      assert.is_nil(refused(403, body):find("needs", 1, true))
    end
    local message = refused(403, denied, nil, function(client)
      return client:request {path = "/api/nothing"}
    end)
    assert.is_nil(message:find("needs", 1, true))
  end)

  it("with a 401 calls the key function once more", function()
    for _, name in ipairs {"access_token", "api_key"} do
      raw.with({answers = {{status = 401, body = BODY}, {body = '{"data":[]}'}}},
        function(server)
          local calls = {}
          local client = klaviyo.new {
            [name] = function(old)
              calls[#calls + 1] = old or "none"
              return "secret-" .. #calls
            end,
            base_url = server.url, proxy = "", rate_limit_key = "a", pacing = false,
            on_warning = function() end,
          }
          assert(client:call("get_lists"))
          assert.same({"none", "secret-1"}, calls)
          local scheme = name == "api_key" and "Klaviyo-API-Key" or "Bearer"
          local requests = server:requests()
          assert.equal(2, #requests)
          for i, request in ipairs(requests) do
            assert.equal(scheme .. " secret-" .. i,
              request.headers.authorization)
          end
        end)
    end
  end)

  it("with a second 401 is returned", function()
    raw.with({answers = {{status = 401, body = BODY}}}, function(server)
      local calls = 0
      local client = klaviyo.new {
        access_token = function()
          calls = calls + 1
          return "secret-" .. calls
        end,
        base_url = server.url, proxy = "", rate_limit_key = "a", pacing = false,
        on_warning = function() end,
      }
      local doc, err = client:call("get_lists")
      assert.is_nil(doc)
      assert.equal(401, err.status)
      assert.equal(2, calls)
      assert.equal(2, #server:requests())
      assert.is_nil(tostring(err):find("secret", 1, true))
    end)
  end)

  it("with a 401 is returned at once if the key is a string", function()
    raw.with({answers = {{status = 401, body = BODY}}}, function(server)
      local doc, err = new {base_url = server.url}:call("get_lists")
      assert.is_nil(doc)
      assert.equal(401, err.status)
      assert.equal(1, #server:requests())
    end)
  end)
end)

describe("every request", function()
  local function args_of(client, op)
    local args = {query = {}}
    for _, name in ipairs(op.path_params) do
      args[name] = "ID"
    end
    for name, rule in pairs(op.query) do
      if rule.required and name ~= "company_id" then
        args.query[name] = rule.values and rule.values[1] or "x"
      end
    end
    if op.body and op.body.style == "document" then
      args.body = client:document(op.id, sample.flat(op))
    elseif op.body then
      args.body = {file = {data = "PNG", filename = "x.png"}}
    end
    return args
  end

  for _, date in ipairs(operations.revisions()) do
    it("of " .. date .. " carries it, and the key where it belongs", function()
      local revision = operations.revision(date)
      local client = new {revision = date, company_id = "ABC123",
        fall_forward = false}
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local request = client:build(id, args_of(client, op))
        assert.equal(date, request.headers.revision, id)
        local public = op.path:match("^/client/") ~= nil
        assert.equal(not public and "Klaviyo-API-Key " .. key or nil,
          request.headers.Authorization, id)
        assert.equal(public,
          request.url:find("company_id=ABC123", 1, true) ~= nil, id)
        for name, value in pairs(request.headers) do
          assert.truthy(name == "Authorization"
            or not value:find(key, 1, true), id .. " " .. name)
        end
      end
    end)
  end

  it("of a public call has no key, and does not call the key function", function()
    raw.with({answers = {{status = 202}}}, function(server)
      local client = klaviyo.new {
        api_key = function() error("asked for the key") end,
        company_id = "ABC123", base_url = server.url, proxy = "",
        on_warning = function() end,
      }
      assert(client.public.events:create {
        metric = "Viewed Product", profile = {email = "a@example.com"},
        properties = {},
      })
      assert(client:request {method = "POST", path = "/client/events",
        query = {company_id = "ABC123"}, body = "{}"})
      local requests = server:requests()
      assert.equal(2, #requests)
      for _, request in ipairs(requests) do
        assert.is_nil(request.headers.authorization)
        assert.equal("2024-10-15", request.headers.revision)
        assert.equal("/client/events?company_id=ABC123", request.target)
      end
    end)
  end)
end)
