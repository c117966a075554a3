-- Iterators over pages and over their resources.
local connect = require "spec.support.connect"
local errors = require "klaviyo.response.errors"
local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"

local PROFILES = 250

local function email(number)
  return ("profile-%07d@example.com"):format(number)
end

-- The number of a generated profile.
local function number_of(profile)
  return tonumber(profile.attributes.email:match("^profile%-(%d+)@"))
end

local function range(first, last)
  local list = {}
  for number = first, last do
    list[#list + 1] = number
  end
  return list
end

describe("the body of a page", function()
  local fixture = sandbox.here(setup, teardown, { profiles = PROFILES })

  it("is a string, until the next page is requested", function()
    local it = fixture.client.profiles:pages { page = { size = 100 } }
    local first = it:next()
    local text = first.response.body
    assert.equal(klaviyo.json.encode(first), klaviyo.json.encode(klaviyo.json.decode(text)))
    local second = it:next()
    assert.equal(text, first.response.body) -- it was read before
    local size = tostring(second.response):match(", (%d+) bytes")
    it:next()
    raises("read page.response.body before", function() return second.response.body end)
    assert.equal(size, tostring(second.response):match(", (%d+) bytes"))
    it:close()
  end)

  it("is kept by the error of the page", function()
    local body = '{"data":[{"type":"profile","id":"1"}],"links":{"next":"/api/profiles?page%5Bcursor%5D=b"}}'
    raw.with({ answers = { { body = body }, { body = '{"data":5}' }, { status = 400, body = "{}" } } }, function(server)
      local it = connect(server.url).profiles:each()
      assert.equal("1", it:next().id)
      local _, failure = it:next()
      it:close()
      assert.equal('{"data":5}', failure.response.body)
      it = connect(server.url).profiles:each()
      _, failure = it:next()
      it:close()
      assert.equal("{}", failure.response.body)
    end)
  end)
end)

describe("an iterator", function()
  local fixture = sandbox.here(setup, teardown, { profiles = PROFILES })

  local function requests()
    return fixture.server:stats().requests
  end

  describe("over resources", function()
    it("returns each once, in order, with its page", function()
      local before = requests()
      local numbers, pages = {}, {}
      for profile, page in fixture.client:each("get_profiles") do
        numbers[#numbers + 1] = number_of(profile)
        pages[page] = (pages[page] or 0) + 1
        assert.equal("function", type(page.resolve))
        assert.equal(200, page.response.status)
      end
      assert.same(range(1, PROFILES), numbers)
      local sizes = {}
      for _, size in pairs(pages) do
        sizes[#sizes + 1] = size
      end
      table.sort(sizes)
      assert.same({ 50, 100, 100 }, sizes)
      assert.equal(3, requests() - before)
    end)

    it("requests the largest pages, or pages of the size that was passed", function()
      for _ in fixture.client:each("get_profiles", { limit = 1 }) do end
      assert.equal("/api/profiles?page%5Bsize%5D=100", fixture:latest().uri)
      for _ in fixture.client:each("get_profiles", { limit = 1, page = { size = 7 } }) do end
      assert.equal("/api/profiles?page%5Bsize%5D=7", fixture:latest().uri)
      for _ in fixture.client:each("get_lists", { limit = 1 }) do end
      assert.equal("/api/lists", fixture:latest().uri)
    end)

    it("keeps the filter and the fields on every page", function()
      local before = #fixture:log()
      local count = 0
      for profile in fixture.client:each("get_profiles", {
        filter = klaviyo.filter.less_than("created", klaviyo.datetime "2024-01-01T00:02:00Z"),
        fields = { profile = { "email" } }, page = { size = 40 },
      }) do
        count = count + 1
        assert.same({ email = email(count) }, profile.attributes)
      end
      assert.equal(119, count)
      local log = fixture:log(before)
      assert.equal(3, #log)
      for _, line in ipairs(log) do
        assert.matches("filter=less%-than", line.target)
        assert.matches("page%%5Bsize%%5D=40", line.target)
        assert.matches("fields%%5Bprofile%%5D=email", line.target)
      end
    end)

    it("takes a limit, and requests only the pages that it needs", function()
      for limit, pages in pairs { [0] = 0, [1] = 1, [99] = 1, [100] = 1, [101] = 2, [1000] = 3 } do
        local before, numbers = requests(), {}
        for profile in fixture.client:each("get_profiles", { limit = limit }) do
          numbers[#numbers + 1] = number_of(profile)
        end
        assert.same(range(1, math.min(limit, PROFILES)), numbers)
        assert.equal(pages, requests() - before)
      end
    end)

    it("rejects an invalid limit", function()
      for _, bad in ipairs { "5", -1, {}, true } do
        raises("limit", function() fixture.client:each("get_profiles", { limit = bad }) end)
      end
    end)

    it("rejects NaN as a limit", function()
      raises("limit", function() fixture.client:each("get_profiles", { limit = 0 / 0 }) end)
    end)

    it("counts what it returned", function()
      local it = fixture.client:each("get_profiles", { limit = 102 })
      assert.equal(0, it.count)
      it:next()
      assert.equal(1, it.count)
      while it:next() do end -- luacheck: ignore 542
      assert.equal(102, it.count)
    end)

    it("called by hand returns values, then always nil", function()
      local it = fixture.client:each("get_profiles", { page = { size = 100 } })
      local numbers = {}
      while true do
        local profile, page = it:next()
        if profile == nil then
          assert.is_nil(page)
          break
        end
        numbers[#numbers + 1] = number_of(profile)
        assert.equal("table", type(page.data))
      end
      assert.same(range(1, PROFILES), numbers)
      assert.is_true(it.done)
      local before = requests()
      assert.is_nil((it:next()))
      assert.is_nil((select(2, it:next())))
      assert.equal(before, requests())
      assert.equal(PROFILES, it.count)
    end)

    it("can be used beside other iterators", function()
      local one = fixture.client:each("get_profiles", { page = { size = 10 } })
      local two = fixture.client:each("get_profiles", { page = { size = 7 }, sort = "-created" })
      local three = fixture:new_client():each("get_profiles", { page = { size = 3 }, limit = 100 })
      local a, b, c = {}, {}, {}
      for i = 1, PROFILES do
        a[i], b[i] = number_of(one:next()), number_of(two:next())
        local profile = three:next()
        c[#c + 1] = profile and number_of(profile)
      end
      assert.same(range(1, PROFILES), a)
      for i = 1, PROFILES do
        assert.equal(PROFILES + 1 - i, b[i])
      end
      assert.same(range(1, 100), c)
      assert.is_nil((one:next()))
      assert.is_nil((two:next()))
    end)

    it("can be used inside another iterator's loop", function()
      local pairs_seen = 0
      for outer in fixture.client:each("get_profiles", { page = { size = 5 }, limit = 12 }) do
        for inner in fixture.client:each("get_profiles", { page = { size = 4 }, limit = 6 }) do
          pairs_seen = pairs_seen + 1
          assert.truthy(outer.id and inner.id)
        end
      end
      assert.equal(72, pairs_seen)
    end)

    it("of an empty collection returns nothing", function()
      for _ in fixture.client:each("get_events") do
        error("there are none")
      end
      local it = fixture.client:each("get_events")
      local value, err = it:next()
      assert.is_nil(value)
      assert.is_nil(err)
      assert.is_true(it.done)
      assert.equal(0, it.count)
    end)

    it("of one resource returns that one", function()
      local id = fixture.client.profiles:first().id
      local ids = {}
      for profile, page in fixture.client:each("get_profile", { id = id }) do
        ids[#ids + 1] = profile.id
        assert.equal(profile, page.data)
      end
      assert.same({ id }, ids)
    end)

    it("of a relation that points nowhere returns nothing", function()
      raw.with({ answers = { { body = '{"data":null}' } } }, function(server)
        local client = connect(server.url)
        for _ in client:each("get_profile", { id = "x" }) do
          error("there is none")
        end
      end)
    end)

    it("raises an error for an operation without pages", function()
      raises("create_list", function() fixture.client:each("create_list", { body = "{}" }) end)
      raises("delete_list", function() fixture.client:pages("delete_list", { id = "x" }) end)
      raises("delete_list", function() fixture.client:ids("delete_list", { id = "x" }) end)
      raises("id", function() fixture.client:each("get_list") end)
    end)

    it("sends no request before its first next", function()
      local before = requests()
      fixture.client:each("get_profiles")
      fixture.client:pages("get_profiles")
      fixture.client.profiles:each()
      assert.equal(before, requests())
    end)
  end)

  describe("over pages", function()
    it("returns each once", function()
      local numbers, sizes = {}, {}
      for page in fixture.client:pages("get_profiles") do
        sizes[#sizes + 1] = #page.data
        for _, profile in ipairs(page.data) do
          numbers[#numbers + 1] = number_of(profile)
        end
      end
      assert.same({ 100, 100, 50 }, sizes)
      assert.same(range(1, PROFILES), numbers)
    end)

    it("called by hand counts them, and knows its cursor and its end", function()
      local it = fixture.client:pages("get_profiles", { page = { size = 100 } })
      assert.is_nil(it:cursor())
      assert.is_false(it.done)
      local first = it:next()
      assert.equal(100, #first.data)
      assert.equal(1, it.count)
      local cursor = it:cursor()
      assert.equal("string", type(cursor))
      assert.equal(101, number_of(fixture.client:call("get_profiles",
        { page = { size = 100, cursor = cursor } }).data[1]))
      it:next()
      it:next()
      assert.is_nil(it:cursor())
      assert.is_true(it.done)
      assert.equal(3, it.count)
      assert.is_nil((it:next()))
    end)

    it("returns an empty page of an empty collection", function()
      local pages = 0
      for page in fixture.client:pages("get_events") do
        pages = pages + 1
        assert.same({}, page.data)
      end
      assert.equal(1, pages)
    end)
  end)

  describe("over ids", function()
    it("returns each, with its identifier and its page", function()
      local everybody
      for segment in fixture.client.segments:each() do
        everybody = segment.attributes.name == "Everybody" and segment.id or everybody
      end
      local ids, count = {}, 0
      for id, identifier, page in fixture.client:ids("get_profile_ids_for_segment", { id = everybody }) do
        assert.is_nil(ids[id])
        ids[id], count = true, count + 1
        assert.same({ type = "profile", id = id }, { type = identifier.type, id = identifier.id })
        assert.equal(200, page.response.status)
      end
      assert.equal(PROFILES, count)
    end)
  end)

  describe("that continues from a cursor", function()
    -- Returns the numbers of the first `stop` profiles, and the cursor after them.
    local function interrupted(stop, size)
      local it = fixture.client:each("get_profiles", { page = { size = size } })
      local numbers = {}
      for _ = 1, stop do
        numbers[number_of(it:next())] = true
      end
      local cursor, done = it:cursor(), it.done
      it:close()
      return numbers, cursor, done
    end

    it("misses nothing, wherever it was abandoned", function()
      for _, size in ipairs { 100, 30, 50 } do
        for _, stop in ipairs { 0, 1, 29, 30, 31, 49, 50, 51, 99, 100, 101, 200, 249, 250 } do
          local numbers, cursor, done = interrupted(stop, size)
          if cursor or not done then
            for profile in fixture.client:each("get_profiles", { page = { size = size, cursor = cursor } }) do
              numbers[number_of(profile)] = true
            end
          end
          local missing = {}
          for number = 1, PROFILES do
            if not numbers[number] then
              missing[#missing + 1] = number
            end
          end
          assert.same({}, missing)
        end
      end
    end)

    it("repeats at most the page it was on", function()
      for _, stop in ipairs { 1, 99, 100, 101, 150, 200, 201 } do
        local _, cursor = interrupted(stop, 100)
        local first
        for profile in fixture.client:each("get_profiles", { limit = 1, page = { size = 100, cursor = cursor } }) do
          first = number_of(profile)
        end
        -- at the end of a page it continues with the next one
        assert.equal(math.floor(stop / 100) * 100 + 1, first)
      end
    end)

    it("is at its end if the first one was", function()
      local it = fixture.client:each("get_profiles")
      while it:next() do end -- luacheck: ignore 542
      assert.is_nil(it:cursor())
      assert.is_true(it.done)
    end)

    it("knows the cursor it started with", function()
      local _, cursor = interrupted(100, 100)
      local it = fixture.client:each("get_profiles", { page = { cursor = cursor } })
      assert.equal(cursor, it:cursor())
      assert.equal(101, number_of(it:next()))
      assert.equal(cursor, it:cursor())
    end)

    it("has a cursor that other clients can use, also with other base URLs", function()
      local _, cursor = interrupted(100, 100)
      local gateway = fixture:new_client { base_url = fixture.server.base_url .. "/klaviyo", auth_scheme = "Bearer" }
      local numbers = {}
      for profile in gateway:each("get_profiles", { page = { cursor = cursor } }) do
        numbers[#numbers + 1] = number_of(profile)
      end
      assert.same(range(101, PROFILES), numbers)
      assert.matches("^/klaviyo/api/profiles%?", fixture:latest().uri)
    end)
  end)

  describe("that fails", function()
    -- the second page fails, once
    local function fault(times)
      fixture.server:fault { operation = "get_profiles", skip = 1, times = times or 1, status = 400,
        headers = { ["Content-Type"] = "application/vnd.api+json" },
        body = '{"errors":[{"code":"broken","detail":"for a while"}]}' }
    end

    it("raises the error object in a loop", function()
      fault()
      local numbers = {}
      local ok, err = pcall(function()
        for profile in fixture.client:each("get_profiles") do
          numbers[#numbers + 1] = number_of(profile)
        end
      end)
      assert.is_false(ok)
      assert.is_true(errors.is(err))
      assert.equal("broken", err.code)
      assert.equal("get_profiles", err.operation)
      assert.same(range(1, 100), numbers)
      fault()
      ok, err = pcall(function()
        for page in fixture.client:pages("get_profiles") do
          assert.equal(100, #page.data)
        end
      end)
      assert.is_false(ok)
      assert.equal("broken", err.code)
    end)

    it("called by hand returns the error, and repeats the page at the next call", function()
      fault(2)
      local it = fixture.client:each("get_profiles")
      local numbers, failures = {}, 0
      while true do
        local profile, err = it:next()
        if profile then
          numbers[#numbers + 1] = number_of(profile)
        elseif err then
          assert.equal("broken", err.code)
          assert.equal("string", type(it:cursor()))
          assert.is_false(it.done)
          failures = failures + 1
        else
          break
        end
      end
      assert.equal(2, failures)
      assert.same(range(1, PROFILES), numbers)
      assert.equal(PROFILES, it.count)
    end)

    it("called by hand repeats a page of pages() too", function()
      fault()
      local it = fixture.client:pages("get_profiles")
      assert.equal(1, number_of(it:next().data[1]))
      local page, err = it:next()
      assert.is_nil(page)
      assert.equal("broken", err.code)
      assert.equal(1, it.count)
      assert.equal(101, number_of(it:next().data[1]))
    end)

    it("raises the error of its first page, too", function()
      local ok, err = pcall(function()
        for _ in fixture.client:each("get_profiles_for_list", { list_id = "none" }) do
          error("there is no such list")
        end
      end)
      assert.is_false(ok)
      assert.equal(404, err.status)
    end)

    it("keeps a cursor to continue from", function()
      fault()
      local it = fixture.client:each("get_profiles")
      local last
      repeat
        local profile, err = it:next()
        last = profile and number_of(profile) or last
        assert.equal(not profile, errors.is(err))
      until not profile
      assert.equal(100, last)
      assert.equal(101, number_of(fixture.client:each("get_profiles", { page = { cursor = it:cursor() } }):next()))
    end)
  end)

  describe("that is abandoned", function()
    local client

    setup(function()
      client = fixture.client:with { prefetch = false }
      -- the pages that other iterators prefetched are cancelled with them, and
      -- may still arrive
      collectgarbage()
      collectgarbage()
      client:request {path = "/api/metrics"}
      require("klaviyo.tasks").sleep(0.3)
    end)

    it("requests no more pages", function()
      local before = requests()
      for profile in client:each("get_profiles", { page = { size = 10 } }) do
        if number_of(profile) == 15 then
          break
        end
      end
      assert.equal(2, requests() - before)
    end)

    it("is closed by break, where the language has closing values", function()
      for _, name in ipairs { "each", "pages", "ids" } do
        local it, state, control, closing = client[name](client, "get_profiles")
        assert.equal(it, closing)
        for _ in it, state, control, closing do -- luacheck: ignore 512
          break
        end
        assert.truthy(getmetatable(it).__close)
        if _VERSION == "Lua 5.4" then
          local before = requests()
          for _ = 1, 200 do
            it:next()
          end
          assert.equal(before, requests())
        end
      end
    end)

    it("can be closed twice, and returns nothing afterwards", function()
      local before = requests()
      local it = client:each("get_profiles")
      it:close()
      it:close()
      assert.is_nil((it:next()))
      assert.is_nil((select(2, it:next())))
      local pages = client:pages("get_profiles")
      pages:close()
      pages:close()
      assert.is_nil((pages:next()))
      assert.equal(before, requests())
    end)

    it("returns nothing after it was closed within a page", function()
      local it = client:each("get_profiles")
      it:next()
      it:close()
      assert.is_nil((it:next()))
      assert.is_nil((select(2, it:next())))
      assert.equal(1, it.count)
    end)

    it("can be left to the garbage collector", function()
      for _ = 1, 50 do
        client:each("get_profiles", { page = { size = 1 } }):next()
      end
      collectgarbage()
      collectgarbage()
      assert.truthy(fixture.client.profiles:first())
    end)
  end)
end)

describe("an unusual page of the server", function()
  -- Returns the results of a loop over these pages.
  local function collect(answers, operation, args)
    local ids, err = {}, nil
    raw.with({ answers = answers }, function(server)
      local client = connect(server.url)
      local it = client:each(operation or "get_lists", args)
      for _ = 1, 100 do
        local resource, second = it:next()
        if resource == nil then
          err = second
          break
        end
        ids[#ids + 1] = resource.id
      end
    end)
    return table.concat(ids, " "), err
  end

  local NEXT = '"links":{"next":"https://a.klaviyo.com/api/lists?page%%5Bcursor%%5D=%s"}'

  local function page(ids, cursor, more)
    local list = {}
    for id in ids:gmatch("%S+") do
      list[#list + 1] = ('{"type":"list","id":"%s"}'):format(id)
    end
    return { body = ('{"data":[%s]%s%s}'):format(table.concat(list, ","), more and "," .. more or "",
      cursor and "," .. NEXT:format(cursor) or "") }
  end

  -- A regression: the largest page size was sent in addition.
  it("has the size that query contains", function()
    raw.with({ answers = { page("1") } }, function(server)
      local client = connect(server.url)
      assert.equal("1", client.profiles:each({ query = { ["page[size]"] = 5 } }):next().id)
      assert(client.profiles:first { query = { ["page[size]"] = 5 } })
      assert.equal("/api/profiles?page%5Bsize%5D=5", server:requests()[1].target)
      assert.equal("/api/profiles?page%5Bsize%5D=5", server:requests()[2].target)
    end)
  end)

  it("may be empty in the middle", function()
    local ids, err = collect { page("1 2", "a"), page("", "b"), page("", "c"), page("3") }
    assert.is_nil(err)
    assert.equal("1 2 3", ids)
  end)

  it("may have null as data, of a resource that exists once or not at all", function()
    local ids, err = collect({ { body = '{"data":null}' } }, "get_flow_for_flow_action", { id = "1" })
    assert.is_nil(err)
    assert.equal("", ids)
  end)

  -- A regression: the loop ended as if this were the last page.
  it("is an error if the data of a collection is null", function()
    local ids, err = collect { page("1 2", "a"), { body = '{"data":null}' } }
    assert.equal("1 2", ids)
    assert.equal("decode", err.kind)
    assert.equal('klaviyo: get_lists: 200 with no data: {"data":null}', tostring(err))
    raw.with({ answers = { { body = '{"data":null}' } } }, function(server)
      local client = connect(server.url)
      local ok, raised = pcall(function()
        for _ in client.lists:pages() do error("no page is there") end
      end)
      assert.is_false(ok)
      assert.equal("decode", raised.kind)
    end)
  end)

  -- A regression: the loop ended with an error.
  it("may have an unescaped next link", function()
    local written = [[https://a.klaviyo.com/api/lists?filter=equals(name,\"Jos\u00e9 Müller\")&page[cursor]=a b]]
    local answers = { page("1", nil, '"links":{"next":"' .. written .. '"}'), page("2") }
    raw.with({ answers = answers }, function(server)
      local it = connect(server.url).lists:each()
      assert.equal("1", it:next().id)
      assert.equal("a b", it:cursor())
      assert.equal("2", it:next().id)
      assert.equal("/api/lists?filter=equals(name,%22Jos%C3%A9%20M%C3%BCller%22)&page%5Bcursor%5D=a%20b",
        server:requests()[2].target)
    end)
  end)

  it("is an error without data: the iterator does not end, and repeats the page", function()
    for _, body in ipairs { "{}", '{"meta":{}}', "", '{"message":"maintenance"}', "[]" } do
      local answers = { page("1", "a"), { body = body }, page("2") }
      raw.with({ answers = answers }, function(server)
        local client = connect(server.url)
        local it = client.lists:each()
        assert.equal("1", it:next().id)
        local resource, err = it:next()
        assert.is_nil(resource)
        assert.equal("decode", err.kind, body)
        assert.equal(200, err.status)
        assert.equal("get_lists", err.operation)
        assert.is_false(it.done)
        assert.equal("2", it:next().id)
        assert.is_nil((it:next()))
        assert.is_true(it.done)
      end)
      raw.with({ answers = { { body = body } } }, function(server)
        local client = connect(server.url)
        local list, err = client.lists:all()
        assert.is_nil(list)
        assert.matches(body == "[]" and "not a JSON object" or "no data", err.message)
        local first, why = client.lists:first()
        assert.is_nil(first)
        assert.equal("decode", why.kind)
        assert.is_false(pcall(function()
          for _ in client.lists:pages() do error("no page", 0) end
        end))
      end)
    end
  end)

  it("may have members with the names of methods", function()
    local ids, err = collect { page("1", "a", '"response":{"body":"x"}'), page("2", nil, '"response":5') }
    assert.is_nil(err)
    assert.equal("1 2", ids)
  end)

  it("may have malformed data: an error or nothing, never a crash", function()
    for _, data in ipairs { "5", '"x"', "true", "[null]", "[5]", '["x"]', "[[]]" } do
      local ok = pcall(collect, { { body = '{"data":' .. data .. "}" } })
      assert.is_true(ok, "data " .. data)
      ok = pcall(function()
        raw.with({ answers = { { body = '{"data":' .. data .. "}" } } }, function(server)
          local client = connect(server.url)
          client:ids("get_profile_ids_for_list", { id = "x" }):next()
        end)
      end)
      assert.is_true(ok, "ids of data " .. data)
    end
  end)

  it("may link back to an earlier page", function()
    local ids, err = collect { page("1", "a"), page("2", "b"), page("3", "a") }
    assert.equal("1 2 3", ids)
    assert.equal("decode", err.kind)
    assert.matches("earlier page", err.message)
  end)

  it("is requested from the base URL", function()
    raw.with({ answers = { page("1", "a"), page("2") } }, function(server)
      local client = connect(server.url .. "/klaviyo")
      local count = 0
      for _ in client:each("get_lists") do
        count = count + 1
      end
      assert.equal(2, count)
      assert.equal("/klaviyo/api/lists", server:requests()[1].target)
      assert.equal("/klaviyo/api/lists?page%5Bcursor%5D=a", server:requests()[2].target)
      for _, request in ipairs(server:requests()) do
        assert.truthy(request.headers.authorization)
        assert.equal("2024-10-15", request.headers.revision)
      end
    end)
  end)
end)
