--- Checks the size of a request: the bytes of its body and the number of its
--- records; and the number of jobs in progress.

local error_response = require "klaviyo.sandbox.error_response"

local M = {}

-- The service documents 5 MB. This is the smaller of the two meanings of MB.
local MAX_BYTES = 5000000

local function counter_of(...)
  local names = {...}
  return function(data)
    local list = data.attributes or {}
    for _, name in ipairs(names) do
      list = list[name]
      if type(list) ~= "table" then
        return 0
      end
    end
    return #list
  end
end

local function events_of_groups(data)
  local count = 0
  for _, group in ipairs(data.attributes["events-bulk-create"].data) do
    count = count + #group.attributes.events.data
  end
  return count
end

-- By path: the maximum number of records, the attribute that holds them, and a
-- function that counts them.
local MAX_RECORDS = {
  ["/api/profile-bulk-import-jobs"] = {10000, "profiles"},
  ["/api/event-bulk-create-jobs"] = {1000, "events-bulk-create",
    events_of_groups},
  ["/client/event-bulk-create"] = {1000, "events"},
  ["/api/coupon-code-bulk-create-jobs"] = {1000, "coupon-codes"},
  ["/api/profile-subscription-bulk-create-jobs"] = {1000, "profiles"},
  ["/api/profile-subscription-bulk-delete-jobs"] = {100, "profiles"},
  ["/api/profile-suppression-bulk-create-jobs"] = {100, "profiles"},
  ["/api/profile-suppression-bulk-delete-jobs"] = {100, "profiles"},
  ["/api/lists/{id}/relationships/profiles"] = {1000, nil,
    function(data) return #data end},
}

-- By type: the maximum number of jobs that are not complete. The service documents
-- "at most 500 jobs in progress" for the catalog, "at most 100 queued jobs" for
-- coupon codes, and no maximum for other types.
local MAX_JOBS = {["coupon-code-bulk-create-job"] = 100}

for resource, member in pairs {item = "items", variant = "variants",
  category = "categories"} do
  for _, action in ipairs {"create", "update", "delete"} do
    local kind = ("catalog-%s-bulk-%s-job"):format(resource, action)
    MAX_RECORDS["/api/" .. kind .. "s"] = {100, member}
    MAX_JOBS[kind] = 500
  end
end

for _, limit in pairs(MAX_RECORDS) do
  limit[3] = limit[3] or counter_of(limit[2], "data")
end

--- Throws 413 if the body is too long.
---@param body string|nil
function M.check_size(body)
  if body and #body > MAX_BYTES then
    error_response.throw(413, "payload_too_large", ("The body has %d bytes; the "
      .. "service takes %d at most."):format(#body, MAX_BYTES),
      {pointer = "/data"})
  end
end

--- Throws 400 if a request has too many records.
---@param op table
---@param document table a validated document
---@return integer|nil count the number of records, for bulk operations
function M.count(op, document)
  local limit = op.method ~= "GET" and MAX_RECORDS[op.path]
  if not limit then
    return nil
  end
  local count = limit[3](document.data)
  if count > limit[1] then
    error_response.throw(400, "invalid", ("%d records were sent; the service takes "
      .. "%d at most."):format(count, limit[1]), {pointer = limit[2]
      and ("/data/attributes/%s/data"):format(limit[2]) or "/data"})
  end
  return count
end

local ENDED = {complete = true, cancelled = true}

--- Throws an error if no further job of a type may start. The documentation names
--- neither the status nor the code of this error.
---@param state klaviyo.sandbox.State
---@param kind string
function M.check_jobs(state, kind)
  local max, running = MAX_JOBS[kind], 0
  local jobs = state:collection(kind)
  if not max or jobs.count < max then
    return
  end
  for position = 1, jobs.last do
    local job = jobs:at(position)
    if job and not ENDED[job.attributes.status] then
      running = running + 1
    end
  end
  if running >= max then
    error_response.throw(400, "invalid", ("%d jobs of this type are in progress; the "
      .. "service takes %d at most at a time."):format(running, max))
  end
end

return M
