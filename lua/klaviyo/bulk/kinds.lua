--- The bulk jobs, as data. Limits are the service's: `batch_size` records and
--- `batch_bytes` for a request, `record_bytes` for a record. `job` is the operation
--- that reads the job (without it, an accepted request counts as completed),
--- `errors` the one that lists its errors (without it, the job has them).
--- `repeatable`: a request may be sent twice and counts once.
---
--- The operations that read jobs are named by their aliases, which are the same
--- in every revision.

local lazy_require = require "klaviyo.util.lazy_require"

local unique_id = lazy_require "klaviyo.request.unique_id"

local MB = 1000000

local M = {}

M.profiles = {
  operation = "bulk_import_profiles", member = "profiles", type = "profile",
  batch_size = 10000, batch_bytes = 5 * MB, record_bytes = MB / 2, repeatable = true,
  job = "get_profile_bulk_import_job",
  errors = "get_import_errors_for_profile_bulk_import_job",
  settings = {list = "lists"},
}

M.events = {
  operation = "bulk_create_events", member = "events_bulk_create",
  batch_size = 1000, batch_bytes = 5 * MB, repeatable = true, settings = {},
  -- A record is one event as `create_event` takes it; in a request, events are
  -- grouped by profile.
  wrap = function(event, id)
    local own = {}
    for name, value in pairs(event) do
      own[name] = value
    end
    own.profile = nil
    if not unique_id.is_given(own.unique_id) then
      own.unique_id = id
    end
    return {profile = event.profile, events = {own}}
  end,
}

M.subscribe = {
  operation = "bulk_subscribe_profiles", member = "profiles",
  type = "profile", batch_size = 1000, batch_bytes = 5 * MB,
  settings = {list = "list", custom_source = "custom_source",
    historical_import = "historical_import"},
}

M.unsubscribe = {
  operation = "bulk_unsubscribe_profiles", member = "profiles",
  type = "profile", batch_size = 100, batch_bytes = 5 * MB, settings = {list = "list"},
}

M.suppress = {
  operation = "bulk_suppress_profiles", member = "profiles",
  type = "profile", batch_size = 100, batch_bytes = 5 * MB, settings = {},
  job = "get_profile_suppression_bulk_create_job",
}

M.unsuppress = {
  operation = "bulk_unsuppress_profiles", member = "profiles",
  type = "profile", batch_size = 100, batch_bytes = 5 * MB, settings = {},
  job = "get_profile_suppression_bulk_delete_job",
}

M.create_coupon_codes = {
  operation = "bulk_create_coupon_codes", member = "coupon_codes",
  type = "coupon-code", batch_size = 1000, batch_bytes = 5 * MB, settings = {},
  job = "get_coupon_code_bulk_create_job",
}

for singular, plural in pairs {
  item = "items", variant = "variants", category = "categories",
} do
  for _, verb in ipairs {"create", "update", "delete"} do
    M[("%s_catalog_%s"):format(verb, plural)] = {
      operation = ("bulk_%s_catalog_%s"):format(verb, plural),
      member = plural, type = "catalog-" .. singular,
      batch_size = 100, batch_bytes = 5 * MB, settings = {},
      job = ("get_catalog_%s_bulk_%s_job"):format(singular, verb),
    }
  end
end

return M
