local klaviyo = require "klaviyo"
local raises = require "spec.support.raises"

describe("klaviyo.near_names", function()
  local names = {"profiles", "lists", "segments", "profile-merge", "catalog-items"}

  it("returns the nearest name, or one that begins so", function()
    assert.same({"profiles"}, klaviyo.near_names("profile", names))
    assert.same({"lists"}, klaviyo.near_names("list", names))
    assert.same({"segments"}, klaviyo.near_names("sgements", names))
    assert.same({"catalog-items"}, klaviyo.near_names("Catalog_Items", names))
    assert.same({"catalog-items"}, klaviyo.near_names("catal", names))
    assert.same({}, klaviyo.near_names("xyzzy", names))
    assert.same({}, klaviyo.near_names("p", names))
    assert.same({}, klaviyo.near_names("", {}))
  end)

  it("returns three at most, each once, in an order that does not depend on that of the list", function()
    assert.same({"profile-merge", "profiles"}, klaviyo.near_names("profi", {"profiles", "profile-merge", "profiles"}))
    for _, list in ipairs {{"ad", "ab", "ac", "ae"}, {"ae", "ac", "ab", "ad"}} do
      assert.same({"ab", "ac", "ad"}, klaviyo.near_names("ax", list))
    end
    -- next to a name that is nearly the same, others only confuse
    assert.same({"segment"}, klaviyo.near_names("segmnet", {"segments", "segment"}))
    assert.same({"segments"}, klaviyo.near_names("segmnets", {"segment", "segments"}))
  end)

  it("raises for other values at the caller's line", function()
    raises("near_names takes a name and a list of names, not nil and a table", function()
      klaviyo.near_names(nil, names)  -- the line
    end)
    raises("not a string and a string", function()
      klaviyo.near_names("a", "b")  -- the line
    end)
  end)
end)
