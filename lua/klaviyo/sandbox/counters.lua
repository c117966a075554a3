--- What is counted: what came in, what was answered, and what became of it, so
-- that whoever sends can be shown to have had each effect once.

local M = {}

--- New counters, all at nothing.
---@return table
function M.new()
  return {
    requests = 0, operations = {}, statuses = {}, throttled = {},
    processed = {}, repeated = {}, largest = {}, created = {}, faults = {},
    events = { received = 0, distinct = 0, repeated = 0, unnamed = 0 },
    imports = { records = 0, made = 0, updated = 0, failed = 0 },
    -- Bodies that were processed, as their digests.
    seen = {},
  }
end

local function one_more(counts, name)
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
function M.answered(stats, operation, status)
  one_more(stats.operations, operation or "-")
  one_more(stats.statuses, ("%d"):format(status))
end

-- Many, and known by their own ids.
local COUNTED_APART = { ["/api/events"] = true, ["/client/events"] = true }

--- Counts a request that was processed.
---@param stats table
---@param op table
---@param body string|nil
---@param digest (fun(text: string): string)|nil the body itself, if absent
function M.processed(stats, op, body, digest)
  one_more(stats.processed, op.id)
  if not body or op.method ~= "POST" then
    return
  end
  local largest = stats.largest[op.id]
  if not largest then
    largest = { bytes = 0 }
    stats.largest[op.id] = largest
  end
  if #body > largest.bytes then
    largest.bytes = #body
  end
  if not COUNTED_APART[op.path] then
    local key = op.id .. (digest and digest(body) or body)
    if stats.seen[key] then
      one_more(stats.repeated, op.id)
    end
    stats.seen[key] = true
  end
end

--- Notes how many records a bulk request held.
---@param stats table
---@param op table
---@param records integer
function M.records(stats, op, records)
  local largest = stats.largest[op.id] or { bytes = 0 }
  stats.largest[op.id] = largest
  if records > (largest.records or 0) then
    largest.records = records
  end
end

--- What can be told to others.
---@param stats table
---@return table
function M.plain(stats)
  local plain = {}
  for name, value in pairs(stats) do
    plain[name] = name ~= "seen" and value or nil
  end
  return plain
end

return M
