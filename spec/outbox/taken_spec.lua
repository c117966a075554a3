-- What was taken from a stream, read as a file's store is. The stream is a table.
local taken = require "klaviyo.outbox.taken"

local ALL = 2 ^ 53

describe("klaviyo.outbox.taken", function()
  local store, calls, err

  before_each(function()
    calls, err = {}, nil
    store = taken.new {
      acknowledge = function(_, keys)
        calls[#calls + 1] = table.concat(keys, " ")
        return not err or nil, err
      end,
      reject = function(_, entry, reason)
        calls[#calls + 1] = entry.key .. " " .. reason
        return not err or nil, err
      end,
    }
  end)

  local function add(...)
    for _, text in ipairs {...} do
      local payload, id, revision = text:match("^(%w+)/?(%w*)/?(%w*)$")
      store:add {key = "key" .. payload, payload = payload, deliveries = 1,
        unique_id = id ~= "" and id or payload, revision = revision ~= "" and revision or "r"}
    end
  end

  it("is read in order, within a count, a size and a range of ids", function()
    add("A", "B", "C", "D")
    assert.same({"[A,B,C,D]", 1, 4, 4, "r"}, {store:read(0, ALL, 1000, 100, "[", "]")})
    assert.same({"[B,C]", 2, 3, 2, "r"}, {store:read(2, 3, 1000, 100, "[", "]")})
    assert.same({"[A,B]", 1, 2, 2, "r"}, {store:read(0, ALL, 2, 100, "[", "]")})
    assert.same({"[A,B]", 1, 2, 2, "r"}, {store:read(0, ALL, 9, 5, "[", "]")})
    assert.same({"[A,B,C]", 1, 3, 3, "r"}, {store:read(0, ALL, 9, 6, "[", "]")})
    assert.same({"[A]", 1, 1, 1, "r"}, {store:read(0, ALL, 9, 0, "[", "]")}) -- at least one
    assert.same({nil, "none"}, {(select(1, store:read(5, ALL, 9, 100, "", ""))),
      (select(2, store:read(5, ALL, 9, 100, "", "")))})
    assert.equal(4, store:newest())
  end)

  it("never has another revision or an equal unique_id in a batch", function()
    add("A/a/1", "B/b/1", "C/a/1", "D/d/2")
    assert.same({"A,B", 1, 2, 2, "1"}, {store:read(0, ALL, 9, 100, "", "")})
    assert.same({"C", 3, 3, 1, "1"}, {store:read(3, ALL, 9, 100, "", "")})
    assert.same({"D", 4, 4, 1, "2"}, {store:read(4, ALL, 9, 100, "", "")})
  end)

  it("forgets what the stream removed", function()
    add("A", "B", "C", "D")
    store:deliver(2)
    assert.equal(2, store:waiting())
    assert.is_true(store:drop(1, 2))
    assert.same({"keyA keyB"}, calls)
    assert.same({2, false, true}, {store:waiting(), store:has "keyA", store:has "keyC"})
    assert.same({3, 4}, {store:nth(0, ALL, 0), store:nth(0, ALL, 1)})
    assert.equal("none", select(2, store:nth(0, ALL, 2)))
    assert.is_true(store:reject(3, "no"))
    assert.equal("keyC no", calls[2])
    assert.equal("none", select(2, store:reject(3, "no")))
    assert.is_true(store:drop(1, 3)) -- nothing is left of them
    assert.same({2, 1, 4}, {#calls, store:waiting(), store:newest()})
    assert.equal("keyD", store:all()[1].key)
    add("E")
    assert.same({"D,E", 4, 5, 2, "r"}, {store:read(0, ALL, 9, 100, "", "")})
  end)

  it("keeps what the stream could not remove", function()
    add("A", "B")
    err = {message = "away"}
    store:deliver(1)
    assert.same({nil, "failed", "away"}, {store:drop(1, 1)})
    assert.same({nil, "failed", "away"}, {store:reject(2, "no")})
    assert.same({1, true}, {store:waiting(), store:has "keyA"})
    err = nil
    assert.is_true(store:drop(1, 1))
    assert.equal(1, store:waiting())
  end)
end)
