-- What the service's own SDKs send, and what only the service can create.

local json = require "klaviyo.sandbox.json"
local sandbox_handler = require "spec.support.sandbox_handler"

local null = json.null

local MAPPED = {"added_to_cart", "cancelled_sales", "ordered_product",
  "refunded_sales", "revenue", "started_checkout", "viewed_product"}

describe("the sandbox", function()
  local s
  local REVISION = {revision = "2026-07-15"}

  before_each(function()
    s = sandbox_handler.new()
  end)

  local function post(target, kind, attributes, id)
    return s:post(target, {data = {type = kind, id = id,
      attributes = attributes}}, REVISION)
  end

  describe("has the list of IP ranges", function()
    local LIST = "/client/ip-allowlists/integration-egress"

    it("under its only id", function()
      local status, document = s:get(LIST .. "?company_id=TestCo", nil, REVISION)
      assert.equal(200, status)
      assert.equal("integration-egress", document.data.id)
      local attributes = document.data.attributes
      assert.is_true(#attributes.prefixes > 0)
      for _, prefix in ipairs(attributes.prefixes) do
        assert.truthy(prefix:find "^%d+%.%d+%.%d+%.%d+/%d+$", prefix)
      end
      assert.truthy(attributes.sync_token:find "^%x+$")
      assert.truthy(attributes.created:find "^%d+%-%d+%-%d+T")
      assert.equal(404, (s:get("/client/ip-allowlists/other?company_id=TestCo",
        nil, REVISION)))
    end)

    it("without a company id, but not with a wrong one", function()
      assert.equal(200, (s:get(LIST, nil, REVISION)))
      assert.equal(400, (s:get(LIST .. "?company_id=Other", nil, REVISION)))
    end)

    it("also with a key, which the node SDK sends", function()
      assert.equal(200, (s:get(LIST .. "?company_id=TestCo", nil,
        {revision = "2026-07-15", authorization = "Klaviyo-API-Key pk_test"})))
    end)
  end)

  it("has the mapped metrics, which nobody can create", function()
    local status, document = s:get("/api/mapped-metrics", nil, REVISION)
    assert.equal(200, status)
    assert.same(MAPPED, sandbox_handler.ids(document))
    assert.is_string(document.data[1].attributes.updated)
    local metric = s.state:collection("metric"):at(1).id
    local linkage = {data = {type = "metric", id = metric}}
    assert.equal(200, (s:patch("/api/mapped-metrics/revenue", {data = {
      type = "mapped-metric", id = "revenue",
      relationships = {metric = linkage}}}, REVISION)))
    status, document = s:get("/api/mapped-metrics/revenue/metric", nil, REVISION)
    assert.equal(200, status)
    assert.equal(metric, document.data.id)
    local _, linked = s:get("/api/mapped-metrics/revenue/relationships/metric",
      nil, REVISION)
    assert.same(linkage.data, linked.data)
  end)

  it("takes a null for an attribute that is not passed", function()
    for name, body in pairs {
      item = {external_id = "x", title = "T", description = "D",
        url = "https://example.com/x", catalog_type = null,
        integration_type = "$custom"},
      category = {external_id = "x", name = "N", catalog_type = null,
        integration_type = "$custom"},
    } do
      local collection = name == "item" and "items" or "categories"
      local status, document = post("/api/catalog-" .. collection,
        "catalog-" .. name, body)
      assert.equal(201, status)
      assert.equal("$custom:::$default:::x", document.data.id)
    end
  end)

  it("clones a template that has no name", function()
    local id = s.state:collection("template"):at(1).id
    assert.equal(200, (s:patch("/api/templates/" .. id, {data = {
      type = "template", id = id, attributes = {name = null}}}, REVISION)))
    local status, document = post("/api/template-clone", "template", {}, id)
    assert.equal(200, status)
    assert.equal("Clone of Untitled", document.data.attributes.name)
    local _, second = post("/api/template-clone", "template", {name = null}, id)
    assert.equal("Clone of Untitled", second.data.attributes.name)
  end)
end)
