--- Counts what the sandbox received, what it answered and what it changed, so
--- that a test can show that each request took effect once.

local M = {}

--- Returns new counters, all zero.
---@return table
function M.new()
  return {
    requests = 0, operations = {}, statuses = {}, throttled = {},
    processed = {}, repeated = {}, largest = {}, created = {}, faults = {},
    events = {received = 0, distinct = 0, repeated = 0, unnamed = 0},
    imports = {records = 0, made = 0, updated = 0, failed = 0},
    -- Digests of the bodies that were processed.
    processed_bodies = {},
  }
end

local function increment(counts, name)
  counts[name] = (counts[name] or 0) + 1
end

--- Counts a request that has arrived.
---@param stats table
function M.received(stats)
  stats.requests = stats.requests + 1
end

--- Counts a response. A client that disconnects early gets none.
---@param stats table
---@param operation string|nil
---@param status integer 0 if no response was sent
function M.responded(stats, operation, status)
  increment(stats.operations, operation or "-")
  increment(stats.statuses, ("%d"):format(status))
end

-- These requests are frequent, and events have unique ids of their own.
local COUNTED_BY_UNIQUE_ID = {["/api/events"] = true, ["/client/events"] = true}

--- Counts a request that was processed.
---@param stats table
---@param op table
---@param body string|nil
---@param digest (fun(text: string): string)|nil returns a digest; without it the body itself is stored
function M.processed(stats, op, body, digest)
  increment(stats.processed, op.id)
  if not body or op.method ~= "POST" then
    return
  end
  local largest = stats.largest[op.id]
  if not largest then
    largest = {bytes = 0}
    stats.largest[op.id] = largest
  end
  if #body > largest.bytes then
    largest.bytes = #body
  end
  if not COUNTED_BY_UNIQUE_ID[op.path] then
    local key = op.id .. (digest and digest(body) or body)
    if stats.processed_bodies[key] then
      increment(stats.repeated, op.id)
    end
    stats.processed_bodies[key] = true
  end
end

--- Records how many records a bulk request held.
---@param stats table
---@param op table
---@param records integer
function M.records(stats, op, records)
  local largest = stats.largest[op.id] or {bytes = 0}
  stats.largest[op.id] = largest
  if records > (largest.records or 0) then
    largest.records = records
  end
end

--- Returns the counters without internal members.
---@param stats table
---@return table
function M.snapshot(stats)
  local snapshot = {}
  for name, value in pairs(stats) do
    snapshot[name] = name ~= "processed_bodies" and value or nil
  end
  return snapshot
end

return M
