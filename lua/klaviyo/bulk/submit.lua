--- Sends one chunk, splits it where the service rejects something in it, and
--- watches its jobs. Written in direct style: it handles one chunk, and its
--- caller runs several at once.

local errors = require "klaviyo.response.errors"
local job = require "klaviyo.bulk.job"
local ranges = require "klaviyo.bulk.ranges"
local records = require "klaviyo.bulk.records"
local splitter = require "klaviyo.bulk.splitter"

local M = {}

local TOO_LARGE = 413

-- Seconds between two requests that the rate limit refuses, at least.
local MIN_GAP = 1

local function pick(list, part)
  if #part == #list then
    return list
  end
  local picked = {}
  for i, index in ipairs(part) do
    picked[i] = list[index]
  end
  return picked
end

-- Returns two parts to send instead of one; the last is sent first.
local function halves(part)
  local first, second, middle = {}, {}, splitter.half(#part)
  for i, index in ipairs(part) do
    if i <= middle then
      first[i] = index
    else
      second[i - middle] = index
    end
  end
  return {second, first}
end

-- A success without a job, where there must be one, is not from the service.
local function without_job(run)
  return errors.new {
    kind = "decode", operation = run.kind.operation, maybe_sent = true,
    message = "the response is a success without the id of a job; it is not "
      .. "a response of the Klaviyo API (check base_url and the proxy)",
  }
end

local function job_of(doc)
  return type(doc.data) == "table" and type(doc.data.id) == "string"
    and doc.data.id or nil
end

-- Sends a part. While the rate limit refuses the request, it is sent again,
-- until the waits and the requests have taken stall_timeout seconds together.
local function call(run, chunk, part)
  local envelope, waited = run.envelope, 0
  while true do
    local started = run.now()
    local doc, err = run.client:call(run.kind.operation, {
      body = chunk.texts:body(envelope.before, envelope.after,
        #part < #chunk.positions and part or nil),
    })
    if doc and run.kind.job and not job_of(doc) then
      return nil, without_job(run)
    elseif doc or err.kind ~= "rate_limited" or run.stopped then
      return doc, err
    end
    local gap = math.max(err.retry_after or 0, MIN_GAP)
    waited = waited + (run.now() - started) + gap
    if waited > run.stall_timeout then
      return nil, err
    end
    run.sleep(gap)
  end
end

local function fail(run, chunk, index, objects)
  run.report:fail(chunk, {position = chunk.positions[index],
    record = chunk.records[index], errors = objects})
end

-- Counts the suspects as failed: records that were rejected alone, by errors
-- without a pointer. They are the reason only if another record is accepted
-- later, or the chunk ends.
local function fail_suspects(run, chunk)
  for _, suspect in ipairs(chunk.suspects or {}) do
    fail(run, chunk, suspect.index, suspect.errors)
  end
  chunk.suspects = nil
end

local function record_accepted(run, chunk, part, number, doc)
  local id = run.kind.job and job_of(doc)
  run.splitter:accepted()
  if run.journal then
    run.journal:accepted(number, id or nil)
  end
  fail_suspects(run, chunk)
  run.report:add(chunk, "submitted", #part)
  if id then
    chunk.jobs[#chunk.jobs + 1] = {id = id, chunk = chunk,
      positions = pick(chunk.positions, part),
      records = pick(chunk.records, part)}
  else
    run.report:add(chunk, "completed", #part)
    chunk.out = chunk.out - #part
  end
  run.report:notify()
end

-- Counts the records at fault as failed, and returns the others of the part.
local function fail_pointed(run, chunk, part, at_fault)
  local rest = {}
  for i, index in ipairs(part) do
    if at_fault[i] then
      fail(run, chunk, index, at_fault[i])
    else
      rest[#rest + 1] = index
    end
  end
  return rest
end

-- Returns the parts to send instead, or nil if no record is the cause.
local function isolate_rejected(run, chunk, part, err)
  local what, at_fault = run.splitter:rejected(err, #part, function(object)
    return records.pointed(run.kind, object)
  end)
  if what == "reject" then
    return {fail_pointed(run, chunk, part, at_fault)}
  elseif what == "split" then
    return halves(part)
  elseif what == "suspect" then
    chunk.suspects = chunk.suspects or {}
    table.insert(chunk.suspects, {index = part[1], errors = err.errors})
    return {}
  end
end

-- Counts records as unknown: the service may have processed them, and the
-- request must not be sent twice.
local function count_unknown(run, chunk, part)
  if run.journal then
    run.journal:unknown(chunk.id, pick(chunk.positions, part))
  end
  run.report:add(chunk, "unknown", #part)
end

-- Sends a part. Returns the parts to send instead of it, or nil and the reason
-- why the import must end.
local function send(run, chunk, part)
  local journal = run.journal
  local number = journal
    and journal:send(chunk.id, pick(chunk.positions, part))
  chunk.out = chunk.out + #part
  local doc, err = call(run, chunk, part)
  if doc then
    record_accepted(run, chunk, part, number, doc)
    return {}
  end
  if not err.maybe_sent then
    chunk.out = chunk.out - #part
    if journal then
      journal:rejected(number)
    end
    if splitter.is_rejection(err) then
      local parts = isolate_rejected(run, chunk, part, err)
      run.report:notify()
      return parts, err
    elseif err.status == TOO_LARGE and #part > 1 then
      -- a gateway may allow less than the service, and points to no record
      return halves(part)
    end
  elseif not run.kind.repeatable then
    chunk.out = chunk.out - #part
    count_unknown(run, chunk, part)
  end
  return nil, err
end

-- Counts what a former run finished of a chunk, and returns the records that
-- are still to be sent. Records of a request without a response are sent again
-- only if the request is repeatable.
local function resume(run, chunk)
  local region, report = chunk.region, run.report
  local by_position, spoken_for = {}, {}
  for index, position in ipairs(chunk.positions) do
    by_position[position] = index
  end
  local function part_of(text)
    local part = {}
    ranges.each(text, function(position)
      part[#part + 1] = by_position[position]
      spoken_for[position] = true
    end)
    return part
  end
  local again = {}
  for _, sent in pairs(region.sends) do
    if sent.accepted then
      local part = part_of(sent.at)
      report:add(chunk, "submitted", #part)
      if sent.job then
        chunk.out = chunk.out + #part
        chunk.jobs[#chunk.jobs + 1] = {id = sent.job, chunk = chunk,
          positions = pick(chunk.positions, part),
          records = pick(chunk.records, part)}
      else
        report:add(chunk, "completed", #part)
      end
    elseif not run.kind.repeatable then
      again[#again + 1] = sent.at
    end
  end
  for _, at in ipairs(again) do
    local part = {}
    for _, index in ipairs(part_of(at)) do
      if not region.unknown[chunk.positions[index]] then
        part[#part + 1] = index
      end
    end
    if #part > 0 then
      count_unknown(run, chunk, part)
    end
  end
  for position in pairs(region.unknown) do
    report:add(chunk, "unknown", 1)
    spoken_for[position] = true
  end
  for position, how in pairs(region.failed) do
    if not spoken_for[position] then
      report:failed_before(chunk, position, how)
    end
    spoken_for[position] = true
  end
  local fresh = {}
  for index, position in ipairs(chunk.positions) do
    if not spoken_for[position] then
      fresh[#fresh + 1] = index
    end
  end
  return fresh
end

local function all_of(chunk)
  local part = {}
  for index = 1, #chunk.positions do
    part[index] = index
  end
  return part
end

local function submit(run, chunk)
  local first = chunk.region and resume(run, chunk) or all_of(chunk)
  local parts = {#first > 0 and first or nil}
  while #parts > 0 do
    if run.stopped then
      return false
    end
    local more, err = send(run, chunk, table.remove(parts))
    if not more then
      return nil, err
    end
    for _, part in ipairs(more) do
      if #part > 0 then
        parts[#parts + 1] = part
      end
    end
  end
  fail_suspects(run, chunk)
  chunk.texts = nil  -- the texts were sent and are not needed again
  return true
end

--- Sends a chunk and waits until its jobs are finished.
---@param run table  the import
---@param chunk klaviyo.Chunk
---@return boolean|nil  false if the import was stopped in the meantime
---@return klaviyo.Error|nil  why the import cannot go on
function M.process(run, chunk)
  for _, failure in ipairs(chunk.failures) do
    if chunk.region and chunk.region.failed[failure.position] then
      run.report:failed_before(chunk, failure.position, "rejected")
      chunk.region.failed[failure.position] = nil
    else
      run.report:fail(chunk, failure)
    end
  end
  local ok, err = submit(run, chunk)
  if not ok then
    return ok, err
  end
  for _, submitted in ipairs(chunk.jobs) do
    if run.stopped then
      return false
    end
    ok, err = job.complete(run, submitted)
    if not ok then
      return nil, err
    end
    chunk.out = chunk.out - #submitted.positions
    run.report:notify()
  end
  if run.journal then
    run.journal:close_chunk(chunk)
  end
  run.open[chunk] = nil
  run.report:notify()
  return true
end

return M
