--- One chunk on its way: sent, parted where something in it is refused, its
--- jobs watched. Written in direct style: whoever runs several at once does so
--- from outside.

local errors = require "klaviyo.response.errors"
local job = require "klaviyo.bulk.job"
local ranges = require "klaviyo.bulk.ranges"
local records = require "klaviyo.bulk.records"

local M = {}

-- Statuses of a refusal that may be about a record of the request.
local REFUSAL = {[400] = true, [409] = true, [413] = true, [422] = true}
local TOO_LARGE = 413

-- Seconds between two requests that the rate limit refuses, at least.
local MIN_GAP = 1

-- The records that may be refused alone one after another, each by an error
-- that points nowhere. If none is accepted in between, then the records are
-- not the reason, and the import ends.
local MAX_REFUSED_IN_A_ROW = 16

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

local function halves(part)
  local first, second, middle = {}, {}, math.floor(#part / 2)
  for i, index in ipairs(part) do
    if i <= middle then
      first[i] = index
    else
      second[i - middle] = index
    end
  end
  return first, second
end

local function objects_of(err)
  return err.errors or {{code = err.code, status = err.status,
    title = "Refused", detail = err.message}}
end

-- Only a JSON:API error document is the service's own word on what it was
-- sent: anything may stand between, and answer 400 with a page of HTML.
local function is_verdict(err)
  return err.kind == "api" and REFUSAL[err.status]
end

-- A success that names no job, where there must be one, is not the service's.
local function without_job(run)
  return errors.new {
    kind = "decode", operation = run.kind.operation, maybe_sent = true,
    message = "a success that names no job: not an answer of the service",
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
  run.tally:fail(chunk, {position = chunk.positions[index],
    record = chunk.records[index], errors = objects})
end

-- The records that were refused alone, by errors that point nowhere, are kept
-- apart until another one is accepted, or the chunk ends: only then were they
-- the reason.
local function fail_refused(run, chunk)
  for _, refused in ipairs(chunk.refused or {}) do
    fail(run, chunk, refused.index, refused.errors)
  end
  chunk.refused = nil
end

local function took(run, chunk, part, number, doc)
  local id = run.kind.job and job_of(doc)
  run.refused_in_a_row = 0
  if run.journal then
    run.journal:took(number, id or nil)
  end
  fail_refused(run, chunk)
  run.tally:add(chunk, "submitted", #part)
  if id then
    chunk.jobs[#chunk.jobs + 1] = {id = id, chunk = chunk,
      positions = pick(chunk.positions, part),
      records = pick(chunk.records, part)}
  else
    run.tally:add(chunk, "completed", #part)
    chunk.out = chunk.out - #part
  end
  run.tally:report()
end

-- Which of a request's records the errors point to; the rest go on without
-- them. Gives nil where they point to none.
local function set_aside(run, chunk, part, err)
  local at_fault, any, elsewhere = {}, false, false
  for _, object in ipairs(err.errors or {}) do
    local i, other = records.pointed(run.kind, object)
    elsewhere = elsewhere or other
    if i and part[i] then
      at_fault[i] = at_fault[i] or {}
      table.insert(at_fault[i], object)
      any = true
    end
  end
  if not any then
    return nil, elsewhere
  end
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

-- Gives the parts to be sent instead, or nil when it is no record's fault.
local function without_the_bad(run, chunk, part, err)
  local rest, elsewhere = set_aside(run, chunk, part, err)
  if rest then
    return {rest}
  elseif elsewhere then
    return nil
  elseif #part > 1 then
    local first, second = halves(part)
    return {second, first}
  end
  run.refused_in_a_row = run.refused_in_a_row + 1
  if run.refused_in_a_row > MAX_REFUSED_IN_A_ROW then
    return nil
  end
  chunk.refused = chunk.refused or {}
  table.insert(chunk.refused, {index = part[1], errors = objects_of(err)})
  return {}
end

-- It is not known whether the service acted; and it may not be asked twice.
local function lost(run, chunk, part)
  if run.journal then
    run.journal:unknown(chunk.id, pick(chunk.positions, part))
  end
  run.tally:add(chunk, "unknown", #part)
end

-- Sends a part. Gives the parts to be sent instead of it, or nil and why all
-- must end.
local function send(run, chunk, part)
  local journal = run.journal
  local number = journal
    and journal:send(chunk.id, pick(chunk.positions, part))
  chunk.out = chunk.out + #part
  local doc, err = call(run, chunk, part)
  if doc then
    took(run, chunk, part, number, doc)
    return {}
  end
  if not err.maybe_sent then
    chunk.out = chunk.out - #part
    if journal then
      journal:refused(number)
    end
    if is_verdict(err) then
      local parts = without_the_bad(run, chunk, part, err)
      run.tally:report()
      return parts, err
    elseif err.status == TOO_LARGE and #part > 1 then
      -- a gateway may allow less than the service; it tells of no record
      local first, second = halves(part)
      return {second, first}
    end
  elseif not run.kind.again then
    chunk.out = chunk.out - #part
    lost(run, chunk, part)
  end
  return nil, err
end

-- Of a chunk that a former run began: what it had settled is counted, what it
-- had sent without an answer is sent again only where that does no harm.
local function resume(run, chunk)
  local region, tally = chunk.region, run.tally
  local by_position, spoken_for = {}, {}
  for index, position in ipairs(chunk.positions) do
    by_position[position] = index
  end
  local function part_of(text)
    local part = {}
    ranges.walk(text, function(position)
      part[#part + 1] = by_position[position]
      spoken_for[position] = true
    end)
    return part
  end
  local again = {}
  for _, sent in pairs(region.sends) do
    if sent.took then
      local part = part_of(sent.at)
      tally:add(chunk, "submitted", #part)
      if sent.job then
        chunk.out = chunk.out + #part
        chunk.jobs[#chunk.jobs + 1] = {id = sent.job, chunk = chunk,
          positions = pick(chunk.positions, part),
          records = pick(chunk.records, part)}
      else
        tally:add(chunk, "completed", #part)
      end
    elseif not run.kind.again then
      again[#again + 1] = sent.at
    end
  end
  for _, at in ipairs(again) do
    local part = {}
    for _, index in ipairs(part_of(at)) do
      if not region.lost[chunk.positions[index]] then
        part[#part + 1] = index
      end
    end
    if #part > 0 then
      lost(run, chunk, part)
    end
  end
  for position in pairs(region.lost) do
    tally:add(chunk, "unknown", 1)
    spoken_for[position] = true
  end
  for position, how in pairs(region.failed) do
    if not spoken_for[position] then
      tally:failed_before(chunk, position, how)
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
  fail_refused(run, chunk)
  chunk.texts = nil  -- what is sent need not be kept
  return true
end

--- Sees a chunk through.
---@param run table  the import
---@param chunk klaviyo.Chunk
---@return boolean|nil  false when the import was stopped meanwhile
---@return klaviyo.Error|nil  why the import cannot go on
function M.settle(run, chunk)
  for _, failure in ipairs(chunk.failures) do
    if chunk.region and chunk.region.failed[failure.position] then
      run.tally:failed_before(chunk, failure.position, "refused")
      chunk.region.failed[failure.position] = nil
    else
      run.tally:fail(chunk, failure)
    end
  end
  local ok, err = submit(run, chunk)
  if not ok then
    return ok, err
  end
  for _, taken in ipairs(chunk.jobs) do
    if run.stopped then
      return false
    end
    ok, err = job.settle(run, taken)
    if not ok then
      return nil, err
    end
    chunk.out = chunk.out - #taken.positions
    run.tally:report()
  end
  if run.journal then
    run.journal:close_chunk(chunk)
  end
  run.open[chunk] = nil
  run.tally:report()
  return true
end

return M
