local json = require "klaviyo.sandbox.json"
local sandbox_handler = require "spec.support.sandbox_handler"

local errors_of = sandbox_handler.errors_of

describe("the sandbox's jobs", function()
  local now, s

  local function start(settings)
    now = 1760000000
    settings = settings or {}
    settings.clock = function() return now end
    s = sandbox_handler.new(settings)
  end

  before_each(function() start() end)

  local function resources(kind, list)
    local data = json.array()
    for i, attributes in ipairs(list) do
      data[i] = {type = kind, attributes = attributes}
    end
    return {data = data}
  end

  local function import(list, relationships)
    return s:post("/api/profile-bulk-import-jobs", {data = {
      type = "profile-bulk-import-job", relationships = relationships,
      attributes = {profiles = resources("profile", list)}}})
  end

  local function path_of(job)
    return (job.data.links.self:gsub("^https://a%.klaviyo%.com", "")
      :gsub("/$", ""))
  end

  -- Returns the states of a job, one for each poll.
  local function states(job, polls, pause)
    local list, last = {}, nil
    for i = 1, polls do
      local _, document = s:get(path_of(job))
      last = document.data.attributes
      list[i] = last.status
      now = now + (pause or 0)
    end
    return table.concat(list, " "), last
  end

  local function people(count)
    local list = {}
    for i = 1, count do
      list[i] = {email = ("p%d@b.example"):format(i)}
    end
    return list
  end

  describe("progress", function()
    it("with every poll by default", function()
      local _, job = import(people(1))
      assert.equal("queued processing complete complete", states(job, 4))
    end)

    it("after job_polls polls", function()
      start {job_polls = 3}
      local _, job = import(people(1))
      assert.equal("queued queued queued processing processing processing "
        .. "complete", states(job, 7))
      start {job_polls = 0}
      _, job = import(people(1))
      assert.equal("complete", states(job, 1))
    end)

    it("after job_seconds seconds", function()
      start {job_polls = 0, job_seconds = 2}
      local _, job = import(people(1))
      assert.equal("queued queued processing processing complete",
        states(job, 5, 1))
      _, job = import(people(1))
      now = now + 10
      assert.equal("complete", states(job, 1))
    end)

    it("in a listing as well", function()
      import(people(1))
      local function listed()
        local _, document = s:get("/api/profile-bulk-import-jobs")
        return document.data[1].attributes.status
      end
      assert.equal("queued", listed())
      assert.equal("processing", listed())
      assert.equal("complete", listed())
      local _, document = s:get("/api/profile-bulk-import-jobs"
        .. "?filter=equals(status,%22complete%22)")
      assert.equal(1, #document.data)
    end)
  end)

  describe("of imports", function()
    it("fail in part, each failure with its pointer and payload", function()
      local list = people(100)
      list[1].email = "nobody@nowhere.invalid"
      list[18] = {phone_number = "+9991234567", external_id = "eighteen"}
      list[100].properties = {sandbox_error = "A requested failure."}
      local status, job = import(list)
      assert.equal(202, status)
      local _, before = s:get(path_of(job) .. "/import-errors")
      assert.same({}, before.data)
      local _, last = states(job, 3)
      assert.same({100, 97, 3},
        {last.total_count, last.completed_count, last.failed_count})
      local _, first = s:get(path_of(job) .. "/import-errors?page[size]=2")
      assert.equal(2, #first.data)
      local _, rest = s:get(sandbox_handler.next(first))
      local errors = {first.data[1], first.data[2], rest.data[1]}
      for i, path in ipairs {"0/attributes/email",
        "17/attributes/phone_number", "99/attributes/properties"} do
        assert.equal("import-error", errors[i].type)
        local attributes = errors[i].attributes
        assert.equal("/data/attributes/profiles/data/" .. path,
          attributes.source.pointer)
        assert.equal("invalid", attributes.code)
      end
      assert.equal("A requested failure.", errors[3].attributes.detail)
      assert.equal("eighteen",
        errors[2].attributes.original_payload.external_id)
      assert.equal(97, s.state:collection("profile").count)
      local _, made = s:get(path_of(job) .. "/profiles?page[size]=100")
      assert.equal(97, #made.data)
    end)

    it("are rejected as a whole for one malformed profile", function()
      local list = people(30)
      list[18].email = "not an address"
      list[20].phone_number = "555 1234"
      list[21] = {first_name = "Nobody"}
      local status, document = import(list)
      assert.equal(400, status)
      assert.same({
        "invalid /data/attributes/profiles/data/17/attributes/email",
        "invalid /data/attributes/profiles/data/19/attributes/phone_number",
        "invalid /data/attributes/profiles/data/20/attributes",
      }, errors_of(document))
      assert.equal(0, s.state:collection("profile").count)
    end)

    it("are rejected for a profile of more than 500 kB", function()
      local list = people(3)
      list[2].properties = {text = ("x"):rep(499000)}
      assert.equal(202, (import(list)))
      list[2].properties.more = ("x"):rep(1000)
      local status, document = import(list)
      assert.equal(400, status)
      assert.same({"invalid /data/attributes/profiles/data/1/attributes"},
        errors_of(document))
    end)

    it("count created and updated profiles", function()
      local list = people(3)
      import(list)
      list[3].email = "new@b.example"
      import(list)
      import(list)
      local stats = s.state:counters()
      assert.same({records = 9, made = 4, updated = 5, failed = 0},
        stats.imports)
      assert.equal(1, stats.repeated.bulk_import_profiles)
      assert.equal(3, stats.largest.bulk_import_profiles.records)
    end)

    it("add profiles to a list, once each", function()
      local list = s.state:collection("list"):at(2).id
      local to = {lists = {data = json.array {
        {type = "list", id = list}}}}
      import(people(3), to)
      import(people(4), to)
      local _, members = s:get("/api/lists/" .. list .. "/profiles")
      assert.equal(4, #members.data)
      local _, full = s:get("/api/lists/" .. list
        .. "?additional-fields[list]=profile_count")
      assert.equal(4, full.data.attributes.profile_count)
    end)
  end)

  it("accept no more records than the service", function()
    local status, document = import(people(10001))
    assert.equal(400, status)
    assert.same({"invalid /data/attributes/profiles/data"},
      errors_of(document))
    assert.equal(202, (import(people(10000))))

    local codes = {}
    for i = 1, 1001 do
      codes[i] = {unique_code = "C" .. i}
    end
    assert.equal(400, (s:post("/api/coupon-code-bulk-create-jobs", {data = {
      type = "coupon-code-bulk-create-job", attributes = {
        ["coupon-codes"] = resources("coupon-code", codes)}}})))

    local big = people(1)
    big[1].properties = {text = ("x"):rep(5000000)}
    status, document = import(big)
    assert.equal(413, status)
    assert.same({"payload_too_large /data"}, errors_of(document))
  end)

  it("of the catalog fail in part", function()
    local function item(external_id)
      return {external_id = external_id, title = "T", description = "D",
        url = "https://example.com/"}
    end
    local function run(action, items)
      local status, job = s:post("/api/catalog-item-bulk-" .. action .. "-jobs",
        {data = {type = "catalog-item-bulk-" .. action .. "-job",
          attributes = {items = items}}})
      assert.equal(202, status)
      local _, last = states(job, 3)
      return last, job
    end
    local last, job = run("create", resources("catalog-item",
      {item "a", item "b", item "a"}))
    assert.same({3, 2, 1},
      {last.total_count, last.completed_count, last.failed_count})
    assert.equal("/data/attributes/items/data/2", last.errors[1].source.pointer)
    assert.equal("duplicate", last.errors[1].code)
    local _, full = s:get(path_of(job) .. "?include=items")
    assert.equal(2, #full.included)

    local items = {data = json.array {
      {type = "catalog-item", id = "$custom:::$default:::a",
        attributes = {title = "New"}},
      {type = "catalog-item", id = "$custom:::$default:::z",
        attributes = {title = "New"}}}}
    last = run("update", items)
    assert.same({1, 1}, {last.completed_count, last.failed_count})
    assert.equal("not_found", last.errors[1].code)
    local _, read = s:get("/api/catalog-items/%24custom:::%24default:::a")
    assert.equal("New", read.data.attributes.title)

    items.data[1].attributes, items.data[2].attributes = nil, nil
    last = run("delete", items)
    assert.same({1, 1}, {last.completed_count, last.failed_count})
    assert.equal(1, s.state:collection("catalog-item").count)
  end)

  it("suppress exactly one of profiles, a list or a segment", function()
    local function suppress(profiles, list)
      return s:post("/api/profile-suppression-bulk-create-jobs", {data = {
        type = "profile-suppression-bulk-create-job",
        attributes = {profiles = profiles and resources("profile", profiles)},
        relationships = list and {list = {data =
          {type = "list", id = list}}}}})
    end
    local list = s.state:collection("list"):at(2).id
    local status, job = suppress(people(2))
    assert.equal(202, status)
    assert.equal(2, job.data.attributes.total_count)
    assert.equal(400, (suppress(people(2), list)))
    assert.equal(400, (suppress()))
    assert.equal(202, (suppress(nil, list)))
    local _, of_list = s:get("/api/profile-suppression-bulk-create-jobs"
      .. ("?sort=-created&filter=equals(list_id,%%22%s%%22)"):format(list))
    assert.equal(1, #of_list.data)
    local _, found = s:get("/api/profiles?additional-fields[profile]="
      .. "subscriptions&filter=equals(email,%22p1@b.example%22)")
    assert.equal("USER_SUPPRESSED", found.data[1].attributes.subscriptions
      .email.marketing.suppression[1].reason)
  end)

  describe("of events", function()
    local function events(groups)
      local data = json.array()
      for i, group in ipairs(groups) do
        local list = {}
        for j, unique in ipairs(group) do
          list[j] = {unique_id = unique, properties = {n = j},
            metric = {data = {type = "metric",
              attributes = {name = "Viewed"}}}}
        end
        data[i] = {type = "event-bulk-create", attributes = {
          profile = {data = {type = "profile",
            attributes = {email = group.email or "a@b.example"}}},
          events = resources("event", list)}}
      end
      return s:post("/api/event-bulk-create-jobs", {data = {
        type = "event-bulk-create-job",
        attributes = {["events-bulk-create"] = {data = data}}}})
    end

    it("are stored once each, and counted", function()
      local status, document = events {{"1", "2"}, {"3"}}
      assert.equal(202, status)
      assert.is_nil(document)
      events {{"2", "3", "4"}}
      local stats = s.state:counters()
      assert.same({received = 6, distinct = 4, repeated = 2, unnamed = 0},
        stats.events)
      assert.equal(4, stats.resources.event)
      assert.equal(3, stats.largest.bulk_create_events.records)
    end)

    it("are rejected for a duplicate unique_id, or too many events", function()
      local status, document = events {{"1"}, {"2", "1"}}
      assert.equal(400, status)
      assert.same({"invalid /data/attributes/events-bulk-create/data/1/"
        .. "attributes/events/data/1/attributes/unique_id"},
        errors_of(document))
      status, document = events {{"1", email = "no"}}
      assert.equal(400, status)
      assert.same({"invalid /data/attributes/events-bulk-create/data/0/"
        .. "attributes/profile/data/attributes/email"}, errors_of(document))
      local half, other = {}, {}
      for i = 1, 501 do
        half[i], other[i] = "a" .. i, "b" .. i
      end
      assert.equal(400, (events {half, other}))
      half[501], other[501] = nil, nil
      assert.equal(202, (events {half, other}))
      assert.equal(1000, s.state:collection("event").count)
    end)
  end)

  describe("in progress at a time", function()
    local function codes(name)
      return s:post("/api/coupon-code-bulk-create-jobs", {data = {
        type = "coupon-code-bulk-create-job", attributes = {
          ["coupon-codes"] = {data = json.array {{type = "coupon-code",
            attributes = {unique_code = name},
            relationships = {coupon = {data = {type = "coupon", id = "C"}}}}}}}}})
    end

    local function item(name)
      return s:post("/api/catalog-item-bulk-create-jobs", {data = {
        type = "catalog-item-bulk-create-job", attributes = {items = {data = json.array {{
          type = "catalog-item", attributes = {external_id = name, title = "T", description = "D",
            url = "https://a.example"}}}}}}})
    end

    it("are at most 500 of a type of the catalog", function()
      local first
      for i = 1, 500 do
        local status, job = item("I" .. i)
        assert.equal(202, status)
        first = first or job
      end
      local status, document = item "one more"
      assert.equal(400, status)
      assert.same({"invalid /data"}, errors_of(document))
      assert.matches("500 jobs of this type are in progress; the service takes 500 at most",
        document.errors[1].detail, 1, true)
      assert.equal(500, s.state:collection("catalog-item").count)
      -- another type has its own number
      assert.equal(202, (s:post("/api/catalog-category-bulk-create-jobs", {data = {
        type = "catalog-category-bulk-create-job", attributes = {categories = {data = json.array {{
          type = "catalog-category", attributes = {external_id = "K", name = "K"}}}}}}})))
      states(first, 1)
      assert.equal(400, (item "one more"))
      states(first, 1) -- it is complete now
      assert.equal(202, (item "one more"))
      assert.equal(400, (item "two more"))
    end)

    it("are at most 100 of coupon codes", function()
      for i = 1, 100 do
        assert.equal(202, (codes("C" .. i)))
      end
      assert.equal(400, (codes "one more"))
      s:get "/api/coupon-code-bulk-create-jobs" -- polls all of them
      s:get "/api/coupon-code-bulk-create-jobs"
      assert.equal(202, (codes "one more"))
    end)

    it("are any number of other types", function()
      for i = 1, 501 do
        assert.equal(202, (import {{email = i .. "@b.example"}}))
      end
    end)
  end)

  it("count created resources and repeated requests", function()
    local campaign = {data = {type = "campaign",
      attributes = {name = "Summer", audiences = {included = {"LIST"}},
        ["campaign-messages"] = {data = json.array {{
          type = "campaign-message", attributes = {channel = "email"}}}}
      }}}
    campaign = json.encode(campaign)
    assert.equal(201, (s:post("/api/campaigns", campaign)))
    assert.equal(201, (s:post("/api/campaigns", campaign)))
    assert.equal(201, (s:post("/api/campaigns",
      (campaign:gsub("Summer", "Autumn")))))
    local stats = s.state:counters()
    assert.equal(3, stats.created.campaign)
    assert.same({create_campaign = 1}, stats.repeated)
    assert.same({create_campaign = 3}, stats.processed)
  end)
end)
