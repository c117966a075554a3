local bulk = require "klaviyo.bulk"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local kinds = require "klaviyo.bulk.kinds"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local sandbox = require "spec.support.sandbox"
local script = require "spec.support.script"

local function no_sleep() end

-- Returns a client whose service accepts everything, except: `answer(list, n)`
-- replies to the n-th job, `job(id, polls)` to a poll; `wrong[id]`: its errors.
local function service(more)
  local self = klaviyo.new {api_key = "pk_x", fall_forward = false}
  for name, value in pairs {posts = {}, sizes = {}, bodies = {}, polls = {},
    wrong = {}, jobs = {}, answer = false, job = false} do
    self[name] = value
  end
  for name, value in pairs(more or {}) do
    self[name] = value
  end
  local function post(operation, body)
    assert.is_string(body)
    local document = assert(json.decode(body))
    local attributes = document.data.attributes
    local _, member = next(attributes)
    for _, value in pairs(attributes) do
      member = type(value) == "table" and value.data and value or member
    end
    local n = #self.posts + 1
    self.posts[n] = {operation = operation, document = document,
      list = member.data}
    self.bodies[n], self.sizes[n] = #body, #member.data
    if self.answer then
      local doc, err = self.answer(member.data, n)
      if doc or err then
        return doc, err
      end
    end
    local id = "job" .. n
    self.jobs[id] = #member.data
    return {data = {type = "job", id = id}}
  end
  function self.call(_, operation, args)
    if operation:find("^bulk_") then
      return post(operation, args.body)
    end
    self.polls[args.id] = (self.polls[args.id] or 0) + 1
    if self.job then
      local doc, err = self.job(args.id, self.polls[args.id])
      if doc or err then
        return doc, err
      end
    end
    local wrong = self.wrong[args.id] or {}
    wrong = wrong.count or #wrong
    return {data = {attributes = {status = "complete", failed_count = wrong,
      completed_count = self.jobs[args.id] and self.jobs[args.id] - wrong}}}
  end
  function self.each(_, _, args)
    local at, list = 0, self.wrong[args.id] or {}
    return {next = function()
      at = at + 1
      if list[at] then
        return {type = "import-error", id = "e" .. at, attributes = list[at]}
      end
    end}
  end
  return self
end

local function api_error(status, objects, more)
  local fields = {kind = "api", status = status, errors = objects,
    message = status .. " rejected", maybe_sent = status >= 500}
  for name, value in pairs(more or {}) do
    fields[name] = value
  end
  return errors.new(fields)
end

local function people(count, from)
  local list = {}
  for i = 1, count do
    list[i] = {email = ("p%05d@example.com"):format((from or 0) + i)}
  end
  return list
end

