-- Revisions in the sandbox: betas, later ones, those between two known ones, those of
-- documents, and retired ones.

local cjson = require "cjson"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local json = require "klaviyo.sandbox.json"
local openapi_document = require "spec.support.openapi_document"
local operations = require "klaviyo.operations"
local query = require "klaviyo.sandbox.query"
local raises = require "spec.support.raises"
local revision_warning = require "klaviyo.operations.revision_warning"
local reference_calls = require "spec.support.reference_calls"
local sample_document = require "spec.support.sample_document"
local sandbox = require "spec.support.sandbox"
local sandbox_handler = require "spec.support.sandbox_handler"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local errors_of = sandbox_handler.errors_of

local BETAS = operations.betas()
local PROVISIONAL = "2026-10-15"

local function profile(attributes, relationships)
  return {data = {type = "profile", attributes = attributes, relationships = relationships}}
end

describe("the sandbox's revisions:", function()
  local s

  before_each(function()
    s = sandbox_handler.new()
  end)

  -- Returns the status and the code of the first error, or nothing.
  local function answer(revision, method, target, body, headers)
    local all = {revision = revision}
    for name, value in pairs(headers or {}) do
      all[name] = value
    end
    local status, document = s:ask(method, target, body, all)
    return status, document and document.errors and document.errors[1] or document
  end

  -- Creates the resources that a path and a document name.
  local function make_named(value)
    if type(value) ~= "table" then
      return
    elseif value.id == "SAMPLE" and not s.state:get(value.type, "SAMPLE") then
      -- the sandbox alone makes the ids of profiles
      value.id = s.state:make(value.type, {name = "sample", definition = {}},
        value.type ~= "profile" and "SAMPLE" or nil).id
    end
    for _, member in pairs(value) do
      make_named(member)
    end
  end

  local function target_of(op)
    local list = {}
    if op.public then
      list[1] = "company_id=TestCo"
    end
    for name, parameter in pairs(op.query) do
      local value = parameter.values and parameter.values[1] or "x"
      local field, operators = next(op.filter and op.filter.fields or {})
      if name == "filter" and field then
        value = ('%s(%s,"x")'):format(operators[1], field)
      end
      if parameter.required and name ~= "company_id" then
        list[#list + 1] = query.escape(name) .. "=" .. query.escape(value)
      end
    end
    return op.path:gsub("{[^}]+}", "SAMPLE")
      .. (#list > 0 and "?" .. table.concat(list, "&") or "")
  end

  -- Asks for an operation in a sandbox of its own.
  local function ask_for(op, revision, full)
    s = sandbox_handler.new()
    local body = op.body and op.body.style == "document"
      and json.decode(json.encode(sample_document.of(op.body, full))) or nil
    make_named(body)
    local kind = require("klaviyo.sandbox.model").of(operations.revision(revision))
      .kinds[op.path:match("^/%a+/([%w-]+)")]
    if op.path:find("{", 1, true) and kind then
      make_named {type = kind, id = "SAMPLE"}
    end
    return s:ask(op.method, target_of(op), body,
      {revision = revision, authorization = op.public and false or nil})
  end

  describe("a beta revision", function()
    for _, name in ipairs(BETAS) do
      it("serves its own operations: " .. name, function()
        local revision = operations.revision(name)
        local count = 0
        for _, id in ipairs(revision:names()) do
          local op = revision:operation(id)
          if not op.revision and not (op.body and op.body.style == "multipart") then
            for _, full in ipairs {false, true} do
              local status, document, response = ask_for(op, name, full)
              assert.equal(id, response.operation)
              local message = ("%s: %d %s"):format(id, status, document and json.encode(document))
              -- a malformed id of a flow action, and a resource without a related one
              local allowed = id:find "flow_action" and status == 400
                or op.method == "GET" and status == 404
              assert.is_true(allowed or op.success[status] ~= nil, message)
              count = count + 1
            end
          end
        end
        assert.is_true(count >= 10)
      end)
    end

    it("serves no stable operation; a client asks for those with the stable date", function()
      local status, problem = answer("2026-07-15.pre", "GET", "/api/profiles")
      assert.same({404, "not_found"}, {status, problem.code})
      assert.matches("it is in 2026-07-15", problem.detail, 1, true)
    end)

    it("is needed for its operations", function()
      assert.equal(200, (answer("2026-07-15.pre", "GET", "/api/brand-logos")))
      assert.equal(404, (answer("2026-07-15", "GET", "/api/brand-logos")))
      local clone = {data = {type = "campaign-audience", id = "A", attributes = {}}}
      assert.equal(404, (answer("2026-07-15", "POST", "/api/campaign-audience-clone", clone)))
      -- its path is also the path of a stable operation
      assert.equal(405, (answer("2026-07-15", "POST", "/api/campaign-messages/M", clone)))
    end)

    it("is the latest one that is not after the date", function()
      assert.equal(200, (answer("2026-09-01.pre", "GET", "/api/brand-logos")))
      assert.equal(404, (answer("2026-07-14.pre", "GET", "/api/brand-logos")))
      assert.equal(400, (answer("2025-07-14.pre", "GET", "/api/flow-actions/1")))
      assert.equal(400, (answer("2026-07-15.beta", "GET", "/api/brand-logos")))
    end)
  end)

  describe("2026-10-15", function()
    it("serves all its operations", function()
      local revision = operations.revision(PROVISIONAL)
      local failed, served = {}, 0
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        if not (op.body and op.body.style == "multipart") then
          local status, document, response = ask_for(op, PROVISIONAL)
          assert.equal(id, response.operation)
          if status >= 500 then
            failed[#failed + 1] = id .. json.encode(document)
          end
          served = served + (status < 300 and 1 or 0)
        end
      end
      assert.same({}, failed)
      assert.is_true(served > 200, served)
    end)

    local function campaign()
      return {data = {type = "campaign", attributes = {
        definition = {name = "Summer", description = "d"},
        audiences = {{temporary_id = "a", name = "All", included = {"L"}}},
        messages = {{audience_temporary_id = "a", name = "First", variations = {
          {definition = {name = "V", details = {channel = "email", subject = "Hello"}}}}}},
      }}}
    end

    it("creates a campaign with its audiences, messages and variations", function()
      local status, made = answer(PROVISIONAL, "POST", "/api/campaigns", campaign())
      assert.equal(201, status)
      assert.equal("Summer", made.data.attributes.definition.name)
      local path = "/api/campaigns/" .. made.data.id
      local _, audiences = answer(PROVISIONAL, "GET", path .. "/campaign-audiences")
      assert.same({"L"}, audiences.data[1].attributes.definition.included)
      local _, messages = answer(PROVISIONAL, "GET", path .. "/campaign-messages")
      assert.equal("First", messages.data[1].attributes.definition.name)
      assert.is_string(messages.data[1].attributes.created)
      local message = "/api/campaign-messages/" .. messages.data[1].id
      local _, variations = answer(PROVISIONAL, "GET", message .. "/campaign-variations")
      assert.equal("Hello", variations.data[1].attributes.definition.details.subject)
      local _, audience = answer(PROVISIONAL, "GET", message .. "/campaign-audience")
      assert.equal(audiences.data[1].id, audience.data.id)
    end)

    it("refuses a message whose audience is not in the request", function()
      local body = campaign()
      body.data.attributes.messages[1].audience_temporary_id = "b"
      local status, document = s:ask("POST", "/api/campaigns", body, {revision = PROVISIONAL})
      assert.equal(400, status)
      assert.same({"invalid /data/attributes/messages/0/audience_temporary_id"}, errors_of(document))
      assert.equal(0, s.state:collection("campaign").count)
    end)

    it("reads and updates campaigns of the older form, and the other way round", function()
      local _, new = answer(PROVISIONAL, "POST", "/api/campaigns", campaign())
      local path = "/api/campaigns/" .. new.data.id
      local _, old = answer("2026-07-15", "GET", path)
      assert.equal("Summer", old.data.attributes.name)
      answer("2026-07-15", "PATCH", path,
        {data = {type = "campaign", id = new.data.id, attributes = {name = "Autumn"}}})
      local _, read = answer(PROVISIONAL, "GET", path)
      assert.equal("Autumn", read.data.attributes.definition.name)
      assert.equal("d", read.data.attributes.definition.description)
      answer(PROVISIONAL, "PATCH", path, {data = {type = "campaign", id = new.data.id,
        attributes = {definition = {name = "Winter"}}}})
      _, old = answer("2026-07-15", "GET", path)
      assert.equal("Winter", old.data.attributes.name)
      local status, copy = answer(PROVISIONAL, "POST", "/api/campaign-clone",
        {data = {type = "campaign", id = new.data.id, attributes = {name = "Copy"}}})
      assert.equal(201, status)
      assert.equal("Copy", copy.data.attributes.definition.name)
    end)
  end)

  describe("a revision later than all known ones", function()
    local LATER = "2031-01-15"

    it("accepts and stores an attribute that is not known", function()
      local body = profile {email = "a@b.example", shoe_size = 43, location = {what3words = "a.b.c"}}
      assert.equal(400, (answer("2026-07-15", "POST", "/api/profiles", body)))
      local status, made = answer(LATER, "POST", "/api/profiles", body)
      assert.equal(201, status)
      assert.equal(43, s.state:get("profile", made.data.id).attributes.shoe_size)
    end)

    it("accepts values, relationships and members in branches that are not known", function()
      local body = profile({email = "a@b.example"}, {
        friends = {data = {{type = "profile", id = "P"}}}, parent = {data = {type = "profile", id = "P"}},
        pet = {data = json.null}})
      local schema = operations.revision(LATER):operation("create_profile").body.resource
      assert.is_nil((schema.relationships or {}).friends)
      assert.equal(201, (answer(LATER, "POST", "/api/profiles", body)))
      local campaign = sample_document.of(operations.revision(LATER):operation("create_campaign_variation").body)
      campaign.data.attributes.definition.details = {channel = "carrier_pigeon", wings = 2}
      make_named(campaign)
      assert.equal(201, (answer(LATER, "POST", "/api/campaign-variations", campaign)))
    end)

    it("still validates what it knows, and the form of relationships", function()
      local status, document = s:ask("POST", "/api/profiles", profile({email = 3, shoe_size = 43},
        {a = true, b = {}, c = {data = {{id = "P"}, {type = "profile"}}}, d = {data = 5}}), {revision = LATER})
      assert.equal(400, status)
      assert.same({
        "invalid /data/attributes/email",
        "invalid /data/relationships/a/data",
        "invalid /data/relationships/b/data",
        "invalid /data/relationships/c/data/1/id",
        "invalid /data/relationships/d/data",
      }, errors_of(document))
      assert.equal(400, (answer(LATER, "POST", "/api/lists", {data = {type = "list", attributes = {}}})))
    end)

    it("accepts parameters that are not known", function()
      s:post("/api/profiles", profile {email = "a@b.example"})
      for _, parameters in ipairs {
        "fields[profile]=shoe_size,email", "fields[shoe]=size&include=shoes,lists", "sort=shoe_size",
        "filter=equals(shoe_size,43)", "filter=contains(email,\"b\")", "additional-fields[shoe]=size",
        "page[number]=2", "laces=true&page[size]=1",
      } do
        local status, document = answer(LATER, "GET", "/api/profiles?" .. parameters)
        assert.equal(200, status, parameters .. json.encode(document))
        assert.equal(400, (answer("2026-07-15", "GET", "/api/profiles?" .. parameters)), parameters)
      end
      assert.equal(400, (answer(LATER, "GET", "/api/profiles?page[size]=101")))
      assert.equal(400, (answer(LATER, "GET", "/api/profiles?filter=equals(email)")))
    end)

    it("has no path that is not known", function()
      assert.equal(404, (answer(LATER, "GET", "/api/shoes")))
    end)
  end)

  it("a date between two revisions is the earlier one, and strict", function()
    -- 2025-01-15 requires a filter
    assert.equal(200, (answer("2024-12-31", "GET", "/api/coupon-codes")))
    assert.equal(400, (answer("2025-02-01", "GET", "/api/coupon-codes")))
    assert.equal(400, (answer("2025-02-01", "POST", "/api/profiles",
      profile {email = "a@b.example", shoe_size = 43})))
  end)

  describe("with retire,", function()
    local OPT_OUT = {["x-klaviyo-revision-fall-forward-opt-out"] = "1"}

    before_each(function()
      s = sandbox_handler.new {retire = "2026-11-28"}
      s.state:make("list", {name = "L"}, "L")
    end)

    it("a retired revision is answered by the oldest that is not: validation and form", function()
      assert.equal(400, (answer("2024-10-15", "GET", "/api/coupon-codes")))
      local status, made = answer("2024-10-15", "POST", "/api/campaigns", {data = {type = "campaign",
        attributes = {name = "C", audiences = {included = {"L"}}, ["campaign-messages"] = {data = {
          {type = "campaign-message", attributes = {definition = {channel = "email", label = "M"}}}}}}}})
      assert.equal(201, status)
      local _, messages = answer("2024-10-15", "GET", ("/api/campaigns/%s/campaign-messages"):format(made.data.id))
      assert.equal("M", messages.data[1].attributes.definition.label)
      assert.is_nil(messages.data[1].attributes.label)
    end)

    it("a revision before the first one that the library knows is answered, too", function()
      assert.equal(200, (answer("2023-02-22", "GET", "/api/lists")))
      assert.equal(200, (answer("2024-12-01", "GET", "/api/lists")))
    end)

    it("the opt-out header makes that 410", function()
      for _, date in ipairs {"2023-02-22", "2024-10-15", "2024-12-01"} do
        local status, document = s:ask("GET", "/api/lists", nil,
          {revision = date, ["x-klaviyo-revision-fall-forward-opt-out"] = "1"})
        assert.equal(410, status)
        local problem = document.errors[1]
        assert.same({410, "gone", "Gone."}, {problem.status, problem.code, problem.title})
        assert.matches(("^Revision %s was retired on 202%%d%%-%%d%%d%%-%%d%%d%%.$"):format(date:gsub("%-", "%%-")),
          problem.detail)
      end
      for _, date in ipairs {"2025-01-15", "2026-07-15", "2026-10-15", "2031-01-15"} do
        assert.equal(200, (answer(date, "GET", "/api/lists", nil, OPT_OUT)), date)
      end
      assert.equal(200, (answer("2026-07-15.pre", "GET", "/api/brand-logos", nil, OPT_OUT)))
    end)

    it("the calendar decides", function()
      s = sandbox_handler.new {retire = "2026-10-14"}
      assert.equal(200, (answer("2024-10-15", "GET", "/api/lists", nil, OPT_OUT)))
      s = sandbox_handler.new {retire = true, now = os.time {year = 2026, month = 10, day = 14, hour = 12}}
      assert.equal(200, (answer("2024-10-15", "GET", "/api/lists", nil, OPT_OUT)))
      s = sandbox_handler.new {retire = true, now = os.time {year = 2026, month = 10, day = 16, hour = 12}}
      assert.equal(410, (answer("2024-10-15", "GET", "/api/lists", nil, OPT_OUT)))
    end)

    it("faults match the operation of the revision that answers", function()
      local handler = require "klaviyo.sandbox.handler"
      local function operation(revision)
        return handler.operation(s.state, {method = "GET", target = "/api/lists/L/profiles",
          header = function(name) return name == "revision" and revision or nil end})
      end
      assert.equal("get_profiles_for_list", operation "2024-10-15")
      assert.is_nil(operation "never")
    end)
  end)

  it("are all served by default, with the opt-out header or without", function()
    assert.equal(200, (answer("2024-10-15", "GET", "/api/lists", nil,
      {["x-klaviyo-revision-fall-forward-opt-out"] = "1"})))
  end)
end)

describe("a sandbox of a later revision", function()
  local fixture = sandbox.here(setup, teardown, {profiles = 30, retire = "2026-11-28"})
  local server

  before_each(function()
    server = fixture.server
    server:reset()
  end)

  for _, revision in ipairs {PROVISIONAL, "2031-01-15"} do
    describe(revision, function()
      it("answers the reference's calls", function()
        local client = fixture:new_client {revision = revision}
        local ids = {}
        local function named(text)
          return (text:gsub("%u+_ID", ids))
        end
        for _, call in ipairs(reference_calls) do
          local path, parameters = named(call.path):match("^([^?]*)%??(.*)$")
          local args = {}
          for name, value in parameters:gmatch("([^&=]+)=([^&]+)") do
            args[name] = value
          end
          local doc, err = client:request {method = call.method, path = path, query = args,
            body = call.body and named(call.body)}
          local status = doc and doc.response.status or err.status
          -- campaigns have another form in 2026-10-15, so both of the reference are refused
          local expected = call.name == "a campaign, corrected" and 400 or call.status or 200
          assert.equal(expected, status, call.name .. ": " .. tostring(err))
          assert.equal(revision, fixture:latest().headers.revision)
          local data = doc and doc.data
          local first = data and (data.id and data or data[1])
          if call.makes then
            ids[call.makes] = first.id
          end
        end
      end)

      it("answers them by resource, too; an unknown attribute goes out with one warning", function()
        local heard = {}
        revision_warning.forget()
        local client = fixture:new_client {revision = revision,
          on_warning = function(message) heard[#heard + 1] = message end}
        for i = 1, 2 do
          local made = assert(client.profiles:create {email = ("%s-%d@example.com"):format(revision, i),
            shoe_size = 43})
          assert.equal(201, made.response.status)
          assert.equal(43, cjson.decode(fixture:latest().body).data.attributes.shoe_size)
        end
        assert.equal(1, #heard, table.concat(heard, "\n"))
        assert.matches('attribute "shoe_size" is not in revision 2026-10-15', heard[1], 1, true)
        raises({'"emial"', 'did you mean "email"'}, function()
          local made = client.profiles:create {emial = "typo@example.com"}
          return made
        end)
        assert.equal(32, server:stats().resources.profile)
      end)
    end)
  end

  it("serves both worlds to a client of a beta revision", function()
    local client = fixture:new_client {revision = "2026-07-15.pre"}
    local count = 0
    for _ in client.profiles:each {page = {size = 10}} do
      count = count + 1
    end
    assert.is_true(count >= 30)
    assert.equal("2026-07-15", fixture:latest().headers.revision)
    local logo = assert(client:call("create_brand_logo_beta", {body = cjson.encode(sample_document.of(
      operations.revision("2026-07-15.pre"):operation("create_brand_logo_beta").body))}))
    assert.equal("2026-07-15.pre", fixture:latest().headers.revision)
    assert.equal(logo.data.id, assert(client:call("get_brand_logo", {id = logo.data.id})).data.id)
  end)

  it("tells a client without fall_forward that its revision is retired", function()
    local client = fixture:new_client {revision = "2024-10-15", fall_forward = false}
    local doc, err = client.lists:list()
    assert.is_nil(doc)
    assert.same({"api", 410, "gone"}, {err.kind, err.status, err.code})
    assert.equal("1", fixture:latest().headers["x-klaviyo-revision-fall-forward-opt-out"])
    assert(client:with {fall_forward = true}.lists:list())
    assert.is_true(server:running())
  end)
end)

describe("sandbox.start with openapi", function()
  local folders = folder.here(teardown)
  local dir

  setup(function()
    dir = folders.new()
  end)

  local function run(text)
    local output, status = script.run(([[
      local klaviyo = require "klaviyo"
      local dir = %q
    ]]):format(dir) .. text, {env = {XDG_CACHE_HOME = dir .. "/cache"}})
    assert.equal(0, status, output)
    return output
  end

  it("serves the operations of the document", function()
    shell.write(dir .. "/new.json", cjson.encode(openapi_document.new()))
    local output = run [[
      local server = assert(klaviyo.sandbox.start {openapi = dir .. "/new.json"})
      local client = klaviyo.new {api_key = server.key, base_url = server.base_url, proxy = "",
        openapi = dir .. "/new.json", on_warning = function() end}
      local made = assert(client.gadgets:create {name = "n", colour = "red"})
      print(made.response.status, made.data.type, made.data.attributes.colour)
      print(client.gadgets:get(made.data.id).data.attributes.name)
      print(client:call("create_gadget",
        {body = '{"data":{"type":"gadget","attributes":{"colour":"blue"}}}'}))
      print(klaviyo.new {api_key = server.key, base_url = server.base_url, proxy = "",
        revision = "2026-07-15"}:request {path = "/api/gadgets/" .. made.data.id})
      print(server:requests()[1].headers.revision, server:requests()[1].operation)
      server:stop()
    ]]
    assert.matches("^200\tgadget\tred\nn\n", output)
    assert.matches("400 invalid: 'blue' is not a valid choice", output, 1, true)
    assert.matches("404 not_found: Unknown path /api/gadgets/", output, 1, true)
    assert.matches("\n2027%-01%-15\tcreate_gadget\n$", output)
  end)

  it("serves a beta document after a revision that only the program has", function()
    shell.write(dir .. "/new.json", cjson.encode(openapi_document.new()))
    local beta = cjson.encode(openapi_document.new "2027-01-15.pre")
      :gsub('"(%l+_gadget)"', '"%1_beta"')
    shell.write(dir .. "/beta.json", beta)
    local output = run [[
      assert(klaviyo.operations.load(dir .. "/new.json"))
      local server = assert(klaviyo.sandbox.start {openapi = dir .. "/beta.json"})
      local client = klaviyo.new {api_key = server.key, base_url = server.base_url, proxy = "",
        openapi = dir .. "/beta.json", on_warning = function() end}
      print(assert(client.gadgets:create {name = "n"}).response.status)
      server:stop()
    ]]
    assert.equal("200\n", output)
  end)

  it("answers 410 for an operation that was removed, with the opt-out header and without", function()
    local document = openapi_document.new "2028-01-15"
    document.paths["/api/lists"] = {get = openapi_document.operation "get_lists"}
    shell.write(dir .. "/later.json", cjson.encode(document))
    local output = run [[
      for _, day in ipairs {"2028-10-14", "2028-10-15"} do
        local server = assert(klaviyo.sandbox.start {openapi = dir .. "/later.json", retire = day})
        for _, fall_forward in ipairs {true, false} do
          local client = klaviyo.new {api_key = server.key, base_url = server.base_url, proxy = "",
            revision = "2026-10-15", fall_forward = fall_forward, on_warning = function() end}
          for _, path in ipairs {"/api/lists", "/api/profiles"} do
            local doc, err = client:request {path = path}
            print(day, fall_forward, path, doc and doc.response.status or err.status, err and err.errors[1].detail)
          end
        end
        server:stop()
      end
    ]]
    local expected = {
      "2028-10-14\ttrue\t/api/lists\t200\tnil",
      "2028-10-14\ttrue\t/api/profiles\t200\tnil",
      "2028-10-14\tfalse\t/api/lists\t200\tnil",
      "2028-10-14\tfalse\t/api/profiles\t200\tnil",
      "2028-10-15\ttrue\t/api/lists\t200\tnil",
      "2028-10-15\ttrue\t/api/profiles\t410\tGET /api/profiles was removed after revision 2026-10-15.",
      "2028-10-15\tfalse\t/api/lists\t410\tRevision 2026-10-15 was retired on 2028-10-15.",
      "2028-10-15\tfalse\t/api/profiles\t410\tRevision 2026-10-15 was retired on 2028-10-15.",
    }
    assert.equal(table.concat(expected, "\n") .. "\n", output)
  end)

  it("returns an error if the document cannot be used", function()
    shell.write(dir .. "/broken.json", '{"openapi": "3.0.2"')
    for path, problem in pairs {[dir .. "/none.json"] = "No such file", [dir .. "/broken.json"] = "it is not JSON"} do
      local server, err = klaviyo.sandbox.start {openapi = path}
      assert.is_nil(server)
      assert.equal("sandbox", err.kind)
      assert.matches(problem, tostring(err), 1, true)
    end
  end)

  it("refuses a value of retire that is not a date", function()
    raises("retire must be true, false or a date", function()
      local server = klaviyo.sandbox.start {retire = "tomorrow"}
      return server
    end)
  end)
end)
