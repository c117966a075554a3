local sandbox_handler = require "spec.support.sandbox_handler"

local ids = sandbox_handler.ids

describe("the sandbox's pages", function()
  local function iterate(s, target)
    local found, pages = {}, 0
    while target do
      local status, document = s:get(target)
      assert.equal(200, status)
      pages = pages + 1
      for _, id in ipairs(ids(document)) do
        assert.is_nil(found[id])
        found[id] = true
        found[#found + 1] = id
      end
      target = sandbox_handler.next(document)
    end
    return found, pages
  end

  it("return every generated profile once", function()
    local s = sandbox_handler.new {profiles = 250}
    local found, pages = iterate(s, "/api/profiles?page%5Bsize%5D=100")
    assert.equal(250, #found)
    assert.equal(3, pages)
  end)

  it("end without an empty page", function()
    local s = sandbox_handler.new {profiles = 40}
    local found, pages = iterate(s, "/api/profiles")
    assert.equal(40, #found)
    assert.equal(2, pages)
  end)

  it("have links to the service with the same parameters", function()
    local s = sandbox_handler.new {profiles = 3}
    local target = "/api/profiles?page%5Bsize%5D=1"
      .. "&filter=greater-than%28created%2C2020-01-01T00%3A00%3A00%2B00%3A00%29"
      .. "&fields%5Bprofile%5D=email"
    local _, document = s:get(target)
    assert.equal("https://a.klaviyo.com" .. target, document.links.self)
    assert.truthy(document.links.next:find(
      "^https://a%.klaviyo%.com/api/profiles%?page%%5Bsize%%5D=1&filter="
      .. "greater%-than%%28created%%2C2020%-01%-01T00%%3A00%%3A00%%2B00%%3A00"
      .. "%%29&fields%%5Bprofile%%5D=email&page%%5Bcursor%%5D="))
    assert.equal(3, #iterate(s, target))
  end)

  it("have links with the origin link_base", function()
    local s = sandbox_handler.new {profiles = 30, link_base = "http://x:1"}
    local _, document = s:get("/klaviyo/api/profiles", nil,
      {authorization = "Bearer pk_test"})
    assert.truthy(document.links.next:find("^http://x:1/api/profiles%?"))
  end)

  it("stay where they are while resources are added and removed", function()
    local s = sandbox_handler.new {profiles = 10}
    local _, first = s:get("/api/profiles?page%5Bsize%5D=4")
    s.state:remove("profile", s.state:get("profile", first.data[2].id))
    s.state:make("profile", {email = "late@example.com"})
    local rest = iterate(s, sandbox_handler.next(first))
    assert.equal(7, #rest)
    for _, resource in ipairs(first.data) do
      assert.is_nil(rest[resource.id])
    end
  end)

  it("lead back again", function()
    local s = sandbox_handler.new {profiles = 10}
    local _, one = s:get("/api/profiles?page%5Bsize%5D=4")
    local _, two = s:get(sandbox_handler.next(one))
    local _, three = s:get(sandbox_handler.next(two))
    assert.is_nil(sandbox_handler.next(three))
    local function back(document)
      local _, previous = s:get((document.links.prev:gsub(
        "^https://a%.klaviyo%.com", "")))
      return previous
    end
    assert.same(ids(two), ids(back(three)))
    assert.same(ids(one), ids(back(back(three))))
    assert.equal("null", tostring(back(two).links.prev))
    assert.same(ids(two), ids(select(2, s:get(sandbox_handler.next(back(two))))))
  end)

  it("are sorted", function()
    local s = sandbox_handler.new {profiles = 9}
    s.state:make("profile", {email = "aaa@example.com"})
    s.state:make("profile", {email = "zzz@example.com"})
    s.state:make("profile", {external_id = "no e-mail"})
    local function emails(sort)
      local list = {}
      local target = "/api/profiles?page%5Bsize%5D=5&sort=" .. sort
      while target do
        local _, document = s:get(target)
        for _, resource in ipairs(document.data) do
          local email = resource.attributes.email
          list[#list + 1] = type(email) == "string" and email:sub(1, 15) or "-"
        end
        target = sandbox_handler.next(document)
      end
      return list
    end
    local up = emails "email"
    assert.equal(12, #up)
    assert.equal("aaa@example.com", up[1])
    assert.equal("profile-0000001", up[2])
    assert.equal("zzz@example.com", up[11])
    assert.equal("-", up[12])
    local down = emails "-email"
    assert.equal("zzz@example.com", down[1])
    assert.equal("aaa@example.com", down[11])
    assert.equal("-", down[12])
  end)

  it("find generated profiles by their identifiers", function()
    local s = sandbox_handler.new {profiles = 100000}
    for _, filter in ipairs {
      "equals(email,%22profile-0099999@example.com%22)",
      "equals(phone_number,%22%2B15550099999%22)",
      "any(external_id,[%22customer-0099999%22,%22customer-0100001%22])",
    } do
      local _, document = s:get("/api/profiles?filter=" .. filter)
      assert.equal(1, #document.data, filter)
      assert.equal(99999, document.data[1].attributes.properties.number)
      local _, again = s:get("/api/profiles/" .. document.data[1].id)
      assert.same(document.data[1].attributes, again.data.attributes)
    end
    local _, nobody = s:get(
      "/api/profiles?filter=equals(email,%22profile-0100001@example.com%22)")
    assert.equal(0, #nobody.data)
  end)

  it("allow generated profiles to be updated and to be members", function()
    local s = sandbox_handler.new {profiles = 30}
    local _, page = s:get("/api/profiles?page%5Bsize%5D=1")
    local id = page.data[1].id
    local status = s:patch("/api/profiles/" .. id, {data = {
      type = "profile", id = id, attributes = {email = "new@example.com"}}})
    assert.equal(200, status)
    local function count(email)
      local _, document = s:get(
        ("/api/profiles?filter=equals(email,%%22%s%%22)"):format(email))
      return #document.data
    end
    assert.equal(1, count "new@example.com")
    assert.equal(0, count "profile-0000001@example.com")
    local list = s.state:collection("list"):at(1).id
    assert.equal(30, #iterate(s, "/api/lists/" .. list .. "/profiles"))
    assert.equal(30, #iterate(s, "/api/lists/" .. list
      .. "/relationships/profiles?sort=-joined_group_at"))
    s:delete("/api/lists/" .. list .. "/relationships/profiles",
      {data = {{type = "profile", id = id}}})
    assert.equal(29, #iterate(s, "/api/lists/" .. list .. "/profiles"))
    local _, lists = s:get("/api/profiles/" .. id .. "/lists")
    assert.same({}, lists.data)
  end)

  it("of the two numbered listings have links with page numbers", function()
    local s = sandbox_handler.new()
    local flow = s.state:collection("flow"):at(1).id
    for _ = 1, 120 do
      local action = s.state:make("flow-action", {})
      require("klaviyo.sandbox.relations").set_target(s.state, "flow-action",
        action.id, "flow", flow)
    end
    local target = "/api/flows/" .. flow .. "/relationships/flow-actions"
    local _, first = s:get(target)
    assert.truthy(first.links.next:find("page%%5Bnumber%%5D=2"))
    local found, pages = iterate(s, target)
    assert.equal(121, #found)
    assert.equal(3, pages)
  end)
end)
