local usage_error = require "klaviyo.util.usage_error"
local datetime = require "klaviyo.values.datetime"
local filter = require "klaviyo.values.filter"
local klaviyo = require "klaviyo"

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("usage_error.raise", function()
  it("blames the first line outside the library", function()
    local line
    local function script()
      line = here() + 1
      local value = filter.equals("email", {})
      return value
    end
    local ok, message = pcall(script)
    assert.is_false(ok)
    assert.matches("^[^\n]*usage_error_spec%.lua:" .. line .. ": filter equals", message)
  end)

  it("blames that line through any number of library functions", function()
    local line
    local ok, message = pcall(function()
      line = here() + 1
      local value = filter.all(filter.greater_than("created", "yesterday"))
      return value
    end)
    assert.is_false(ok)
    assert.matches("usage_error_spec%.lua:" .. line .. ": ", message)
  end)

  it("blames the script from inside a coroutine", function()
    local line
    local thread = coroutine.create(function()
      line = here() + 1
      local value = datetime({})
      return value
    end)
    local ok, message = coroutine.resume(thread)
    assert.is_false(ok)
    assert.matches("usage_error_spec%.lua:" .. line .. ": ", message)
  end)

  it("blames a task's function if a tail call has removed its line", function()
    local line
    local function made()
      line = here() + 1
      return function()
        return datetime({})
      end
    end
    local ok, message = pcall(klaviyo.run, made())
    assert.is_false(ok)
    assert.matches("^[^\n]*usage_error_spec%.lua:" .. line .. ": datetime: expected", message)
    ok, message = pcall(klaviyo.run, function()
      klaviyo.spawn(made()):wait()
    end)
    assert.is_false(ok)
    assert.matches("usage_error_spec%.lua:" .. line .. ": datetime: expected", message)
    ok, message = pcall(klaviyo.new({ api_key = "x" }):map({ 1 }, made()))
    assert.is_false(ok)
    assert.matches("usage_error_spec%.lua:" .. line .. ": datetime: expected", message)
    ok, message = pcall(klaviyo.run, datetime.new, {})
    assert.is_false(ok)
    assert.equal("datetime: expected RFC 3339 text or seconds, got a table", message)
  end)

  it("blames no line if no caller is outside the library", function()
    local ok, message = coroutine.resume(coroutine.create(datetime.new), {})
    assert.is_false(ok)
    assert.equal("datetime: expected RFC 3339 text or seconds, got a table", message)
  end)

  it("formats only if arguments are passed", function()
    local _, message = pcall(usage_error.raise, "100% wrong")
    assert.matches("100%% wrong$", message)
    _, message = pcall(usage_error.raise, "%d%% wrong", 7)
    assert.matches("7%% wrong$", message)
  end)
end)

describe("usage_error.unknown", function()
  local function message_of(...)
    local ok, message = pcall(usage_error.unknown, ...)
    assert.is_false(ok)
    return message
  end

  it("suggests the nearest name and lists the allowed ones", function()
    assert.matches('unknown attribute "emails"; did you mean "email"%? allowed: email, name$',
      message_of("attribute", "emails", { "name", "email" }))
  end)

  it("omits the hint if no name is near", function()
    assert.matches('unknown attribute "birthday"; allowed: email, name$',
      message_of("attribute", "birthday", { name = true, email = true }))
  end)

  it("reports that no name is allowed", function()
    assert.matches('unknown attribute "x"; allowed: none$', message_of("attribute", "x", {}))
  end)

  it("lists up to forty names, and of more only the nearest", function()
    local many = {}
    for i = 1, 50 do
      many[i] = ("name%02d"):format(i)
    end
    local message = message_of("attribute", "x", many)
    assert.matches("allowed: name01, name02, name03, name04, name05, "
      .. "… %(50 in all%)$", message)
    assert.matches("allowed: name17, name07, name10, name11, name12, ",
      message_of("attribute", "name17", many))
  end)

  it("accepts a name with a per cent sign", function()
    assert.matches('unknown attribute "50%%s"', message_of("attribute", "50%s", { "a" }))
  end)
end)

