--- What `klaviyo import` imports, as data. Each kind has one or more actions; the
--- first one is the default.
---
--- Of a kind:
---   name       the argument on the command line
---   resource   the member of the client
---   names      other names of columns, in the form of `folded`, and the
---              attribute that they become
---   read_only  attributes that an export has and an import cannot send
---   list       whether --list is allowed; "required": it is needed
---   consent    the value that a row without `subscriptions` gets
---
--- Of an action:
---   method     the method of the resource
---   operation  the bulk operation; rows become its records
---   member     the list of records in the table of that operation
---   record     the operation that takes one such record, if a record of the
---              bulk operation has another form
---   asks       what the question before it calls it: it asks for confirmation

local M = {}

local CONTACT = {
  mail = "email", emailaddress = "email", mailaddress = "email",
  phone = "phone_number", mobile = "phone_number", mobilephone = "phone_number",
  mobilenumber = "phone_number", telephone = "phone_number",
}

local function with(names, more)
  for name, attribute in pairs(CONTACT) do
    more[name] = more[name] or names(attribute)
  end
  return more
end

local function same(attribute)
  return attribute
end

local PROFILE = with(same, {
  givenname = "first_name", forename = "first_name",
  surname = "last_name", familyname = "last_name",
  company = "organization", companyname = "organization",
  address = "location.address1", street = "location.address1",
  address1 = "location.address1", address2 = "location.address2",
  city = "location.city", town = "location.city",
  region = "location.region", state = "location.region",
  country = "location.country", zip = "location.zip",
  zipcode = "location.zip", postcode = "location.zip",
  postalcode = "location.zip", timezone = "location.timezone",
  latitude = "location.latitude", longitude = "location.longitude",
})

local EVENT = with(function(attribute)
  return "profile." .. attribute
end, {
  email = "profile.email", phonenumber = "profile.phone_number",
  externalid = "profile.external_id", anonymousid = "profile.anonymous_id",
  profileid = "profile.id", firstname = "profile.first_name",
  lastname = "profile.last_name",
  metric = "metric.name", event = "metric.name", eventname = "metric.name",
  timestamp = "time", date = "time", datetime = "time",
  currency = "value_currency", amount = "value",
})

local function bulk(verb, records, asks)
  return {
    name = verb, method = "bulk_" .. verb, asks = asks,
    operation = ("bulk_%s_%s"):format(verb, records.operation),
    member = records.member,
  }
end

local PROFILES = {operation = "profiles", member = "profiles"}

M.list = {
  {
    name = "profiles", resource = "profiles", list = true, names = PROFILE,
    summary = "create or update profiles, and add them to a list",
    read_only = {"created", "updated", "last_event_date", "joined_group_at",
      "predictive_analytics", "subscriptions"},
    actions = {{
      name = "import", method = "import", operation = "bulk_import_profiles",
      member = "profiles",
    }},
  },
  {
    name = "events", resource = "events", names = EVENT,
    summary = "create events",
    actions = {{
      name = "import", method = "import", operation = "create_event",
      record = "create_event",
    }},
  },
  {
    name = "subscriptions", resource = "profiles", list = true, names = PROFILE,
    summary = "subscribe or unsubscribe profiles",
    actions = {
      bulk("subscribe", PROFILES), bulk("unsubscribe", PROFILES, "Unsubscribe"),
    },
    consent = {subscribe = "SUBSCRIBED", unsubscribe = "UNSUBSCRIBED"},
  },
  {
    name = "suppressions", resource = "profiles", names = CONTACT,
    summary = "suppress profiles, or end their suppression",
    actions = {
      bulk("suppress", PROFILES, "Suppress"), bulk("unsuppress", PROFILES),
    },
  },
  {
    name = "coupon_codes", resource = "coupon_codes",
    names = {code = "unique_code", expires = "expires_at", couponid = "coupon"},
    summary = "create codes of coupons",
    actions = {bulk("create", {operation = "coupon_codes",
      member = "coupon_codes"})},
  },
}

for _, plural in ipairs {"items", "variants", "categories"} do
  local records = {operation = "catalog_" .. plural, member = plural}
  M.list[#M.list + 1] = {
    name = "catalog_" .. plural, resource = "catalog_" .. plural, names = {},
    summary = ("create, update or delete %s of the catalog"):format(plural),
    read_only = {"created", "updated"},
    actions = {
      bulk("create", records), bulk("update", records),
      bulk("delete", records, "Delete"),
    },
  }
end

--- Returns the name of a column in the form in which names are compared: without
--- regard to case, blanks, "_", "-" and ".".
---@param name string
---@return string
function M.folded(name)
  return (name:lower():gsub("[%s_%-%.]", ""))
end

--- Returns the names of the kinds.
---@return string[]
function M.names()
  local names = {}
  for i, kind in ipairs(M.list) do
    names[i] = kind.name
  end
  return names
end

--- Returns a kind by its name; "-" and "_" are the same.
---@param name string
---@return table|nil
function M.get(name)
  for _, kind in ipairs(M.list) do
    if kind.name == name:gsub("%-", "_") then
      return kind
    end
  end
end

--- Returns an action of a kind; without a name, the first one.
---@param kind table
---@param name string|nil
---@return table|nil
function M.action(kind, name)
  for _, action in ipairs(kind.actions) do
    if not name or action.name == name then
      return action
    end
  end
end

return M
