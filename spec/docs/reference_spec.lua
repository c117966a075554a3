-- docs/reference.md has a section for every public member, and no others: the
-- specs read the members of the real objects, and the names of their functions'
-- parameters. They run every snippet.

local klaviyo = require "klaviyo"
local key = require "spec.support.key"
local snippets = require "spec.support.snippets"
local tables = require "klaviyo.util.tables"

package.path = "tools/?.lua;" .. package.path
local fields = require "reference_fields"
local manual = require "reference_manual"
local methods = require "klaviyo.operations.methods"

local PATH = "docs/reference.md"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Returns a local variable of a module, found through the upvalues of a function.
local function inner(fn, name, visited)
  visited = visited or {}
  if visited[fn] then
    return nil
  end
  visited[fn] = true
  local functions = {}
  for i = 1, 255 do
    local known, value = debug.getupvalue(fn, i)
    if not known then
      break
    elseif known == name then
      return value
    elseif type(value) == "function" then
      functions[#functions + 1] = value
    end
  end
  for _, other in ipairs(functions) do
    local value = inner(other, name, visited)
    if value ~= nil then
      return value
    end
  end
end

local function names_of(...)
  local set = {}
  for _, t in ipairs {...} do
    for name in pairs(t) do
      set[name] = true
    end
  end
  return set
end

-- Returns the names of the documented fields of a class.
local function declared(class)
  local set = {}
  for _, field in ipairs(fields.classes()[class]) do
    set[field.name] = true
  end
  return set
end

-- Adds the methods of a class to a set.
local function methods_of(class, prefix, set)
  for name, value in pairs(class) do
    if type(value) == "function" and not name:find("^__") then
      set[prefix .. name] = true
    end
  end
end

local sections = manual.sections(read(PATH))

-- documented: name → section; mentions: the number of names
local documented, mentions = {}, 0
for _, section in ipairs(sections) do
  for _, name in ipairs(section.names) do
    documented[name] = section
    mentions = mentions + 1
  end
end

describe("docs/reference.md", function()
  local server, env, client
  local ids = {}

  setup(function()
    server = assert(klaviyo.sandbox.start {
      key = key, profiles = 250,
    })
    env = snippets.environment(server)
    client = env.client
    env.server = server
    require("klaviyo.bulk.time").sleep = function()
      klaviyo.sleep(0.01)  -- the sandbox's jobs are fast
    end
    env.id = "01"
    env.it = client.profiles:pages()
    env.map = client:map({}, print)
    env.task = klaviyo.spawn(function() end)
    env.doc = assert(client.lists:list())
    env.rows = klaviyo.csv.rows "email\n"
    env.writer = klaviyo.csv.writer(print, {columns = {"id"}})
    env.path = server.dir .. "/customers.csv"
    local file = assert(io.open(env.path, "wb"))
    file:write("Email,Plan\nann@example.com,gold\n")
    file:close()
    env.folder = server.dir .. "/another"
    env.outbox = assert(require("klaviyo.outbox").new {
      path = server.dir .. "/outbox",
    })
    env.app = klaviyo.oauth.new {
      client_id = "app", client_secret = "none", redirect_uri = "https://app.example/",
      scopes = {"accounts:read"}, store = server.dir .. "/tokens",
    }
    env.gateway = setmetatable({},
      inner(require("klaviyo.gateway").new, "Gateway"))
    ids.PROFILE_ID = assert(client.profiles:create {external_id = "1"}).data.id
    ids.ANOTHER_ID = assert(client.profiles:create {external_id = "2"}).data.id
    ids.METRIC_ID = client.metrics:first().id
    ids.TEMPLATE_ID = assert(client.templates:create {
      name = "T", editor_type = "CODE", html = "<p>Hello</p>",
    }).data.id
    local campaign = assert(client.campaigns:create {
      name = "Summer", audiences = {included = {env.list_id}},
      campaign_messages = {
        {channel = "email", label = "S", content = {subject = "Hello"}},
      },
    }).data
    ids.CAMPAIGN_ID = campaign.id
    ids.MESSAGE_ID = campaign.relationships["campaign-messages"].data[1].id
    env.result = assert(client.profiles:import {
      {email = "ann@example.com"}, {email = "not an address"},
    })
  end)

  teardown(function()
    server:stop()
  end)

  it("matches the output of `make reference`", function()
    local text = read(PATH)
    assert.is_true(manual.filled(text) == text)
  end)

  it("has one section for each name", function()
    assert.equal(#tables.sorted(documented), mentions)
  end)

  it("has a section for every function of the modules", function()
    local public = {}
    local later = inner(getmetatable(klaviyo).__index, "LATER")
    for name in pairs(names_of(klaviyo, later)) do
      public["klaviyo." .. name] = true
    end
    for name, module in pairs {
      csv = klaviyo.csv, filter = klaviyo.filter, json = klaviyo.json,
      metrics = klaviyo.metrics, oauth = klaviyo.oauth, sandbox = klaviyo.sandbox, webhook = klaviyo.webhook,
      gateway = require "klaviyo.gateway", outbox = require "klaviyo.outbox",
      ["metrics.status"] = require "klaviyo.metrics.status",
    } do
      for member in pairs(module) do
        public[("klaviyo.%s.%s"):format(name, member)] = true
      end
    end
    assert.is_true(#tables.sorted(public) > 30)
    for _, name in ipairs(tables.sorted(public)) do
      assert.truthy(documented[name], name .. " has no section")
    end
  end)

  it("has a section for every method", function()
    local public = {["client.public"] = true, ["doc.response"] = true,
      ["doc:resolve"] = true, ["result:failures"] = true}
    methods_of(inner(getmetatable(client).__index, "methods"), "client:", public)
    methods_of(getmetatable(env.it).__index, "it:", public)
    methods_of(getmetatable(client.profiles:each()).__index, "it:", public)
    methods_of(getmetatable(env.map).__index, "map:", public)
    methods_of(getmetatable(env.task).__index, "task:", public)
    methods_of(getmetatable(env.gateway).__index, "gateway:", public)
    methods_of(getmetatable(env.outbox).__index, "outbox:", public)
    methods_of(getmetatable(env.app).__index, "app:", public)
    methods_of(getmetatable(server).__index, "server:", public)
    methods_of(getmetatable(env.rows).__index, "rows:", public)
    methods_of(getmetatable(env.writer).__index, "writer:", public)
    public["task:finish"] = nil  -- only the scheduler calls it
    assert.is_true(#tables.sorted(public) > 30)
    for _, name in ipairs(tables.sorted(public)) do
      assert.truthy(documented[name], name .. " has no section")
    end
  end)

  -- Returns the methods of all operations: "client.profiles:list" → method.
  local function methods_by_name()
    local set = {}
    local api = require("klaviyo.operations.api").of {
      revision = require("klaviyo.settings").default_revision,
      fall_forward = false,
    }
    for _, id in ipairs(api:names()) do
      local method = methods.of(api:operation(id))
      for _, verb in ipairs(method.verbs) do
        set[methods.full_name(method, verb)] = method
      end
    end
    return set
  end

  it("has a section for every verb, action and bulk import", function()
    local verbs, of_relations = {}, {}
    for name in pairs(documented) do
      local relation, verb = name:match("^client%.[%w_.]+(.-):([%w_]+)$")
      if relation == "" then
        verbs[verb] = true
      elseif relation then
        of_relations[verb] = true
      end
    end
    local function check(resource, known)
      local class = inner(getmetatable(resource).__index, "methods")
      local reading = getmetatable(class).__index
      for _, verb in ipairs(tables.sorted(names_of(class, reading))) do
        assert.is_true(known[verb], verb .. " has no section")
      end
    end
    check(client.profiles, verbs)
    check(client.lists:at("01").profiles, of_relations)
    for name, method in pairs(methods_by_name()) do
      assert.truthy(not method.action or documented[name],
        name .. " has no section")
    end
    assert.truthy(documented["client.events:track"], "track has no section")
    for resource, list in pairs(require "klaviyo.bulk.verbs") do
      for verb in pairs(list) do
        local name = ("client.%s:%s"):format(resource, verb)
        assert.truthy(documented[name], name .. " has no section")
      end
    end
  end)

  -- Returns the value that a section describes; nil if there is none.
  local function resolve(name)
    local path = name:gsub(":([%w_]+)$", ".%1")
    local module, member = path:match("^(klaviyo%.[%l.]+)%.([%l_]+)$")
    if module == "klaviyo.gateway" or module == "klaviyo.outbox" or module == "klaviyo.redis"
        or module == "klaviyo.metrics.status" then
      return require(module)[member]
    end
    local ok, value = pcall(snippets.compile({
      path = PATH, line = 1, text = "return " .. path,
    }, setmetatable({klaviyo = klaviyo}, {__index = env})))
    return ok and value or nil
  end

  it("names only members that exist", function()
    local real = methods_by_name()
    for resource, list in pairs(require "klaviyo.bulk.verbs") do
      for verb in pairs(list) do
        real[("client.%s:%s"):format(resource, verb)] = true
      end
    end
    real["client.events:track"] = true
    for name in pairs(documented) do
      assert.is_not_nil(resolve(name), name .. " does not exist")
      if name:find("^client%.[%w_.]+:") and not name:find(":at$") then
        assert.truthy(real[name], name .. " has no operation")
      end
    end
  end)

  it("shows the syntax of each function, with the parameter names of the code", function()
    for name, section in pairs(documented) do
      local syntax = ""
      for line in section.text:gmatch("%*%*syntax:%*%* `([^\n]+)`") do
        syntax = syntax .. line .. "\n"
      end
      for call in section.text:gmatch("\n| `([%w_.]+%b())`") do
        syntax = syntax .. call .. "\n"
      end
      assert.truthy(syntax ~= "", name .. " has no syntax")
      local value = resolve(name)
      local call = syntax:match("%f[%w_]" .. name:match("[%w_]+$") .. "(%b())")
      if type(value) == "function" then
        assert.truthy(call, name .. " is a function")
        local expected, i = {}, name:find(":", 1, true) and 2 or 1
        -- a function of a module has no self parameter
        if not name:find(":[%w_]+$") then
          i = 1
        end
        while debug.getlocal(value, i) do
          expected[#expected + 1] = debug.getlocal(value, i)
          i = i + 1
        end
        local found = {}
        for word in call:gmatch("[%w_]+") do
          found[#found + 1] = word
        end
        -- a C function does not have the names of its parameters
        if debug.getinfo(value, "S").what ~= "C" then
          assert.same(expected, found, name)
        end
      end
    end
  end)

  it("names the second result of each function err", function()
    local count = 0
    for _, section in ipairs(sections) do
      for results in section.text:gmatch("%*%*syntax:%*%* `([%w_, ]+) = ") do
        count = count + 1
        local second = results:match("^[%w_]+, ([%w_]+)")
        -- the second result of rows:next is the line, or the error; that of
        -- app:authorize, which cannot fail, the state
        assert.is_true(second == nil or second == "err" or second == "line"
          or second == "state", section.title .. " returns " .. results)
      end
    end
    assert.is_true(count > 80)
  end)

  it("names the context of each function", function()
    local KNOWN = {
      anywhere = true, waits = true, submits = true, ["plain Lua"] = true,
    }
    for _, section in ipairs(sections) do
      if #section.names > 0 then
        local context = section.text:match("%*%*context:%*%* ([^\n]+)")
        assert.truthy(context and (KNOWN[context]
          or context:find("^`[%w_]+_by_lua`")),
          section.title .. " has no context")
      end
    end
  end)

  local UNITS = {[""] = 1, MiB = 2 ^ 20, GiB = 2 ^ 30}

  -- Returns the default that a description names: `default 5 MiB`.
  local function named_default(words)
    local text, unit = words:match("default ([%d,.]*%d) ?(%a*)")
    if text then
      return tonumber((text:gsub(",", ""))) * (UNITS[unit] or 1)
    end
    text = words:match("default (%a+)")
    if text == "true" or text == "false" then
      return text == "true"
    end
    return words:match('default "([^"]*)"') or words:match("`\"(%a+)\"` %(the default")
  end

  -- Compares the description of an option with its rule.
  local function same_rule(class, field, rule)
    local where = class .. "." .. field.name
    assert.equal(rule.required == nil, field.optional, where .. " is required?")
    local default, named = rule.default, named_default(field.words)
    if type(default) == "boolean" then
      assert.is_true(named == nil or named == default, where .. ", its default")
    elseif type(default) ~= "table" and default ~= math.huge then
      assert.equal(default, default ~= nil and named or nil, where .. ", its default")
    end
  end

  it("describes all settings, options and arguments", function()
    local options = require "klaviyo.gateway.options"
    local callers = require "klaviyo.gateway.callers"
    local webhook = require "klaviyo.webhook"
    local import = require("klaviyo.bulk").import
    local bulk = {}
    for _, kind in pairs(require "klaviyo.bulk.kinds") do
      for name, rule in pairs(inner(import, "fields_of")(kind)) do
        bulk[name] = rule
      end
    end
    local faults = require "klaviyo.sandbox.faults"
    local receiver = require "klaviyo.webhook.receiver"
    local real = {
      ["klaviyo.Settings"] = require("klaviyo.settings").FIELDS,
      ["klaviyo.BulkOptions"] = bulk,
      ["klaviyo.BulkJournal"] = inner(import, "FIELDS").journal.fields,
      ["klaviyo.CsvOptions"] = inner(klaviyo.csv.rows, "FIELDS"),
      ["klaviyo.CsvWriterOptions"] = inner(klaviyo.csv.writer, "FIELDS"),
      ["klaviyo.gateway.Options"] = inner(options.checked, "FIELDS"),
      ["klaviyo.OutboxOptions"] = inner(require("klaviyo.outbox").new, "FIELDS"),
      ["klaviyo.redis.StreamOptions"] = inner(require("klaviyo.redis").stream_stats, "STREAM_FIELDS"),
      ["klaviyo.gateway.Caller"] = inner(callers.compiled, "FIELDS"),
      ["klaviyo.gateway.Control"] =
        inner(require("klaviyo.gateway.control").checked, "FIELDS"),
      ["klaviyo.gateway.Connection"] =
        inner(require("klaviyo.gateway.connections").compiled, "FIELDS"),
      ["klaviyo.DumpOptions"] = inner(klaviyo.dump, "FIELDS"),
      ["klaviyo.receiver.Options"] = inner(receiver.handler, "FIELDS"),
      ["klaviyo.oauth.Options"] = inner(require("klaviyo.oauth.options").checked, "FIELDS"),
      ["klaviyo.metrics.StatusOptions"] = inner(require("klaviyo.metrics.status").start, "FIELDS"),
      ["klaviyo.oauth.Callback"] = inner(getmetatable(env.app).__index.exchange,
        "CALLBACK"),
      ["klaviyo.webhook.Request"] = inner(webhook.verify, "VERIFY_FIELDS"),
      ["klaviyo.sandbox.Options"] =
        inner(require("klaviyo.sandbox.options").check, "FIELDS"),
      ["klaviyo.sandbox.Fault"] = inner(faults.add, "FIELDS"),
    }
    for class, rules in pairs(real) do
      assert.same(tables.sorted(rules), tables.sorted(declared(class)), class)
      for _, field in ipairs(fields.classes()[class]) do
        same_rule(class, field, rules[field.name])
      end
      assert.truthy(read(PATH):find(("<!-- fields of %s -->"):format(class), 1,
        true), class .. " is not shown")
    end
  end)

  -- Every member that exists is documented, and every documented member exists.
  local function same_members(class, existing, hidden)
    for _, name in ipairs(hidden or {}) do
      existing[name] = nil
    end
    local known = declared(class)
    for name in pairs(existing) do
      assert.is_true(known[name], ("%s of %s is not documented"):format(
        name, class))
    end
    for name in pairs(known) do
      assert.is_true(existing[name], ("%s of %s does not exist"):format(name, class))
    end
  end

  it("describes the fields of errors, responses and results", function()
    local _, missing = client.profiles:get("01NOSUCHPROFILE00000000000")
    server:fault {operation = "get_lists", throttled = 1}
    local _, throttled = client.lists:list({}, {retries = 0})
    assert(client.profiles:upsert {email = "twice@example.com"})
    local _, double = client.profiles:create {email = "twice@example.com"}
    local _, unknown = client.lists:list({}, {
      access_token = function() return nil, "no token" end, rate_limit_file = false,
    })
    local _, row = klaviyo.csv.rows("email\na,b\n"):next()
    server:fault {operation = "create_event", status = 400}
    client.events:track {metric = "Lost", properties = {}, profile = {email = "a@example.com"}}
    local _, lost = client:drain(20)
    same_members("klaviyo.Error", names_of(missing, throttled, double, unknown,
      row, lost))

    local response = client.lists:list().response
    local later = inner(getmetatable(response).__index, "read_later")
    same_members("klaviyo.Response", names_of(response, later),
      {"head", "maybe_sent"})

    local doc = client.events:list {include = "metric"}
    doc:resolve {type = "metric", id = "01"}
    same_members("klaviyo.Document",
      names_of(doc, getmetatable(doc).__index, {meta = true}),
      {"included_by_key"})

    local result = client.profiles:import({{email = "ann@example.com"}}, {
      progress = error,
    })
    same_members("klaviyo.BulkResult", names_of(result), {"failures", "rate"})

    local ok, aggregate_error = pcall(klaviyo.run, function()
      klaviyo.spawn(error, "one")
      klaviyo.spawn(error, "two")
    end)
    assert.is_false(ok)
    same_members("klaviyo.AggregateError", names_of(aggregate_error))
  end)

  -- Returns the number of requests that the service rejected as invalid.
  local function rejected()
    local count = 0
    for status, number in pairs(server:running() and server:stats().statuses
        or {}) do
      if status == "400" or status == "405" then
        count = count + number
      end
    end
    return count
  end

  for _, snippet in ipairs(snippets.of(PATH)) do
    it("runs the snippet at line " .. snippet.line, function()
      snippet.text = snippet.text:gsub("%u+_ID", ids)
      local before = rejected()
      snippets.compile(snippet, env)()
      assert.is_true(not server:running() or rejected() <= before,
        "the service rejects this")
    end)
  end
end)
