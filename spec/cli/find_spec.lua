-- klaviyo find
local cli = require "spec.support.cli"
local sandbox = require "spec.support.sandbox"

describe("klaviyo find", function()
  local fixture = sandbox.here(setup, teardown)
  local ids = {}

  setup(function()
    for _, name in ipairs {"VIP customers", "Newsletter", "Not so vip", "VIP"} do
      ids[name] = assert(fixture.client.lists:create {name = name}).data.id
    end
    ids.template = assert(fixture.client.templates:create {
      name = "Mail for VIPs", editor_type = "CODE", html = "<p></p>"}).data.id
  end)

  before_each(function()
    fixture.server:clear_faults()
  end)

  local function find(...)
    return cli.call({"find", ...}, {env = cli.environment(fixture.server)})
  end

  local function line(type, id, name)
    return ('{"id":"%s","name":"%s","type":"%s"}\n'):format(id, name, type)
  end

  it("shows the exact name first, then names that begin with it, by kind", function()
    local result = find("vip")
    assert.equal("", result.err)
    assert.equal(line("list", ids.VIP, "VIP") .. line("list", ids["VIP customers"], "VIP customers")
      .. line("list", ids["Not so vip"], "Not so vip") .. line("template", ids.template, "Mail for VIPs"), result.out)
    assert.equal(0, result.status)
  end)

  it("needs all words, in any order, and finds an id", function()
    assert.equal(line("list", ids["VIP customers"], "VIP customers"), find("customers", "vip").out)
    assert.equal(line("list", ids.Newsletter, "Newsletter"), find(ids.Newsletter).out)
  end)

  it("searches the kinds of --in only, and suggests one", function()
    local before = #fixture:log()
    assert.equal(line("template", ids.template, "Mail for VIPs"), find("vip", "--in", "templates").out)
    for _, request in ipairs(fixture:log(before)) do
      assert.truthy(request.operation == "get_templates" or request.operation == "-", request.operation)
    end
    local result = find("vip", "--in", "lists,template")
    assert.equal(2, result.status)
    assert.matches('unknown kind "template" %(did you mean "templates"%?%)', result.err)
  end)

  it("says that there is nothing", function()
    local result = find("no such name")
    assert.same({0, "", 'klaviyo: nothing is named "no such name"\n'}, {result.status, result.out, result.err})
  end)

  it("shows what it can if the key lacks a scope, and exits with 3", function()
    fixture.server:fault {operation = "get_lists", error = "permission_denied", status = 403, times = 100}
    local result = find("vip")
    assert.equal(3, result.status)
    assert.equal(line("template", ids.template, "Mail for VIPs"), result.out)
    assert.matches("lists:read", result.err)
    assert.equal(4, find("vip", "--in", "lists").status)
  end)

  it("shows a table on a terminal", function()
    local result = cli.call({"find", "newsletter"}, {
      env = cli.environment(fixture.server), terminal = {stdout = true, stdin = true, stderr = true, columns = 80}})
    assert.matches("newsletter", result.out:lower())
    assert.matches(ids.Newsletter, result.out, 1, true)
  end)
end)
