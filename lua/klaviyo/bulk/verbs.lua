--- Maps client.RESOURCE:VERB(source, options) to the kind of the import, a key
--- of kinds.lua.

local M = {
  profiles = {
    import = "profiles", bulk_subscribe = "subscribe",
    bulk_unsubscribe = "unsubscribe", bulk_suppress = "suppress",
    bulk_unsuppress = "unsuppress",
  },
  events = {import = "events"},
  coupon_codes = {bulk_create = "create_coupon_codes"},
}

for _, plural in ipairs {"items", "variants", "categories"} do
  local verbs = {}
  for _, verb in ipairs {"create", "update", "delete"} do
    verbs["bulk_" .. verb] = ("%s_catalog_%s"):format(verb, plural)
  end
  M["catalog_" .. plural] = verbs
end

return M