-- Fault 11: a value of the wrong kind was accepted, or shown as a memory address.
describe("a message", function()
  local raises = require "spec.support.raises"
  local client = klaviyo.new { api_key = "pk_x", company_id = "AbCdEf", on_warning = function() end }

  it("never shows a memory address", function()
    local null = klaviyo.null
    for _, fn in ipairs {
      function() client:build(null) end,
      function() client:build({}) end,
      function() client:build("get_profile", { id = null }) end,
      function() client:build("get_profiles", { sort = null }) end,
      function() client:build("get_profiles", { [null] = 1 }) end,
      function() client:build("get_profiles", { filter = null }) end,
      function() client:build("get_profiles", { page = { size = null } }) end,
      function() client:build("get_profiles", { fields = { profile = null } }) end,
      function() client:build("get_profiles", { query = { a = null } }) end,
      function() client:build("create_list", { body = null }) end,
      function() client:with(null) end,
      function() client:with { timeout = null } end,
      function() client:with { timeout = {} } end,
      function() client:with { headers = { a = null } } end,
      function() klaviyo.new(null) end,
      function() klaviyo.new { api_key = null } end,
      function() klaviyo.document("create_list", null) end,
      function() klaviyo.document("create_list", { name = null }) end,
      function() klaviyo.document("create_profile", { [null] = 1 }) end,
      function() klaviyo.document(null, {}) end,
      function() client.lists:at(null) end,
      function() client.lists:at("x").profiles:add(null) end,
      function() client.profiles:create(null) end,
      function() client.profiles:update("x", null) end,
      function() client.profiles:list(null) end,
      function() client.profiles:each { limit = null } end,
      function() client.profiles:all { max = null } end,
      function() client:map(null, print) end,
      function() client:map({}, null) end,
      function() client:map({}, print, { concurrency = null }) end,
      function() client:drain(null) end,
      function() client:request { path = null } end,
      function() client:request { path = "/api/x", method = null } end,
      function() klaviyo.datetime(null) end,
      function() klaviyo.array(null) end,
      function() klaviyo.sleep(null) end,
      function() klaviyo.spawn(null) end,
      function() filter.equals(null, 1) end,
      function() filter.any("email", { null }) end,
      function() filter.all(null) end,
    } do
      local message = raises({}, fn)
      assert.is_nil(message:find("userdata", 1, true), message)
      assert.is_nil(message:find("0x", 1, true), message)
    end
  end)

  it("requires a whole number for a count", function()
    for _, value in ipairs { 2.5, -1, "3", 0 / 0, 1 / 0 } do
      raises("limit must be a whole number", function() client:each("get_profiles", { limit = value }) end)
      raises("limit must be a whole number", function() client.profiles:pages { limit = value } end)
      raises("limit must be a whole number", function() client.lists:at("x").profiles:ids { limit = value } end)
      raises("max must be a whole number", function() client.profiles:all { max = value } end)
      raises("page.size of get_profiles must be a whole number", function()
        client:build("get_profiles", { page = { size = value } })
      end)
      raises("concurrency must be a whole number", function() client:map({}, print, { concurrency = value }) end)
      raises("retries must be a whole number", function() client:with { retries = value } end)
      raises("max_queued_events must be a whole number", function() client:with { max_queued_events = value } end)
      raises("max_response_bytes must be a whole number", function() client:with { max_response_bytes = value } end)
    end
  end)

  it("names the path at which a body contains itself", function()
    local document = { data = { type = "event", attributes = {} } }
    document.data.attributes.properties = { orders = {} }
    document.data.attributes.properties.orders[1] = document.data.attributes.properties.orders
    raises("data.attributes.properties.orders[1]: the table contains itself", function()
      client:build("create_event", { body = document })
    end)
    document = { data = { type = "event", attributes = {} } }
    document.data.attributes.data = document
    raises("the table contains itself", function() client:build("create_event", { body = document }) end)
    local list = { data = { type = "event-bulk-create-job", attributes = { ["events-bulk-create"] = { data = {} } } } }
    list.data.attributes["events-bulk-create"].data[1] = list
    raises("the table contains itself", function() client:build("bulk_create_events", { body = list }) end)
    local properties = {}
    properties.me = properties
    raises("data.attributes.properties.me: the table contains itself", function()
      client.profiles:create { email = "a@example.com", properties = properties }
    end)
  end)
end)

-- Fault 44
describe("a message names", function()
  local raises = require "spec.support.raises"
  local client = klaviyo.new { api_key = "pk_x", on_warning = function() end }

  it("the missing filter", function()
    raises('get_campaigns needs filter, such as klaviyo.filter.equals("messages.channel", "email")', function()
      client.campaigns:list()
    end)
  end)

  it("the argument for the page size", function()
    for _, name in ipairs { "limit", "page_size" } do
      raises({ ('unknown argument "%s" of get_profiles'):format(name), "page = {size = …}" }, function()
        client.profiles:list { [name] = 5 }
      end)
    end
  end)

  it("the member for custom properties", function()
    raises({ 'unknown attribute of create_profile "plan"', "properties = {plan = …}" }, function()
      client.profiles:create { plan = "gold" }
    end)
    raises({ "unknown attribute", 'did you mean "email"?' }, function() client.profiles:create { emial = "x" } end)
  end)

  it("the members of a table", function()
    raises({ "query_campaign_values: timeframe must be a table, not a string", "{key = …}", "{end = …, start = …}" },
      function() client.campaigns:query_values { timeframe = "last_30_days", statistics = { "opens" } } end)
  end)

  it("the table itself if a value has no name", function()
    raises("create_list: its table must be a table", function() klaviyo.document("create_list", 5) end)
  end)

  it("this library's name of a setting", function()
    raises('unknown setting "dry_run": client:build', function() client:with { dry_run = true } end)
    raises({ 'unknown setting "max_retries"', "retries" }, function() client:with { max_retries = 1 } end)
    raises({ 'unknown setting "debugging"', "debug", "on_wait" }, function() client:with { debugging = 1 } end)
  end)
end)
