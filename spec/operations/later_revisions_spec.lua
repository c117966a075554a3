-- Revisions that the library does not know: later ones, those between two known
-- ones, and those before the first.

local klaviyo = require "klaviyo"
local operations = require "klaviyo.operations"
local raises = require "spec.support.raises"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local revision_warning = require "klaviyo.operations.revision_warning"

describe("a revision that the library does not know", function()
  local heard

  local function new(revision, more)
    local settings = {
      api_key = "pk_x", revision = revision,
      on_warning = function(message) heard[#heard + 1] = message end,
    }
    for name, value in pairs(more or {}) do
      settings[name] = value
    end
    return klaviyo.new(settings)
  end

  before_each(function()
    heard = {}
    revision_warning.forget()
    revision_lifecycle.set_today "2026-11-28"
  end)

  after_each(function() revision_lifecycle.set_today(nil) end)

  for _, date in ipairs {"2026-07-16", "2026-12-01", "2031-01-15"} do
    describe("but is later than the newest, " .. date .. ",", function()
      it("is sent as it is", function()
        local request = new(date):build("get_profiles", {page = {size = 100}})
        assert.equal(date, request.headers.revision)
        assert.same({}, heard)
      end)

      it("takes an attribute that is not known, and warns once", function()
        local client = new(date)
        for _ = 1, 2 do
          local document = client:document("create_profile", {email = "a@example.com", shoe_size = 43})
          assert.equal(43, document.data.attributes.shoe_size)
        end
        assert.equal(1, #heard)
        assert.matches('create_profile: attribute "shoe_size" is not in revision %d+%-%d+%-15', heard[1])
        assert.matches("it is sent unchecked", heard[1], 1, true)
      end)

      it("takes a member of an attribute that is not known", function()
        local document = new(date):document("create_profile",
          {location = {city = "B", what3words = "index.home.raft"}})
        assert.equal("index.home.raft", document.data.attributes.location.what3words)
        assert.equal(1, #heard)
      end)

      it("refuses a misspelt name", function()
        local client = new(date)
        raises({'"emial"', 'did you mean "email"'}, function()
          local _ = client:document("create_profile", {emial = "a@example.com"})
        end)
        raises({'"emial"', 'did you mean "email"'}, function()
          client:build("get_profiles", {filter = klaviyo.filter.equals("emial", "a@example.com")})
        end)
        raises({'"emial"', 'did you mean "email"'}, function()
          client:build("get_profiles", {fields = {profile = {"emial"}}})
        end)
      end)

      it("takes filters, fields, sorts and includes that are not known", function()
        local client = new(date)
        local url = client:build("get_profiles", {
          filter = klaviyo.filter.equals("wardrobe", "x"), fields = {profile = {"wardrobe"}, wardrobe = {"size"}},
          include = {"wardrobe"}, sort = "-wardrobe",
        }).url
        for _, part in ipairs {"filter=equals(wardrobe,%22x%22)", "fields[profile]=wardrobe", "fields[wardrobe]=size",
            "include=wardrobe", "sort=-wardrobe"} do
          local plain = url:gsub("%%5B", "["):gsub("%%5D", "]"):gsub("%%28", "("):gsub("%%29", ")"):gsub("%%2C", ",")
          assert.matches(part, plain, 1, true)
        end
        assert.is_true(#heard >= 4)
      end)

      it("still refuses what a document lacks, and a wrong type", function()
        local client = new(date)
        raises('create_list needs "name"', function() local _ = client:document("create_list", {}) end)
        raises("name must be a string", function() local _ = client:document("create_list", {name = 5}) end)
      end)
    end)
  end

  it("and lies between two is used as the earlier one", function()
    local between = operations.revision "2025-02-20"
    assert.equal("2025-01-15", between.known)
    assert.is_false(between.is_lenient)
    local request = new("2025-02-20"):build("get_profiles")
    assert.equal("2025-02-20", request.headers.revision)
    raises('unknown attribute of create_profile "shoe_size"', function()
      local _ = new("2025-02-20"):document("create_profile", {shoe_size = 43})
    end)
  end)

  it("and is older than the first is used as the first, with a warning", function()
    local client = new("2023-10-15", {base_url = "http://127.0.0.1:1", retries = 0})
    client.lists:list()
    assert.same({"klaviyo: revision 2023-10-15 was retired on 2025-10-15; Klaviyo serves 2025-01-15 instead "
      .. '(set revision = "2025-01-15" or later)'}, heard)
  end)

  it("but is not a date raises an error", function()
    for _, text in ipairs {"latest", "2026", "2026-15-10", "2026-10-15.beta"} do
      raises({"revision", text}, function() new(text) end)
    end
  end)
end)