local function stream(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

local function import(client, kind, source, options)
  local own = {sleep = no_sleep}
  for name, value in pairs(options or {}) do
    own[name] = value
  end
  return bulk.import(client, kind, source, own)
end

local function all_failures(result)
  local list = {}
  for failure in result.failures() do
    list[#list + 1] = failure
  end
  return list
end

local function positions(result)
  local list = {}
  for failure in result.failures() do
    list[#list + 1] = failure.position
  end
  table.sort(list)
  return list
end

local function pointer(i)
  return ("/data/attributes/profiles/data/%d/attributes/email"):format(i - 1)
end

describe("klaviyo.bulk", function()
  describe("dividing a source", function()
    it("respects the batch size of each kind", function()
      local client = service()
      local result = assert(import(client, "profiles", people(25001)))
      assert.same({10000, 10000, 5001}, client.sizes)
      assert.equal(25001, result.completed)
      assert.equal(25001, result.submitted)
      assert.equal(0, result.failed)

      client = service()
      assert(import(client, "suppress", people(250)))
      assert.same({100, 100, 50}, client.sizes)
    end)

    it("fills a body up to 5 MB", function()
      local client = service()
      local list = people(60)
      for _, record in ipairs(list) do
        record.properties = {note = ("é"):rep(100000)}
      end
      assert(import(client, "profiles", stream(list)))
      local sent = 0
      for i, bytes in ipairs(client.bodies) do
        assert.is_true(bytes <= 5000000)
        assert.is_true(i == #client.bodies or bytes > 4700000)
        sent = sent + client.sizes[i]
      end
      assert.equal(60, sent)
    end)

    it("divides at the exact byte", function()
      local body = #json.encode(klaviyo.document("bulk_import_profiles",
        {profiles = people(3)}))
      local client = service()
      assert(import(client, "profiles", people(6), {batch_bytes = body}))
      assert.same({3, 3}, client.sizes)
      assert.same({body, body}, client.bodies)
      client = service()
      assert(import(client, "profiles", people(6), {batch_bytes = body - 1}))
      assert.same({2, 2, 2}, client.sizes)
    end)

    it("sends the document that the builder makes", function()
      local client = service()
      local list = people(3)
      assert(import(client, "profiles", list, {list = "LIST"}))
      assert.same(json.decode(json.encode(klaviyo.document(
        "bulk_import_profiles", {profiles = list, lists = {"LIST"}}))),
        client.posts[1].document)
    end)

    it("reports a record that is too large alone", function()
      local client = service()
      local list = people(3)
      list[2].properties = {note = ("x"):rep(500000)}
      local result = assert(import(client, "profiles", list))
      assert.same({2}, client.sizes)
      local failure = all_failures(result)[1]
      assert.equal(2, failure.position)
      assert.equal(list[2], failure.record)
      assert.equal("too_large", failure.errors[1].code)
    end)

    it("reads no further than it sends", function()
      local read_count = 0
      local client = service {answer = function()
        return nil, api_error(401)
      end}
      local result, err = import(client, "profiles", function()
        read_count = read_count + 1
        return {email = "a@example.com"}
      end, {batch_size = 10, concurrency = 1})
      assert.is_nil(result)
      assert.equal(401, err.status)
      assert.equal(10, read_count)
    end)
  end)

  describe("records", function()
    it("are rejected one by one, with messages about the record", function()
      local client = service()
      local result = assert(import(client, "profiles", {
        {email = "a@example.com"}, {emial = "b@example.com"},
        {email = 17}, {email = "c@example.com", properties = {f = print}},
        true, {email = "d@example.com"},
      }))
      assert.equal(2, result.completed)
      assert.equal(4, result.failed)
      local list = all_failures(result)
      assert.equal('unknown attribute of bulk_import_profiles: "emial"; did '
        .. 'you mean "email"?', list[1].errors[1].detail:match("^.-%?"))
      assert.equal("bulk_import_profiles: email must be a string, not a number",
        (list[2].errors[1].detail:gsub(" or klaviyo.null", "")))
      assert.equal("attributes.properties.f: a function cannot be written as "
        .. "JSON", list[3].errors[1].detail)
      assert.equal("refused", list[4].errors[1].code)
      assert.same({2, 3, 4, 5}, positions(result))
    end)

    it("may be whole resources", function()
      local client = service()
      assert(import(client, "profiles", {{type = "profile", id = "P1",
        attributes = {email = "a@example.com", brand_new = true}}}))
      assert.same({type = "profile", id = "P1",
        attributes = {email = "a@example.com", brand_new = true}},
        client.posts[1].list[1])
    end)

    it("are single events, each with its own unique_id", function()
      local client = service {answer = function()
        return {}
      end}
      local list = {}
      for i = 1, 1001 do
        list[i] = {profile = {email = "a@example.com"}, metric = "Viewed",
          properties = {i = i}, unique_id = i == 3 and "mine" or nil}
      end
      local result = assert(import(client, "events", list))
      assert.same({1000, 1}, client.sizes)
      assert.equal(1001, result.completed)
      assert.is_nil(list[1].unique_id)
      local unique_ids, count = {}, 0
      for _, post in ipairs(client.posts) do
        for _, group in ipairs(post.list) do
          local event = group.attributes.events.data[1]
          assert.equal("Viewed", event.attributes.metric.data.attributes.name)
          local id = event.attributes.unique_id
          assert.is_string(id)
          count = count + (unique_ids[id] and 0 or 1)
          unique_ids[id] = true
        end
      end
      assert.equal(1001, count)
      assert.is_true(unique_ids.mine)
    end)

    it("of every kind fit the operations of every revision", function()
      for _, revision in ipairs(klaviyo.revisions()) do
        local client = klaviyo.new {api_key = "pk_x",
          revision = revision.date, fall_forward = false}
        for name, kind in pairs(kinds) do
          local document = client:document(kind.operation,
            {[kind.member] = {}})
          assert.is_table(document.data.attributes[
            kind.member:gsub("_", "-")], name)
          for _, operation in ipairs {kind.job or false,
            kind.errors or false} do
            if operation then
              assert.equal("GET",
                client:build(operation, {id = "x"}).method, name)
            end
          end
        end
      end
    end)
  end)

  describe("a rejected chunk", function()
    local function refusing(bad, by)
      return function(list)
        local objects = {}
        for i, record in ipairs(list) do
          if bad[record.attributes.email] then
            objects[#objects + 1] = {code = "invalid", detail = "no",
              source = by == "pointer" and {pointer = pointer(i)} or nil}
          end
        end
        if #objects > 0 then
          return nil, api_error(400,
            by == "one" and {objects[1]} or by == "nothing" and {{detail = "invalid"}} or objects)
        end
      end
    end

    local function planted(list, count)
      local bad, where = {}, {}
      for i = 1, count do
        local position = math.floor(i * #list / count) - i % 7
        bad[list[position].email], where[i] = true, position
      end
      return bad, where
    end

    for _, by in ipairs {"pointer", "all", "nothing"} do
      it("fails only its 37 bad records, found by " .. by, function()
        local list = people(3000)
        local bad, where = planted(list, 37)
        local client = service {answer = refusing(bad, by)}
        local result = assert(import(client, "profiles", stream(list),
          {batch_size = 1000}))
        assert.equal(37, result.failed)
        assert.equal(3000 - 37, result.completed)
        assert.same(where, positions(result))
        for failure in result.failures() do
          assert.equal(list[failure.position], failure.record)
          assert.is_string(failure.errors[1].detail)
        end
        -- and no record was accepted twice
        local accepted, count = {}, 0
        for n, post in ipairs(client.posts) do
          if client.jobs["job" .. n] then
            for _, record in ipairs(post.list) do
              assert.is_nil(accepted[record.attributes.email])
              accepted[record.attributes.email] = true
              count = count + 1
            end
          end
        end
        assert.equal(3000 - 37, count)
      end)
    end

    it("ends the import if the request is the cause", function()
      local client = service {answer = function()
        return nil, api_error(400, {{detail = "no such list", source =
          {pointer = "/data/relationships/lists/data/0/id"}}})
      end}
      local result, err = import(client, "profiles", people(3000),
        {list = "NOPE"})
      assert.is_nil(result)
      assert.equal(400, err.status)
      assert.equal(0, err.result.failed)
      assert.equal(1, #client.posts)
    end)

    it("ends the import if every record is rejected without a pointer", function()
      local client = service {answer = function()
        return nil, api_error(400, {{detail = "no"}})
      end}
      local _, err = import(client, "profiles", people(10000))
      assert.equal(400, err.status)
      assert.is_true(#client.posts < 60)
    end)

    -- Fault 5
    it("ends the import, and fails no record, if the records are not the cause",
      function()
        local client = service {answer = function(_, n)
          if n > 2 then
            return nil, api_error(400, {{detail = "account suspended"}})
          end
        end}
        local result, err = import(client, "profiles", people(1000),
          {batch_size = 100, concurrency = 1})
        assert.is_nil(result)
        assert.equal(400, err.status)
        assert.equal(200, err.result.completed)
        assert.equal(0, err.result.failed)
        assert.equal(0, err.result.unknown)
        assert.is_true(#client.posts < 60)
      end)

    it("is split if it is too large for the service", function()
      local client = service {answer = function(list)
        if #list > 30 then
          return nil, api_error(413, nil, {kind = "http"})
        end
      end}
      local result = assert(import(client, "profiles", people(100)))
      assert.equal(100, result.completed)
    end)
  end)

  describe("a failure of the transport", function()
    it("ends the import, and returns the counts", function()
      local client = service {answer = function(_, n)
        if n == 3 then
          return nil, api_error(503)
        end
      end}
      local result, err = import(client, "profiles", people(50),
        {batch_size = 10, concurrency = 1})
      assert.is_nil(result)
      assert.equal(503, err.status)
      assert.equal(20, err.result.completed)
      assert.equal(10, err.result.unknown)
      assert.equal(0, err.result.failed)
      assert.equal(3, #client.posts)
    end)

    -- Fault 5: a response of a proxy between the client and the service
    for _, status in ipairs {400, 409, 413, 422} do
      it("fails no record because of a page of HTML: " .. status, function()
        local client = service {answer = function(_, n)
          if n > 2 then
            return nil, api_error(status, nil, {kind = "http"})
          end
        end}
        local result, err = import(client, "profiles", people(50),
          {batch_size = 10, concurrency = 1})
        assert.is_nil(result)
        assert.equal(status, err.status)
        assert.equal(20, err.result.completed)
        assert.equal(0, err.result.failed)
        assert.equal(0, err.result.unknown)
      end)
    end

    it("rejects a success without a job", function()
      local client = service {answer = function()
        return {data = {type = "job"}}
      end}
      local result, err = import(client, "profiles", people(5))
      assert.is_nil(result)
      assert.equal("decode", err.kind)
      assert.equal(0, err.result.submitted)
      assert.equal(5, err.result.unknown)
    end)

    it("counts no record as unknown that was not sent", function()
      local client = service {answer = function()
        return nil, api_error(401)
      end}
      local _, err = import(client, "profiles", people(50), {batch_size = 10})
      assert.equal(0, err.result.unknown)
    end)

    it("waits as long as the service asks", function()
      local slept = {}
      local client = service {answer = function(_, n)
        if n == 1 then
          return nil, api_error(429, nil,
            {kind = "rate_limited", retry_after = 17})
        end
      end}
      local result = assert(import(client, "profiles", people(5), {
        sleep = function(seconds)
          slept[#slept + 1] = seconds
        end,
      }))
      assert.equal(5, result.completed)
      assert.equal(17, slept[1])
    end)

    -- Fault 4
    it("ends when every answer is 429 for stall_timeout seconds", function()
      for _, retry_after in ipairs {0, 7} do
        local waited, requests = 0, 0
        local client = service {answer = function()
          requests = requests + 1
          assert(requests < 1000, "the import does not end")
          return nil, api_error(429, nil,
            {kind = "rate_limited", retry_after = retry_after})
        end}
        local result, err = import(client, "profiles", people(5), {
          stall_timeout = 100,
          sleep = function(seconds)
            waited = waited + seconds
          end,
        })
        assert.is_nil(result)
        assert.equal("rate_limited", err.kind)
        assert.is_true(waited > 90 and waited <= 100)
        assert.is_true(requests <= 101)
        assert.equal(0, err.result.unknown)
      end
    end)

    it("counts the time that a rate-limited request takes as waiting", function()
      local now, requests = 0, 0
      local client = service {answer = function()
        requests, now = requests + 1, now + 30
        assert(requests < 1000, "the import does not end")
        return nil, api_error(429, nil, {kind = "rate_limited", retry_after = 1})
      end}
      local result, err = import(client, "profiles", people(5), {
        stall_timeout = 100, now = function() return now end,
      })
      assert.is_nil(result)
      assert.equal("rate_limited", err.kind)
      assert.equal(4, requests)
    end)
  end)

  describe("a job", function()
    it("is polled to its end, at growing intervals", function()
      local slept = {}
      local client = service {job = function(_, polls)
        if polls < 12 then
          return {data = {attributes = {status = polls < 3 and "queued"
            or "processing", completed_count = polls}}}
        end
      end}
      local result = assert(import(client, "profiles", people(5), {
        sleep = function(seconds)
          slept[#slept + 1] = seconds
        end,
      }))
      assert.equal(5, result.completed)
      assert.equal(12, #slept)
      for i = 2, #slept do
        assert.is_true(slept[i] >= slept[i - 1])
        assert.is_true(slept[i] <= 20)
      end
      assert.is_true(slept[1] <= 1 and slept[12] > 10)
    end)

    it("assigns its errors to the records", function()
      local list = people(30)
      local client = service()
      client.wrong.job2 = {
        count = 3,
        {code = "invalid", detail = "one", source = {pointer = pointer(3)},
          original_payload = {email = "p00013@example.com"}},
        {code = "invalid", detail = "two", source = {pointer = pointer(3)}},
        {detail = "bare", source = {pointer = "email"},
          original_payload = {email = "p00017@example.com"}},
        {detail = "nobody's", original_payload = {email = "z@example.com"}},
      }
      local result = assert(import(client, "profiles", stream(list),
        {batch_size = 10}))
      assert.equal(30 - 3, result.completed)
      assert.equal(3, result.failed)
      local found = all_failures(result)
      assert.equal(13, found[1].position)
      assert.equal(list[13], found[1].record)
      assert.same({"one", "two"},
        {found[1].errors[1].detail, found[1].errors[2].detail})
      assert.equal("job2", found[1].job)
      assert.equal(17, found[2].position)
      assert.is_nil(found[3].position)
      assert.same({email = "z@example.com"}, found[3].record)
    end)

    -- Fault 9
    it("assigns an error to the right one of two records with one address",
      function()
        local list = people(4)
        list[2] = {email = "Ann@Example.com", first_name = "Ann",
          properties = {plan = "gold"}}
        list[3] = {email = "ann@example.com ", first_name = "Anne"}
        local client = service()
        client.wrong.job1 = {
          {detail = "bad", original_payload = {email = "ann@example.com",
            first_name = "Ann", last_name = json.null,
            properties = {plan = "gold"}}},
        }
        local result = assert(import(client, "profiles", list))
        assert.same({2}, positions(result))
        client.wrong.job2 = client.wrong.job1
        client.wrong.job2[1].original_payload = json.encode {
          type = "profile", attributes = {email = "ann@example.com",
            first_name = "Anne"}}
        assert.same({3}, positions(assert(import(client, "profiles", list))))
        -- and the client does not guess a record
        client.wrong.job3 = client.wrong.job1
        client.wrong.job3[1].original_payload = {email = "ANN@example.com"}
        result = assert(import(client, "profiles", list))
        local failure = all_failures(result)[1]
        assert.is_nil(failure.position)
        assert.same({email = "ANN@example.com"}, failure.record)
        assert.equal(3, result.completed)
      end)

    it("recognizes an identifier in another form", function()
      local list = {
        {email = "a@example.com"}, {email = " Bob@Example.COM"},
        {phone_number = "+1 (234) 567-8900"}, {external_id = "Ab"},
        {external_id = "ab"},
      }
      local client = service()
      client.wrong.job1 = {
        {detail = "1", original_payload = {email = "bob@example.com"}},
        {detail = "2", original_payload = {phone_number = "+12345678900"}},
        {detail = "3", original_payload = {external_id = "ab"}},
      }
      local result = assert(import(client, "profiles", list))
      assert.same({2, 3, 5}, positions(result))
      assert.equal(2, result.completed)
    end)

    it("distinguishes two errors of one record from errors of two equal records", function()
      local list = people(1)
      list[2], list[3] = list[1], list[1]
      local client = service()
      local payload = {email = list[1].email}
      client.wrong.job1 = {count = 1,
        {detail = "a", original_payload = payload},
        {detail = "b", original_payload = payload}}
      local result = assert(import(client, "profiles", list))
      assert.same({1}, positions(result))
      assert.equal(2, #all_failures(result)[1].errors)
      client.wrong.job2 = {{detail = "a", original_payload = payload},
        {detail = "a", original_payload = payload}}
      assert.same({1, 2}, positions(assert(import(client, "profiles", list))))
    end)

    it("prefers the payload if the pointer names another record", function()
      local client = service()
      client.wrong.job1 = {{detail = "x", source = {pointer = pointer(1)},
        original_payload = {email = "P00004@example.com"}}}
      local result = assert(import(client, "profiles", people(5)))
      assert.same({4}, positions(result))
    end)

    it("counts an unknown record once, whatever its errors", function()
      local client = service()
      local payload = {email = "z@example.com"}
      client.wrong.job1 = {count = 1, {detail = "a",
        original_payload = payload}, {detail = "b", original_payload = payload}}
      local result = assert(import(client, "profiles", people(5)))
      assert.equal(1, result.failed)
      assert.equal(4, result.completed)
      assert.equal(2, #all_failures(result)[1].errors)
    end)

    it("counts records by its own figures if its errors cannot be read", function()
      local client = service()
      client.wrong.job1 = {count = 1}
      client.each = function()
        return {next = function()
          return nil, api_error(404)
        end}
      end
      local result = assert(import(client, "profiles", people(6)))
      assert.equal(5, result.completed)
      assert.equal(1, result.failed)
      assert.equal(0, result.unknown)
      local failure = all_failures(result)[1]
      assert.equal(1, failure.count)
      assert.matches("404", failure.errors[1].detail, 1, true)
    end)

    it("retries the request for its errors after a failure", function()
      local client, asked = service(), 0
      local each = client.each
      client.wrong.job1 = {{detail = "x", source = {pointer = pointer(2)}},
        {detail = "y", source = {pointer = pointer(3)}}}
      client.each = function(...)
        asked = asked + 1
        local it = each(...)
        local failing, at = asked < 4, 0
        return {next = function()
          at = at + 1
          if failing and at == asked then
            return nil, api_error(502, nil, {kind = "http"})
          end
          return it.next()
        end}
      end
      local result = assert(import(client, "profiles", people(6)))
      assert.equal(4, asked)
      assert.same({2, 3}, positions(result))
      assert.equal(4, result.completed)
    end)

    it("of a rejected chunk has its own positions", function()
      local list = people(10)
      local client = service {answer = function(sent, n)
        if n == 1 then
          assert.equal(10, #sent)
          return nil, api_error(400, {{source = {pointer = pointer(2)}},
            {source = {pointer = pointer(5)}}})
        end
      end}
      -- the fourth of the remaining records: 1 3 4 6
      client.wrong.job2 = {{detail = "x", source = {pointer = pointer(4)}}}
      local result = assert(import(client, "profiles", list))
      assert.same({2, 5, 6}, positions(result))
      assert.equal(7, result.completed)
    end)

    it("contains its errors for other kinds", function()
      local client = service {job = function()
        return {data = {attributes = {status = "complete", failed_count = 2,
          completed_count = 1, errors = {
            {code = "not_found", detail = "no such item",
              source = {pointer = "/data/attributes/items/data/1"}}}}}}
      end}
      local result = assert(import(client, "delete_catalog_items",
        {"$custom:::$default:::A", "$custom:::$default:::B",
          "$custom:::$default:::C"}))
      assert.equal(1, result.completed)
      assert.equal(2, result.failed)
      local found = all_failures(result)
      assert.equal(2, found[1].position)
      assert.equal("$custom:::$default:::B", found[1].record)
      assert.equal(1, found[2].count)
      assert.matches("does not name them", found[2].errors[1].detail)
    end)

    it("leaves the rest unknown if it was cancelled", function()
      local status, done = "cancelled", 4
      local client = service {job = function()
        return {data = {attributes = {status = status,
          completed_count = done, failed_count = 0}}}
      end}
      local result = assert(import(client, "profiles", people(10)))
      assert.equal(10, result.unknown)
      status, done = "failed", 0
      result = assert(import(client, "profiles", people(10)))
      assert.equal(0, result.unknown)
      assert.equal(10, result.failed)
    end)

    it("may skip records", function()
      local client = service {job = function()
        return {data = {attributes = {status = "complete",
          completed_count = 5, skipped_count = 2}}}
      end}
      local result = assert(import(client, "suppress", people(7)))
      assert.equal(2, result.skipped)
      assert.equal(5, result.completed)
    end)

    it("ends the import if it makes no progress", function()
      local client = service {job = function()
        return {data = {attributes = {status = "queued"}}}
      end}
      local result, err = import(client, "profiles", people(7),
        {stall_timeout = 100})
      assert.is_nil(result)
      assert.equal("timeout", err.kind)
      assert.matches("job job1 has been queued", tostring(err))
      assert.equal(7, err.result.submitted)
      assert.equal(7, err.result.unknown)
    end)

    -- Fault 5
    it("is not lost because a proxy answers 404", function()
      local client = service {job = function(_, polls)
        if polls < 4 then
          return nil, api_error(404, nil, {kind = "http"})
        elseif polls == 4 then
          return {}
        end
      end}
      local result = assert(import(client, "profiles", people(7)))
      assert.equal(7, result.completed)
      assert.equal(0, result.unknown)
      client = service {job = function()
        return nil, api_error(404)
      end}
      result = assert(import(client, "profiles", people(7)))
      assert.equal(7, result.unknown)
    end)

    it("may fail to answer a few times", function()
      local client = service {job = function(_, polls)
        if polls < 5 then
          return nil, api_error(502)
        end
      end}
      assert.equal(7, assert(import(client, "profiles", people(7))).completed)
    end)
  end)

  describe("progress", function()
    it("is called with counts, rate and time left", function()
      local now, calls = 100, {}
      local result = assert(import(service(), "profiles", people(40), {
        batch_size = 10, concurrency = 1, now = function()
          return now
        end,
        sleep = function()
          now = now + 2
        end,
        progress = function(p)
          calls[#calls + 1] = p
        end,
      }))
      assert.equal(8, result.elapsed)
      local last, middle = calls[#calls], nil
      for _, p in ipairs(calls) do
        assert.equal(40, p.total)
        middle = p.done == 20 and middle or middle or p.done == 20 and p
      end
      assert.equal(40, last.done)
      assert.equal(40, last.completed)
      assert.equal(5, last.rate)
      assert.equal(0, last.left)
      assert.equal(5, middle.rate)
      assert.equal(4, middle.left)
      assert.equal(20, middle.submitted)
    end)

    it("does not estimate the time left for a source of unknown length", function()
      local first
      assert(import(service(), "profiles", stream(people(40)), {
        batch_size = 10, progress = function(p)
          first = first or p
        end,
      }))
      assert.is_nil(first.total)
      assert.is_nil(first.left)
      first = nil
      assert(import(service(), "profiles", stream(people(40)), {
        batch_size = 10, total = 40, progress = function(p)
          first = first or p
        end,
      }))
      assert.equal(40, first.total)
    end)

    it("loses no record when it raises", function()
      local calls = 0
      local result = assert(import(service(), "profiles", people(40), {
        batch_size = 10, progress = function()
          calls = calls + 1
          error("the terminal is gone", 0)
        end,
      }))
      assert.equal(40, result.completed)
      assert.equal(1, calls)
      assert.equal("the terminal is gone", result.progress_error)
    end)
  end)

  describe("failures", function()
    it("are all returned, and do not fill the memory", function()
      local list = {}
      for i = 1, 3000 do
        list[i] = {emial = i}
      end
      local result = assert(import(service(), "profiles", list))
      assert.equal(3000, result.failed)
      for _ = 1, 2 do
        local i = 0
        for failure in result.failures() do
          i = i + 1
          assert.equal(i, failure.position)
          assert.equal(i, failure.record.emial)
        end
        assert.equal(3000, i)
      end
    end)
  end)

  describe("wrong usage", function()
    local client = service()

    it("raises at the caller's line", function()
      raises({'unknown option of bulk_import_profiles "jurnal"',
        'did you mean "journal"'}, function()
        bulk.import(client, "profiles", {}, {jurnal = "x"})
      end)
      raises('unknown option of bulk_create_events "list"', function()
        bulk.import(client, "events", {}, {list = "x"})
      end)
      raises("bulk_create_events: batch_size must be a whole number from 1 to 1000, not 1001", function()
        bulk.import(client, "events", {}, {batch_size = 1001})
      end)
      raises("concurrency must be a whole number", function()
        bulk.import(client, "events", {}, {concurrency = 0})
      end)
      raises("progress must be a function", function()
        bulk.import(client, "events", {}, {progress = 1})
      end)
      raises({'unknown option of bulk_create_events: journal "finish"', '"finished"'}, function()
        bulk.import(client, "events", {}, {journal = {path = "x", finish = 1}})
      end)
      raises('journal: finished must be "refuse", "restart", "continue" or "retry", not "restrat"', function()
        bulk.import(client, "events", {},
          {journal = {path = "x", finished = "restrat"}})
      end)
      raises("bulk_create_events: journal: path is missing", function()
        bulk.import(client, "events", {}, {journal = {}})
      end)
      raises("journal must be a path or a table, not true", function()
        bulk.import(client, "events", {}, {journal = true})
      end)
      raises("a source must be a list", function()
        bulk.import(client, "events", "events.csv")
      end)
      raises('unknown kind of bulk import "profile"', function()
        bulk.import(client, "profile", {})
      end)
    end)

    it("in the source is raised after the chunks in progress have ended",
      function()
        local own = service()
        local at = 0
        local ok, message = pcall(import, own, "profiles", function()
          at = at + 1
          if at == 15 then
            error("the file is gone", 0)
          end
          return {email = ("p%d@example.com"):format(at)}
        end, {batch_size = 10})
        assert.is_false(ok)
        assert.equal("the file is gone", message)
        assert.same({10}, own.sizes)
        assert.equal(1, own.polls.job1)
      end)
  end)

  describe("with a journal", function()
    local path

    before_each(function()
      path = os.tmpname()
      os.remove(path)
    end)

    after_each(function()
      os.remove(path)
    end)

    local function resume(client, kind, source, options)
      local own = {batch_size = 10, concurrency = 1,
        journal = {path = path, finished = "continue"}}
      for name, value in pairs(options or {}) do
        own[name] = value
      end
      return import(client, kind, source, own)
    end

    it("sends nothing twice, and remembers the failures", function()
      local list = people(45)
      list[7], list[33] = {emial = "x"}, {email = 3}
      local first = assert(resume(service(), "profiles", stream(list)))
      assert.equal(43, first.completed)
      local client = service()
      local second = assert(resume(client, "profiles", stream(list)))
      assert.equal(0, #client.posts)
      assert.equal(43, second.completed)
      assert.equal(45, second.resumed)
      assert.same({7, 33}, positions(second))
      local failure = all_failures(second)[1]
      assert.same({emial = "x"}, failure.record)
      assert.equal("refused", failure.errors[1].code)
    end)

    it("continues after an error, with its jobs", function()
      local list = people(45)
      local client = service {
        answer = function(_, n)
          if n == 3 then
            return nil, api_error(503)
          end
        end,
        job = function(id)
          if id == "job2" then
            return nil, api_error(401)
          end
        end,
      }
      local _, err = resume(client, "profiles", stream(list))
      assert.equal(401, err.status)
      assert.equal(10, err.result.unknown)
      assert.same({10, 10}, client.sizes)

      client = service()
      client.posts = {true, true}  -- new jobs have new numbers
      client.wrong.job2 = {{detail = "late", source = {pointer = pointer(2)}}}
      local result = assert(resume(client, "profiles", stream(list)))
      assert.equal(1, client.polls.job2)
      assert.is_nil(client.polls.job1)
      assert.equal(3, #client.posts - 2)
      assert.equal(44, result.completed)
      assert.equal(45, result.submitted)
      assert.equal(0, result.unknown)
      assert.same({12}, positions(result))
      assert.equal(list[12], all_failures(result)[1].record)
    end)

    it("refuses another source", function()
      assert(resume(service(), "profiles", people(25)))
      raises({"the journal " .. path, "belongs to another source: some of the records "
        .. "1 to 10 are not those"}, function()
          resume(service(), "profiles", people(25, 1))
        end)
      local changed = people(25)
      changed[17] = {email = "new@example.com"}
      raises("another source: some of the records 11 to 20", function()
        resume(service(), "profiles", changed)
      end)
      raises("another source: this source has only 24", function()
        resume(service(), "profiles", people(24))
      end)
      raises("another import", function()
        resume(service(), "profiles", people(25), {list = "L"})
      end)
      raises("another import", function()
        resume(service(), "events", people(25))
      end)
    end)

    -- Truncates the journal, as if the process had died at the n-th line.
    local function truncate_at(n)
      local lines = {}
      for line in io.lines(path) do
        lines[#lines + 1] = line
        if #lines == n then
          break
        end
      end
      local file = assert(io.open(path, "wb"))
      file:write(table.concat(lines, "\n"), n % 2 == 0 and "\n" or "")
      file:close()
    end

    -- Fault 8
    it("notices a record that is missing in the last chunk", function()
      assert(resume(service(), "profiles", people(30)))
      local number = 0
      for line in io.lines(path) do
        number = number + 1
        if line:find('"closed":1,', 1, true) then
          break
        end
      end
      truncate_at(number)
      local fewer = people(30)
      table.remove(fewer, 5)  -- the 11th would be mistaken for one of the first 10
      local client = service()
      raises("another source: some of the records 1 to 10", function()
        resume(client, "profiles", fewer)
      end)
      assert.equal(0, #client.posts)
    end)

    it("notices a record that is missing in a closed chunk", function()
      local list = people(30)
      local client = service {answer = function(_, n)
        if n == 3 then
          return nil, api_error(503)
        end
      end}
      assert.is_nil((resume(client, "profiles", list)))
      local fewer = people(31)
      table.remove(fewer, 5)
      client = service()
      raises("another source: some of the records 1 to 10", function()
        resume(client, "profiles", fewer)
      end)
      -- and a record that changed in an open chunk
      list[25] = {email = "new@example.com"}
      raises("another source: some of the records 21 to 30", function()
        resume(client, "profiles", list)
      end)
      assert.equal(0, #client.posts)
      list[25] = people(30)[25]
      assert.equal(30, assert(resume(client, "profiles", list)).completed)
    end)

    it("is not used for a new import when it is finished", function()
      assert(resume(service(), "profiles", people(25)))
      local client = service()
      raises({"belongs to an import that is finished: 25 completed, 0 failed"},
        function()
          resume(client, "profiles", people(25), {journal = path})
        end)
      raises("is finished", function()
        resume(client, "profiles", people(30, 500), {journal = {path = path}})
      end)
      assert.equal(0, #client.posts)
      local result = assert(resume(client, "profiles", people(30, 500),
        {journal = {path = path, finished = "restart"}}))
      assert.same({10, 10, 10}, client.sizes)
      assert.equal(30, result.completed)
      assert.equal(0, result.resumed)
    end)

    it("sends only failed records again after a correction",
      function()
        local list = people(35)
        list[4], list[27] = {emial = "x"}, {email = 3}
        local client = service()
        client.wrong.job2 = {{detail = "x", source = {pointer = pointer(6)}}}
        local result = assert(resume(client, "profiles", list))
        assert.same({4, 17, 27}, positions(result))
        assert.equal(33, result.submitted)
        list[4], list[17] = {email = "4@example.com"}, {email = "6@example.com"}
        raises({"they failed, and have been changed since (4)",
          'finished = "retry"'}, function()
          resume(service(), "profiles", list)
        end)
        client = service()
        result = assert(resume(client, "profiles", list,
          {journal = {path = path, finished = "retry"}}))
        assert.same({1, 1}, client.sizes)
        assert.equal("4@example.com",
          client.posts[1].list[1].attributes.email)
        assert.equal("6@example.com",
          client.posts[2].list[1].attributes.email)
        assert.same({27}, positions(result))
        assert.equal(34, result.completed)
        assert.equal(34, result.submitted)
        assert.equal(32, result.resumed)
        -- a second correction
        list[27] = {email = "27@example.com"}
        client = service()
        result = assert(resume(client, "profiles", list,
          {journal = {path = path, finished = "retry"}}))
        assert.same({1}, client.sizes)
        assert.equal(35, result.completed)
        assert.equal(35, result.submitted)
        assert.same({}, positions(result))
        list[2] = {email = "2@example.com"}
        raises("some of the records 1 to 11 are not those", function()
          resume(service(), "profiles", list,
            {journal = {path = path, finished = "retry"}})
        end)
      end)

    it("sends corrected events under their unique_ids", function()
      local list = {}
      for i = 1, 15 do
        list[i] = {profile = {email = "a@example.com"}, metric = "Viewed",
          properties = {i = i}}
      end
      list[7].metric = nil
      local client = service {answer = function()
        return {}
      end}
      local result = assert(resume(client, "events", list))
      assert.same({7}, positions(result))
      list[7].metric = "Viewed"
      result = assert(resume(client, "events", list,
        {journal = {path = path, finished = "retry"}}))
      assert.same({10, 4, 1}, client.sizes)
      assert.equal(15, result.completed)
      local unique_ids = {}
      for _, post in ipairs(client.posts) do
        for _, group in ipairs(post.list) do
          local id = group.attributes.events.data[1].attributes.unique_id
          assert.is_nil(unique_ids[id])
          unique_ids[id] = true
        end
      end
    end)

    -- Fault 7
    it("belongs to one account at one service", function()
      local function at(more)
        local client = service()
        local settings = {}
        for name, value in pairs(more) do
          settings[name] = value
        end
        local other = klaviyo.new(settings)
        other.call, other.each = client.call, client.each
        for _, name in ipairs {"posts", "sizes", "bodies", "polls", "wrong",
          "jobs", "answer", "job"} do
          other[name] = client[name]
        end
        return other
      end
      assert(resume(at {api_key = "pk_x"}, "profiles", people(5)))
      local others = {
        ["belongs to another account"] = {api_key = "pk_y"},
        ["belongs to another service: to https://a.klaviyo.com, not to "
          .. "http://127.0.0.1:1/k;"] = {api_key = "pk_x",
          base_url = "http://127.0.0.1:1/k"},
        ["belongs to another account: to another API key"] = {api_key = "pk_x",
          rate_limit_key = "acme"},
        ["set rate_limit_key = "] = {access_token = "token", rate_limit_file = false},
      }
      for message, settings in pairs(others) do
        local client = at(settings)
        raises(message, function()
          resume(client, "profiles", people(5))
        end)
        assert.equal(0, #client.posts)
      end
      local file = assert(io.open(path))
      local text = file:read("*a")
      file:close()
      assert.is_nil(text:find("pk_x", 1, true))
      os.remove(path)
      -- a key and a token may change if the account has a name
      assert(resume(at {api_key = "pk_x", rate_limit_key = "acme"}, "profiles",
        people(5)))
      for _, settings in ipairs {{api_key = "pk_y", rate_limit_key = "acme"},
        {access_token = "token", rate_limit_key = "acme"}} do
        assert.equal(5, assert(resume(at(settings), "profiles",
          people(5))).resumed)
      end
    end)

    it("sends the new records if the source has grown", function()
      assert(resume(service(), "profiles", people(25)))
      local client = service()
      local result = assert(resume(client, "profiles", people(31)))
      assert.same({6}, client.sizes)
      assert.equal(31, result.completed)
      assert.equal(31, result.total)
    end)

    it("continues from each of its lines", function()
      local list = people(35)
      list[4] = {emial = "x"}
      local function answer(sent)
        for i, record in ipairs(sent) do
          if record.attributes.email == "p00016@example.com" then
            return nil, api_error(400, {{source = {pointer = pointer(i)}}})
          end
        end
      end
      local whole = service {answer = answer}
      whole.wrong.job1 = {{source = {pointer = pointer(6)}}}
      assert(resume(whole, "profiles", stream(list)))
      local count = 0
      for _ in io.lines(path) do
        count = count + 1
      end
      for n = 1, count do
        os.remove(path)
        local client = service {answer = answer}
        client.wrong.job1 = whole.wrong.job1
        assert(resume(client, "profiles", stream(list)))
        truncate_at(n)
        local before = #client.posts
        local result = assert(resume(client, "profiles", stream(list)))
        assert.equal(35, result.total)
        assert.equal(0, result.unknown)
        -- a job that is created again has another number, and no such error
        local again = client.polls.job1 == 2 or n > 9
        assert.is_true(result.completed == 32 or not again
          and result.completed == 33, "line " .. n)
        assert.equal(35, result.completed + result.failed)
        assert.equal(35 - result.failed
          + (result.completed == 32 and 1 or 0), result.submitted)
        assert.equal(result.failed, #all_failures(result))
        assert.is_true(#client.posts - before <= 5)
      end
    end)

    -- Fault 9
    it("asks again which records failed, if that was unknown", function()
      local client = service()
      local each = client.each
      client.wrong.job2 = {{detail = "x", source = {pointer = pointer(3)}}}
      client.each = function()
        return {next = function()
          return nil, api_error(503)
        end}
      end
      local _, err = resume(client, "profiles", people(20))
      assert.equal(503, err.status)
      assert.equal(19, err.result.completed)
      assert.equal(1, err.result.failed)
      assert.equal(0, err.result.unknown)
      client.each = each
      local result = assert(resume(client, "profiles", people(20)))
      assert.equal(2, #client.posts)
      assert.equal(19, result.completed)
      assert.same({13}, positions(result))
    end)

    -- Fault 5
    for _, kind in ipairs {"profiles", "create_catalog_items"} do
      it("sends records again, once, after a page of HTML rejected them: " .. kind, function()
        local list = {}
        for i = 1, 50 do
          list[i] = kind == "profiles" and {email = ("p%d@example.com")
            :format(i)} or {external_id = "I" .. i, title = "T",
            description = "D", url = "https://example.com/"}
        end
        local sent = {}
        local function answer(status)
          return function(records, n)
            if status and n > 1 then
              return nil, api_error(status, nil, {kind = "http"})
            end
            for _, record in ipairs(records) do
              local id = record.attributes.email
                or record.attributes.external_id
              assert.is_nil(sent[id])
              sent[id] = true
            end
          end
        end
        for _, status in ipairs {400, 409, 413, 422} do
          local _, err = resume(service {answer = answer(status)}, kind,
            stream(list))
          assert.equal(status, err.status)
          assert.equal(0, err.result.failed)
        end
        local result = assert(resume(service {answer = answer()}, kind,
          stream(list)))
        assert.equal(50, result.completed)
        assert.equal(0, result.failed)
        assert.equal(0, result.unknown)
        for _, record in ipairs(list) do
          assert.is_true(sent[record.email or record.external_id])
        end
      end)
    end

    it("continues from each line of a retry", function()
      local list = people(35)
      list[4], list[15], list[16] = {emial = "x"}, {emial = "x"}, {emial = "x"}
      assert(resume(service(), "profiles", list))
      list[4], list[15] = {email = "4@example.com"}, {email = "15@example.com"}
      local retry = {journal = {path = path, finished = "retry"}}
      local file = assert(io.open(path, "rb"))
      local finished = file:read("*a")
      file:close()
      local before = select(2, finished:gsub("\n", ""))
      assert(resume(service(), "profiles", list, retry))
      local count = 0
      for _ in io.lines(path) do
        count = count + 1
      end
      assert.is_true(count > before + 8)
      for n = before + 1, count do
        file = assert(io.open(path, "wb"))
        file:write(finished)
        file:close()
        local client = service()
        local sent = {}
        client.answer = function(records)
          for _, record in ipairs(records) do
            sent[record.attributes.email] = true
          end
        end
        assert(resume(client, "profiles", list, retry))
        truncate_at(n)
        local result = assert(resume(client, "profiles", list, retry))
        assert.equal(34, result.completed, "line " .. n)
        assert.equal(34, result.submitted)
        assert.same({16}, positions(result))
        assert.same({["4@example.com"] = true, ["15@example.com"] = true}, sent)
      end
    end)

    it("sends a request once if it is not repeatable", function()
      local codes = {}
      for i = 1, 25 do
        codes[i] = {unique_code = "C" .. i, coupon = "SALE"}
      end
      local client = service {answer = function(_, n)
        if n == 2 then
          return nil, api_error(503)
        end
      end}
      local _, err = resume(client, "create_coupon_codes", stream(codes))
      assert.equal(503, err.status)
      assert.equal(10, err.result.unknown)
      client = service()
      local result = assert(resume(client, "create_coupon_codes",
        stream(codes)))
      assert.same({5}, client.sizes)
      assert.equal(10, result.unknown)
      assert.equal(15, result.completed)
    end)

    it("sends events again under the same unique_ids", function()
      local list = {}
      for i = 1, 15 do
        list[i] = {profile = {email = "a@example.com"}, metric = "Viewed",
          properties = {i = i}}
      end
      local function ids(post)
        local unique_ids = {}
        for i, group in ipairs(post.list) do
          unique_ids[i] = group.attributes.events.data[1].attributes.unique_id
        end
        return unique_ids
      end
      local client = service {answer = function(_, n)
        if n == 2 then
          return nil, api_error(503)
        end
        return {}
      end}
      assert.is_nil((resume(client, "events", stream(list))))
      local sent = ids(client.posts[2])
      client = service {answer = function()
        return {}
      end}
      local result = assert(resume(client, "events", stream(list)))
      assert.equal(15, result.completed)
      assert.same({5}, client.sizes)
      assert.same(sent, ids(client.posts[1]))
    end)
  end)

  describe("against the sandbox", function()
    local fixture = sandbox.here(setup, teardown, {record = 10, job_polls = 2})
    local path

    before_each(function()
      fixture.server:reset()
      path = os.tmpname()
      os.remove(path)
    end)

    after_each(function()
      os.remove(path)
    end)

    it("returns exactly the 37 planted failures", function()
      local list, where = people(2500), {}
      for i = 1, 37 do
        local position = i * 67
        list[position].email = i % 3 == 0 and "malformed"
          or i % 3 == 1 and ("p%d@nowhere.invalid"):format(i)
          or nil
        where[i] = position
      end
      local to = assert(fixture.client.lists:create {name = "To"}).data.id
      local result = assert(import(fixture.client, "profiles", stream(list),
        {batch_size = 500, list = to}))
      assert.equal(2463, result.completed)
      assert.equal(37, result.failed)
      assert.same(where, positions(result))
      for failure in result.failures() do
        assert.equal(list[failure.position], failure.record)
      end
      assert.equal(2463, fixture.server:stats().resources.profile)
      local on_list = 0
      for _ in fixture.client.lists:at(to).profiles:ids() do
        on_list = on_list + 1
      end
      assert.equal(2463, on_list)
    end)

    it("has `concurrency` chunks in progress at once", function()
      local now, most, read = 0, 0, 0
      local counting = fixture:new_client()
      function counting.call(_, operation, ...)
        local submits = operation:find "^bulk_"
        now = now + (submits and 1 or 0)
        most = math.max(most, now)
        local doc, err = fixture.client:call(operation, ...)
        now = now - (submits and 1 or 0)
        return doc, err
      end
      fixture.server:fault {operation = "bulk_import_profiles", delay = 0.05,
        times = 100}
      local result = assert(import(counting, "profiles", function()
        read = read + 1
        -- the source is read only for chunks in progress
        assert(now <= 3)
        return read <= 1000 and {email = ("c%d@example.com"):format(read)}
          or nil
      end, {batch_size = 100, concurrency = 3}))
      assert.equal(1000, result.completed)
      assert.equal(3, most)
      assert.equal(1001, read)
      assert.equal(1000, fixture.server:stats().resources.profile)
    end)

    it("waits between polls without an option", function()
      local client = service()
      local result = assert(bulk.import(client, "profiles", people(3)))
      assert.equal(3, result.completed)
      assert.equal(1, client.polls.job1)
      assert.is_true(result.elapsed >= 0.5)
    end)

    -- KLAVIYO_IMPORT=1000000 runs the full import
    it("keeps only a few chunks in memory #memory", function()
      local total = os.getenv "KLAVIYO_IMPORT" or "90000"
      local output, status = script.run([[
        local bulk = require "klaviyo.bulk"
        local connect = require "spec.support.connect"
        local url, path, total = ...
        local function peak()
          for line in io.lines("/proc/self/status") do
            local size = line:match("^VmHWM:%s*(%d+)")
            if size then return tonumber(size) end
          end
        end
        local at, early = 0
        local client = connect(url, {timeout = 60, deadline = 120})
        local result = assert(bulk.import(client, "profiles", function()
          at = at + 1
          return at <= tonumber(total) and {
            email = ("user%07d@example.com"):format(at), first_name = "Ada",
            last_name = "Lovelace", properties = {number = at, plan = "gold"},
          } or nil
        end, {journal = path, sleep = function() end, progress = function(p)
          early = early or p.done >= 30000 and peak()
        end}))
        print(result.completed, early, peak())
      ]], {args = {fixture.server.base_url, path, total}, timeout = 900})
      assert.equal(0, status, output)
      local completed, early, late = output:match("(%d+)%s+(%d+)%s+(%d+)")
      assert.equal(total, completed)
      assert.is_true(tonumber(late) < 64 * 1024, output)
      -- 60,000 more records would take about 30 MB
      assert.is_true(late - early < 16 * 1024, output)
    end)

    it("imports every kind", function()
      local client = fixture.client
      local function done(count, kind, source, options)
        local result = assert(import(client, kind, source, options))
        local failure = result.failures()()
        assert.equal(count, result.completed, kind .. ": "
          .. (failure and failure.errors[1].detail or ""))
        return result
      end
      local function subscription(consent)
        local list = {}
        for i = 1, 150 do
          list[i] = {email = ("s%d@example.com"):format(i), subscriptions =
            {email = {marketing = {consent = consent}}}}
        end
        return list
      end
      done(150, "subscribe", subscription "SUBSCRIBED")
      done(150, "unsubscribe", subscription "UNSUBSCRIBED")
      done(150, "suppress", people(150))
      done(150, "unsuppress", people(150))
      local items, changes, ids = {}, {}, {}
      for i = 1, 150 do
        ids[i] = "$custom:::$default:::SKU" .. i
        items[i] = {external_id = "SKU" .. i, title = "T" .. i,
          description = "D", url = "https://example.com/" .. i}
        changes[i] = {id = ids[i], title = "New"}
      end
      done(150, "create_catalog_items", items)
      done(150, "update_catalog_items", changes)
      ids[151] = "$custom:::$default:::NONE"
      local result = done(150, "delete_catalog_items", ids)
      assert.same({151}, positions(result))
    end)

    -- Imports in a process that kills itself at its n-th call.
    local SCRIPT = [[
      local bulk = require "klaviyo.bulk"
      local connect = require "spec.support.connect"
      local url, path, kind, total, moment, number, at_once = ...
      local client = connect(url)
      local pid = io.open("/proc/self/stat"):read("*n")
      local calls = 0
      local killing = connect(url)
      local function die()
        os.execute(("kill -9 %d"):format(pid))
      end
      function killing.call(_, operation, ...)
        local counts = moment == "poll" or operation:find "^bulk_"
        calls = calls + (counts and 1 or 0)
        local due = counts and calls == tonumber(number)
        if due and moment ~= "after" then
          die()
        end
        local doc, err = client:call(operation, ...)
        if due then
          die()
        end
        return doc, err
      end
      local at = 0
      local result, err = bulk.import(killing, kind, function()
        at = at + 1
        if at > tonumber(total) then
          return nil
        elseif kind == "events" then
          return {profile = {email = "a@example.com"}, metric = "Viewed",
            properties = {at = at}}
        elseif kind == "create_catalog_items" then
          return {external_id = "I" .. at, title = "T", description = "D",
            url = "https://example.com/"}
        end
        return {email = at == 321 and "x@y.invalid" or at == 77 and "bad"
          or ("k%d@example.com"):format(at)}
      end, {journal = path, batch_size = 100,
        concurrency = tonumber(at_once), sleep = function() end})
      assert(result, tostring(err))
      print(result.submitted, result.completed, result.failed,
        result.unknown, result.resumed)
      for failure in result.failures() do
        print("failed", failure.position, failure.record.email)
      end
    ]]

    local function run(kind, total, moment, number, at_once)
      return script.run(SCRIPT, {args = {fixture.server.base_url, path,
        kind, total, moment, number, at_once or 3}})
    end

    for _, moment in ipairs {"before", "after", "poll"} do
      it("loses nothing to a kill -9 " .. moment .. " an answer", function()
        local output, status = run("profiles", 500, moment, 4)
        assert.equal(137, status, output)
        output, status = run("profiles", 500, "never", 0)
        assert.equal(0, status, output)
        local counts, failed = output:match("^([^\n]*)\n(.*)$")
        assert.matches("^%d+\t498\t2\t0\t%d", counts)
        assert.matches("failed\t77\tbad", failed, 1, true)
        assert.matches("failed\t321\tx@y.invalid", failed, 1, true)
        local stats = fixture.server:stats()
        assert.equal(498, stats.resources.profile)
        assert.is_true(stats.imports.records <= 499 + 300)
      end)
    end

    it("counts no event twice after a kill -9", function()
      local output, status = run("events", 500, "after", 3)
      assert.equal(137, status, output)
      output, status = run("events", 500, "never", 0)
      assert.equal(0, status, output)
      assert.matches("^%d+\t500\t0\t0", output)
      assert.equal(500, fixture.server:stats().resources.event)
    end)

    it("counts records as unknown after a kill -9", function()
      local output, status = run("create_catalog_items", 500, "after", 3, 1)
      assert.equal(137, status, output)
      output, status = run("create_catalog_items", 500, "never", 0)
      assert.equal(0, status, output)
      assert.matches("^400\t400\t0\t100\t", output)
      assert.equal(500, fixture.server:stats().resources["catalog-item"])
    end)
  end)
end)
