-- klaviyo.operations.list, get and member: the operations as tables.

local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"

local operations = klaviyo.operations

describe("klaviyo.operations.list", function()
  it("returns the routes of a revision, and the methods that call them", function()
    local list = operations.list {revision = "2026-07-15"}
    assert.equal(345, #list)
    local known = {}
    for i, op in ipairs(list) do
      assert.is_true(i == 1 or list[i - 1].id < op.id)
      local name = ("%s%s %s %s"):format(op.public and "client " or "", op.resource, op.relation or "", op.verbs[1])
      assert.is_nil(known[name], name)
      known[name] = true
      local whole = operations.get(op.id, {revision = "2026-07-15"})
      assert.equal(op.method .. op.path, whole.method .. whole.path)
      assert.same(op.verbs, whole.verbs)
      assert.equal(op.type, whole.type)
    end
  end)

  it("returns the operations of one resource", function()
    local ids = {}
    for i, op in ipairs(operations.list {revision = "2024-10-15", resource = "coupons"}) do
      ids[i] = op.id
    end
    assert.same({"create_coupon", "delete_coupon", "get_coupon", "get_coupon_code_ids_for_coupon",
      "get_coupon_codes_for_coupon", "get_coupons", "update_coupon"}, ids)
  end)

  it("uses the revision of a client unless one is passed", function()
    assert.equal(261, #operations.list())
    raises("unknown revision", function() operations.list {revision = "yesterday"} end)
    raises("resuorce", function() operations.list {resuorce = "profiles"} end)
  end)
end)

describe("klaviyo.operations.get", function()
  it("returns all that is known of an operation", function()
    local op = operations.get("create_profile", {revision = "2026-07-15"})
    assert.equal("/api/profiles", op.path)
    assert.same({"create"}, op.verbs)
    assert.same({201}, op.success)
    assert.same({"profiles:write"}, op.scopes)
    assert.equal("profile", op.body.type)
    assert.equal("2026-07-15", op.revision)
    assert.equal("string", type(op.body.sample.email))
    assert.equal("relationships", (operations.get "add_profiles_to_list").path:match("relationships"))
    raises("create_profile", function() operations.get "create_profle" end)
  end)

  it("lists members of nested tables", function()
    local op = operations.get("bulk_subscribe_profiles", {revision = "2026-07-15"})
    local found
    for _, member in ipairs(op.body.members) do
      found = found or member.name == "profiles[].subscriptions.email.marketing.consent" and member
    end
    assert.truthy(found)
  end)
end)

describe("klaviyo.operations.member", function()
  local function member(name, path)
    return operations.member(name, path, {revision = "2026-07-15"})
  end

  it("returns the types of a member", function()
    assert.same({types = {string = true}, required = false, nullable = true}, member("create_event", "profile.email"))
    assert.same({types = {number = true, string = true}, required = false, nullable = true},
      member("create_profile", "location.latitude"))
    assert.same({types = {any = true}, required = false, nullable = false}, member("create_event", "properties.a.b"))
    assert.same({types = {list = true}, items = {string = true}, related = "catalog-category", required = false,
      nullable = false}, member("create_catalog_item", "categories"))
    assert.same({"SUBSCRIBED"},
      member("bulk_subscribe_profiles", "profiles[].subscriptions.email.marketing.consent").values)
    assert.is_true(member("create_list", "name").required)
    assert.same({file = true}, member("upload_image_from_file", "file").types)
    assert.is_true(member("add_profiles_to_list", "[].id").required)
  end)

  it("returns nil for what is not a member", function()
    for _, path in ipairs {"emial", "email.x", "profiles[]", "[]", "location.emial"} do
      assert.is_nil(member("create_profile", path), path)
    end
    assert.is_nil(member("get_profiles", "email"))
    raises("path", function() member("create_profile", "") end)
  end)
end)
