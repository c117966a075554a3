--- What is counted: what came in, what was answered, and what became of it, so
-- that whoever sends can be shown to have had each effect once.

local M = {}

--- New counters, all at nothing.
---@return table
function M.new()
  return {
    requests = 0, operations = {}, statuses = {}, throttled = {},
    processed = {}, repeated = {}, largest = {}, created = {}, faults = {},
    events = {received = 0, distinct = 0, repeated = 0, unnamed = 0},
    imports = {records = 0, made = 0, updated = 0, failed = 0},
    -- Bodies that were processed, as their digests.
    processed_bodies = {},
  }
end

local function increment(counts, name)
  counts[name] = (counts[name] or 0) + 1
end

--- Counts a request that has come in.
---@param stats table
function M.received(stats)
  stats.requests = stats.requests + 1
end

--- Counts an answer; there is none for who went away before it was begun.
---@param stats table
---@param operation string|nil
---@param status integer 0 when the answer never got out
function M.responded(stats, operation, status)
  increment(stats.operations, operation or "-")
  increment(stats.statuses, ("%d"):format(status))
end

-- Many, and known by their own ids.
local COUNTED_BY_UNIQUE_ID = {["/api/events"] = true, ["/client/events"] = true}

--- Counts a request that was processed.
---@param stats table
---@param op table
---@param body string|nil
---@param digest (fun(text: string): string)|nil the body itself, if absent
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

--- Notes how many records a bulk request held.
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

--- What can be told to others.
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
