local json = require "klaviyo.sandbox.json"
local sandbox_handler = require "spec.support.sandbox_handler"
local store = require "klaviyo.sandbox.store"

-- A digest that is the same for texts with the same first letter.
local function first_letter(text)
  return text:sub(1, 1)
end

describe("the sandbox's store", function()
  local profiles

  before_each(function()
    profiles = store.collection("profile", {"email"})
  end)

  local function add(email, more)
    local attributes = more or {}
    attributes.email = email
    return profiles:add {id = profiles:next_id(), attributes = attributes}
  end

  it("returns packed records as they were stored", function()
    local attributes = {n = 3, half = 0.5, long = "é\n\"\\", none = json.null,
      list = json.array {json.array(), {}}, no = false}
    local record = add("a@b.example", attributes)
    assert.equal(26, #record.id)
    local got = profiles:get(record.id)
    assert.same(attributes, got.attributes)
    assert.equal("[[],{}]", json.encode(got.attributes.list))
    assert.not_equal(record, got)
    assert.equal(record.id, profiles:id_at(1))
  end)

  it("decodes a record once that is only looked at, until it changes", function()
    local record = add "a@b.example"
    local first = profiles:peek(1)
    assert.equal(first, profiles:peek(1))
    assert.not_equal(first, profiles:at(1))
    assert.same(profiles:at(1), first)
    profiles:change(record, function()
      record.attributes.email = "c@b.example"
    end)
    assert.equal("c@b.example", profiles:peek(1).attributes.email)
    assert.equal("a@b.example", first.attributes.email)
    profiles:remove(record)
    assert.is_nil(profiles:peek(1))
    assert.is_nil(profiles:peek(2))
    -- records of other types are not packed
    local lists = store.collection("list", {})
    local list = lists:add {id = "a", attributes = {}}
    assert.equal(list, lists:peek(1))
  end)

  it("finds records by their current values", function()
    local record = add("a@b.example")
    add("b@b.example")
    profiles:change(record, function()
      record.attributes.email = "c@b.example"
    end)
    assert.is_nil(profiles:find("email", "a@b.example"))
    assert.equal(record.id, profiles:find("email", "c@b.example").id)
    profiles:remove(record)
    assert.is_nil(profiles:find("email", "c@b.example"))
    assert.is_nil(profiles:get(record.id))
    assert.is_nil(profiles:id_at(1))
    assert.equal(1, profiles.count)
    assert.equal(2, profiles:get(add("a@b.example").id).position - 1)
  end)

  it("tells values with the same digest apart", function()
    profiles = store.collection("profile", {"email"}, nil, first_letter)
    local record = add("anna@b.example")
    assert.is_nil(profiles:find("email", "adam@b.example"))
    assert.equal(record.id, profiles:find("email", "anna@b.example").id)
  end)

  it("knows only ids that it has created", function()
    local id = add("a@b.example").id
    for _, other in ipairs {"", "x", id .. "0", id:sub(2), id:lower(),
      (id:gsub("1$", "2")), (id:gsub("1$", "0")), (id:gsub("1$", "U"))} do
      assert.is_nil(profiles:get(other), other)
    end
  end)

  describe("has members that", function()
    it("keep their order and are unique", function()
      local one, two = add("1@b.example").id, add("2@b.example").id
      local members = store.members(profiles)
      assert.is_true(members:add(two, 5))
      assert.is_true(members:add(one, 6))
      assert.is_false(members:add(two, 7))
      assert.same({two, one, 6},
        {members:at(1), members:at(2), members.joined[2]})
      assert.is_true(members:remove(two))
      assert.is_false(members:remove(two))
      assert.is_nil(members:at(1))
      assert.is_true(members:add(two, 8))
      assert.same({3, 2}, {members:position_of(two), members.count})
    end)

    it("need not be in the collection", function()
      local members = store.members(profiles)
      assert.is_true(members:add("SOMEBODY", 1))
      assert.is_true(members:has("SOMEBODY"))
      assert.equal("SOMEBODY", members:at(1))
      assert.is_nil(members:record_at(1))
    end)

    it("can be all current resources, but no later ones", function()
      local one, two = add("1@b.example").id, add("2@b.example").id
      local members = store.members(profiles, true)
      local three = add("3@b.example").id
      assert.same({true, true, false, 2}, {members:has(one),
        members:has(two), members:has(three), members.count})
      assert.is_true(members:remove(one))
      assert.same({false, 1}, {members:has(one), members.count})
      assert.is_true(members:add(one, 1))
      assert.equal(3, members:position_of(one))
    end)
  end)

  it("takes little memory for many records #memory", function()
    local s = sandbox_handler.new()
    local list = json.array()
    for i = 1, 10000 do
      list[i] = {type = "profile", attributes = {
        email = ("somebody-%07d@example.com"):format(i), first_name = "Ada",
        properties = {number = i}}}
    end
    local body = json.encode {data = {type = "profile-bulk-import-job",
      attributes = {profiles = {data = list}}}}
    list = nil -- luacheck: ignore
    local function kilobytes()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = kilobytes()
    assert.equal(202, (s:post("/api/profile-bulk-import-jobs", body)))
    body = nil -- luacheck: ignore
    local each = (kilobytes() - before) * 1024 / 10000
    assert.is_true(each < 600, each)
    assert.equal(10000, s.state:collection("profile").count)
  end)

  it("keeps the records that were looked at last", function()
    for i = 1, 10001 do
      add("n" .. i)
    end
    local weak = setmetatable({profiles:peek(1)}, {__mode = "v"})
    collectgarbage()
    assert.is_table(weak[1])
    for position = 2, 10001 do
      assert.equal("n" .. position, profiles:peek(position).attributes.email)
    end
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)
