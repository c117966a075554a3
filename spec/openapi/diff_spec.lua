-- klaviyo.operations.diff: what changed from one revision to another.

local cjson = require "cjson"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local openapi_document = require "spec.support.openapi_document"
local operations = require "klaviyo.operations"
local raises = require "spec.support.raises"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local SHARED = "../shared/openapi/"
local OLDER, NEWER = "2027-01-15", "2027-04-15"

describe("klaviyo.operations.diff", function()
  local folders = folder.here(teardown)
  local dir

  setup(function()
    dir = folders.new()
  end)

  local function write(name, spec)
    shell.write(dir .. "/" .. name, cjson.encode(spec))
    return dir .. "/" .. name
  end

  -- Loads documents in a process of its own, and returns the diff of two revisions.
  local function diff(paths, from, to, options)
    local output, status = script.run(([[
      local klaviyo = require "klaviyo"
      local json = require "klaviyo.json"
      for path in (%q):gmatch "%%S+" do
        assert(klaviyo.operations.load(path))
      end
      print(json.encode(klaviyo.operations.diff(%q, %q, json.decode(%q))))
    ]]):format(table.concat(paths, " "), from, to, cjson.encode(options or {})),
      {env = {XDG_CACHE_HOME = dir .. "/cache"}})
    assert.equal(0, status, output)
    return cjson.decode(output)
  end

  -- Returns the diff of two small documents, which the functions may change.
  local function changed(change_newer, change_older, options)
    local older, newer = openapi_document.new(OLDER), openapi_document.new(NEWER)
    if change_older then
      change_older(older.paths, older)
    end
    change_newer(newer.paths, newer)
    local found = diff({write("older.json", older), write("newer.json", newer)}, OLDER, NEWER, options)
    assert.equal(OLDER, found.from)
    assert.equal(NEWER, found.to)
    return found
  end

  local function get(paths) return paths["/api/gadgets/{id}"].get end

  local function attributes(paths)
    return paths["/api/gadgets"].post.requestBody.content["application/vnd.api+json"]
      .schema.properties.data.properties.attributes
  end

  -- Returns the changes of the only operation that changed.
  local function changes_of(operation, ...)
    local found = changed(...)
    assert.same({}, found.added)
    assert.same({}, found.removed)
    assert.equal(1, #found.changed)
    assert.equal(operation, found.changed[1].operation)
    return found.changed[1].changes
  end

  it("is empty for equal revisions", function()
    local found = changed(function() end)
    assert.same({from = OLDER, to = NEWER, added = {}, removed = {}, changed = {}}, found)
  end)

  it("names the operations that were added and removed, sorted", function()
    local found = changed(function(paths)
      paths["/api/widgets"] = {get = openapi_document.operation "get_widgets",
        post = openapi_document.operation "create_widget"}
      paths["/api/gadgets"] = nil
    end)
    assert.same({"create_widget", "get_widgets"}, found.added)
    assert.same({"create_gadget"}, found.removed)
    assert.same({}, found.changed)
  end)

  it("recognizes an operation with another id", function()
    assert.same({{change = "changed", part = "id", from = "get_gadget", to = "read_gadget"}},
      changes_of("get_gadget", function(paths) get(paths).operationId = "read_gadget" end))
    -- by its alias, with another path
    assert.same({
      {change = "changed", part = "id", from = "get_gadget", to = "read_gadget"},
      {change = "changed", part = "route", breaks = true, from = "GET /api/gadgets/{}", to = "GET /api/gizmos/{}"},
    }, changes_of("get_gadget", function(paths)
      paths["/api/gizmos/{id}"], paths["/api/gadgets/{id}"] = paths["/api/gadgets/{id}"], nil
      paths["/api/gizmos/{id}"].get.operationId = "read_gadget"
      paths["/api/gizmos/{id}"].get["x-klaviyo-operation-aliases"] = {"get_gadget"}
    end))
  end)

  local function parameter(name, schema, more)
    local one = {name = name, ["in"] = "query", schema = schema}
    for key, value in pairs(more or {}) do
      one[key] = value
    end
    return one
  end

  local function list_of(...)
    return {type = "array", items = {type = "string", enum = {...}}}
  end

  local function filtered(fields)
    return function(paths)
      local one = get(paths)
      one.parameters = {parameter("filter", {type = "string"}, {description = ""})}
      one["x-klaviyo-filters"] = {}
      for name, operators in pairs(fields) do
        one["x-klaviyo-filters"][name] = {operators = {operators}}
      end
    end
  end

  local function with_parameters(...)
    local list = {...}
    return function(paths) get(paths).parameters = list end
  end

  it("names the fields and operators of filters", function()
    assert.same({
      {change = "removed", part = "filter", name = "a", value = "any", breaks = true},
      {change = "added", part = "filter", name = "a", value = "contains"},
      {change = "removed", part = "filter", name = "b", values = {"equals"}, breaks = true},
      {change = "added", part = "filter", name = "c", values = {"any", "equals"}},
    }, changes_of("get_gadget", filtered {a = {"contains", "equals"}, c = {"any", "equals"}},
      filtered {a = {"equals", "any"}, b = {"equals"}}))
  end)

  it("names sorts, includes and fields", function()
    assert.same({
      {change = "added", part = "additional_fields", name = "gadget", values = {"price"}},
      {change = "added", part = "fields", name = "gadget", value = "size"},
      {change = "removed", part = "fields", name = "gadget", value = "weight", breaks = true},
      {change = "added", part = "include", value = "owner"},
      {change = "removed", part = "include", value = "parts", breaks = true},
      {change = "removed", part = "sort", value = "-name", breaks = true},
    }, changes_of("get_gadget", with_parameters(
      parameter("additional-fields[gadget]", list_of "price"),
      parameter("fields[gadget]", list_of("name", "size", "size.x", "size.y")),
      parameter("include", list_of "owner"),
      parameter("sort", {type = "string", enum = {"name"}})
    ), with_parameters(
      parameter("fields[gadget]", list_of("name", "weight", "weight.unit")),
      parameter("include", list_of "parts"),
      parameter("sort", {type = "string", enum = {"name", "-name"}})
    )))
  end)

  it("names other parameters, and those that are required", function()
    assert.same({
      {change = "added", part = "query", name = "c", type = "string", required = true, breaks = true},
      {change = "changed", part = "query", name = "company_id", property = "required", from = false, to = true,
        breaks = true},
      {change = "removed", part = "query", name = "d", type = "integer", breaks = true},
      {change = "added", part = "query", name = "mode", value = "slow"},
    }, changes_of("get_gadget", with_parameters(
      parameter("c", {type = "string"}, {required = true}),
      parameter("company_id", {type = "string"}, {required = true}),
      parameter("mode", {type = "string", enum = {"fast", "slow"}})
    ), with_parameters(
      parameter("company_id", {type = "string"}),
      parameter("d", {type = "integer"}),
      parameter("mode", {type = "string", enum = {"fast"}})
    )))
  end)

  it("names page sizes, limits, scopes and path parameters", function()
    local function paged(maximum)
      return parameter("page[size]", {type = "integer", default = 20, minimum = 1, maximum = maximum})
    end
    local cursor = parameter("page[cursor]", {type = "string"})
    assert.same({
      {change = "changed", part = "limit", property = "day", to = 1000},
      {change = "changed", part = "limit", property = "second", from = 3, to = 10},
      {change = "changed", part = "page", property = "max", from = 100, to = 50, breaks = true},
      {change = "added", part = "path_params", value = "gadget_id"},
      {change = "removed", part = "path_params", value = "id", breaks = true},
      {change = "added", part = "scope", value = "owners:read", breaks = true},
    }, changes_of("get_gadget", function(paths)
      with_parameters(paged(50), cursor)(paths)
      get(paths)["x-klaviyo-ratelimit"] = {burst = "10/s", steady = "60/m", daily = "1000/d"}
      get(paths)["x-klaviyo-scopes"] = {"gadgets:read", "owners:read"}
      paths["/api/gadgets/{gadget_id}"], paths["/api/gadgets/{id}"] = paths["/api/gadgets/{id}"], nil
    end, with_parameters(paged(100), cursor)))
  end)

  it("names attributes and their values", function()
    assert.same({
      {change = "added", part = "attributes", name = "colour", value = "blue"},
      {change = "removed", part = "attributes", name = "colour", value = "green"},
      {change = "changed", part = "attributes", name = "name", property = "nullable", from = false, to = true},
      {change = "added", part = "attributes", name = "owner", type = "object", required = true, breaks = true},
      {change = "changed", part = "attributes", name = "parts[].count", property = "type", from = "integer",
        to = "string", breaks = true},
      {change = "added", part = "attributes", name = "shape", type = "string", values = {"cube", "ring"}},
      {change = "changed", part = "attributes", name = "tag", property = "required", from = true, to = false},
      {change = "removed", part = "attributes", name = "weight", type = "number", required = true, breaks = true},
    }, changes_of("create_gadget", function(paths)
      local own = attributes(paths)
      own.required = {"name", "owner"}
      own.properties.colour.enum = {"red", "blue"}
      own.properties.name.nullable = true
      own.properties.owner = {type = "object", properties = {age = {type = "integer"}}}
      own.properties.parts = {type = "array", items = {type = "object", properties = {count = {type = "string"}}}}
      own.properties.shape = {type = "string", enum = {"ring", "cube"}}
      own.properties.tag = {type = "string"}
    end, function(paths)
      local own = attributes(paths)
      own.required = {"name", "tag", "weight"}
      own.properties.parts = {type = "array", items = {type = "object", properties = {count = {type = "integer"}}}}
      own.properties.tag, own.properties.weight = {type = "string"}, {type = "number"}
    end))
  end)

  it("compares the forms of an attribute by what distinguishes them", function()
    local function form(method, more)
      local properties = {method = {type = "string", enum = {method}}}
      for _, name in ipairs(more) do
        properties[name] = {type = "string"}
      end
      return {type = "object", required = {"method"}, properties = properties}
    end
    local function with(...)
      local forms = {...}
      return function(paths) attributes(paths).properties.strategy = {oneOf = forms} end
    end
    assert.same({
      {change = "added", part = "attributes", name = "strategy", property = "type", value = "never"},
      {change = "removed", part = "attributes", name = "strategy", property = "type", value = "now", breaks = true},
      {change = "removed", part = "attributes", name = "strategy(later).date", type = "string", breaks = true},
      {change = "added", part = "attributes", name = "strategy(later).time", type = "string"},
    }, changes_of("create_gadget", with(form("never", {}), form("later", {"time"}), form("smart", {})),
      with(form("now", {}), form("later", {"date"}), form("smart", {}))))
    local function list(...)
      local items = {oneOf = {...}}
      return function(paths) attributes(paths).properties.steps = {type = "array", items = items} end
    end
    assert.same({
      {change = "added", part = "attributes", name = "steps[]", property = "type", value = "wait"},
      {change = "added", part = "attributes", name = "steps[mail].subject", type = "string"},
    }, changes_of("create_gadget", list(form("mail", {"subject"}), form("text", {}), form("wait", {})),
      list(form("mail", {}), form("text", {}))))
  end)

  it("compares only the operations that are asked for, by id or alias", function()
    local function both(paths)
      get(paths)["x-klaviyo-ratelimit"] = {burst = "1/s", steady = "60/m"}
      paths["/api/gadgets"].post["x-klaviyo-ratelimit"] = {burst = "1/s", steady = "60/m"}
      paths["/api/widgets"] = {get = openapi_document.operation "get_widgets"}
      get(paths).operationId = "read_gadget"
      get(paths)["x-klaviyo-operation-aliases"] = {"get_gadget"}
    end
    local found = changed(both, nil, {operations = {"create_gadget"}})
    assert.same({"create_gadget"}, {found.changed[1].operation, found.changed[2]})
    assert.same({}, found.added)
    for _, name in ipairs {"get_gadget", "read_gadget"} do
      found = changed(both, nil, {operations = {name}})
      assert.same({"get_gadget"}, {found.changed[1].operation, found.changed[2]})
      assert.same({}, found.added)
      assert.same({}, found.removed)
    end
    found = changed(both, nil, {operations = {"get_widgets"}})
    assert.same({"get_widgets"}, found.added)
    assert.same({}, found.changed)
  end)

  it("compares a beta revision with its stable date", function()
    local beta = openapi_document.new "2026-07-15.pre"
    beta.paths["/api/gadgets/{id}"].get.operationId = "get_gadget_beta"
    local found = diff({write("beta.json", beta)}, "2026-07-15", "2026-07-15.pre")
    assert.same({added = {"create_gadget", "get_gadget_beta"}, removed = {}, changed = {},
      from = "2026-07-15", to = "2026-07-15.pre"}, found)
    -- one of the library: a beta operation takes the place of a stable one
    found = klaviyo.operations.diff("2026-07-15", "2026-07-15.pre", {operations = {"create_campaign"}})
    assert.equal(1, #found.changed)
    local last
    for _, change in ipairs(found.changed[1].changes) do
      last = change.part == "id" and change.to or last
    end
    assert.equal("create_campaign_beta", last)
    assert.same({}, found.added)
    assert.same({}, found.removed)
  end)

  it("is the reverse if the revisions are exchanged", function()
    local dates = operations.revisions()
    for i = 1, #dates - 1 do
      local there = klaviyo.operations.diff(dates[i], dates[i + 1])
      local back = klaviyo.operations.diff(dates[i + 1], dates[i])
      assert.same(there.added, back.removed)
      assert.same(there.removed, back.added)
      assert.equal(#there.changed, #back.changed)
      assert.is_true(#there.changed > 0, dates[i])
    end
  end)

  it("takes a date between two revisions as the earlier one", function()
    local found = klaviyo.operations.diff("2024-12-01", "2025-01-15", {operations = {"get_coupon_codes"}})
    assert.same({from = "2024-10-15", to = "2025-01-15", added = {}, removed = {}, changed = {{
      operation = "get_coupon_codes", changes = {
        {change = "changed", part = "filter", property = "required", from = false, to = true, breaks = true},
      }}}}, found)
  end)

  it("returns tables that a program may change", function()
    local function first()
      local found = klaviyo.operations.diff("2024-10-15", "2025-01-15", {operations = {"get_flow"}})
      return found.changed[1].changes[1]
    end
    local change = first()
    assert.same({change = "added", part = "additional_fields", name = "flow", values = {"definition"}}, change)
    change.values[1] = "x"
    assert.same({"definition"}, first().values)
  end)

  it("raises an error for an unknown revision, operation or option", function()
    for _, date in ipairs {"2031-01-15", "2020-01-15", "newest", "2031-01-15.pre", ""} do
      raises(('unknown revision "%s"'):format(date), function()
        klaviyo.operations.diff("2025-01-15", date)
      end)
      raises(('unknown revision "%s"'):format(date), function()
        klaviyo.operations.diff(date, "2025-01-15")
      end)
    end
    raises("unknown revision", function() klaviyo.operations.diff("2025-01-15") end)
    raises({"unknown operation", "get_lits", 'did you mean "get_list"?'}, function()
      klaviyo.operations.diff("2024-10-15", "2025-01-15", {operations = {"get_lits"}})
    end)
    raises("operation", function()
      klaviyo.operations.diff("2024-10-15", "2025-01-15", {operation = {"get_lists"}})
    end)
  end)

  it("names exactly the operation, the attribute and the value that a document adds", function()
    local file = io.open(SHARED .. "2026-07-15.json")
    if not file then
      pending "there is no ../shared/openapi"
      return
    end
    local spec = cjson.decode(file:read "*a")
    file:close()
    spec.info.version = OLDER
    spec.paths["/api/gadgets/{id}"] = openapi_document.new().paths["/api/gadgets/{id}"]
    local schemas = spec.components.schemas
    schemas.ProfileCreateQueryResourceObject.properties.attributes.properties.shoe_size = {type = "integer"}
    table.insert(schemas.FormCreateQueryResourceObject.properties.attributes.properties.status.enum, "paused")
    local found = diff({write("shared.json", spec)}, "2026-07-15", OLDER)
    assert.same({from = "2026-07-15", to = OLDER, added = {"get_gadget"}, removed = {}, changed = {
      {operation = "create_form", changes = {
        {change = "added", part = "attributes", name = "status", value = "paused"},
      }},
      {operation = "create_profile", changes = {
        {change = "added", part = "attributes", name = "shoe_size", type = "integer"},
      }},
    }}, found)
  end)
end)
