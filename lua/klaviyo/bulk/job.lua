--- A job that the service works off: watched to its end, and its errors
--- brought back to the records they are about.

local errors = require "klaviyo.errors"
local json = require "klaviyo.json"
local records = require "klaviyo.bulk.records"

local M = {}

local FIRST_GAP, GROWTH, LONGEST_GAP = 0.5, 1.6, 20

-- Requests that may go unanswered, one after another.
local MAX_UNANSWERED = 5

-- Answers that another attempt would not change.
local FINAL = {[401] = true, [403] = true, [404] = true, [410] = true}

local OVER = {complete = true, cancelled = true, failed = true}

local function number(value)
  return type(value) == "number" and math.floor(value) or nil
end

local function stuck(run, id, status)
  return errors.new {
    kind = "timeout", operation = run.kind.job, maybe_sent = true,
    message = ("job %s has been %s for %d s without a step"):format(id,
      tostring(status), run.patience),
  }
end

local function is_final(err)
  return err.kind == "api" and FINAL[err.status]
end

-- The attributes of a job, if it is one that was answered with.
local function attributes_of(doc)
  local attributes = type(doc.data) == "table" and doc.data.attributes
  return type(attributes) == "table" and type(attributes.status) == "string"
    and attributes or nil
end

local function not_a_job(run)
  return errors.new {kind = "decode", operation = run.kind.job,
    message = "a success that shows no job: not an answer of the service"}
end

--- Watches a job until it is over.
---@return table|nil attributes  of the job
---@return klaviyo.error|nil
local function watch(run, id)
  local gap, unanswered, waited, last = FIRST_GAP, 0, 0, nil
  while true do
    run.sleep(gap)
    waited = waited + gap
    gap = math.min(gap * GROWTH, LONGEST_GAP)
    local doc, err = run.client:call(run.kind.job, {id = id})
    local attributes = doc and attributes_of(doc)
    if attributes then
      if OVER[attributes.status] then
        return attributes
      end
      local step = attributes.status .. " "
        .. tostring(attributes.completed_count)
      unanswered, waited = 0, step == last and waited or 0
      last = step
    else
      err = err or not_a_job(run)
      unanswered = unanswered + 1
      if is_final(err) or unanswered > MAX_UNANSWERED then
        return nil, err
      end
    end
    if waited > run.patience then
      return nil, stuck(run, id, last)
    end
  end
end

local IDENTIFIERS = {"id", "email", "phone_number", "external_id",
  "unique_code"}

-- An error that does not say where may bring the record along.
local function index_by_payload(job, payload)
  if type(payload) ~= "table" then
    return nil
  end
  if not job.index then
    job.index = {}
    for i, record in ipairs(job.records) do
      for _, name in ipairs(IDENTIFIERS) do
        local value = type(record) == "table" and (record[name]
          or type(record.attributes) == "table" and record.attributes[name])
        if type(value) == "string" then
          job.index[name .. " " .. value] = i
        end
      end
    end
  end
  local attributes = type(payload.attributes) == "table"
    and payload.attributes or payload
  for _, name in ipairs(IDENTIFIERS) do
    local value = payload[name] or attributes[name]
    local i = type(value) == "string" and job.index[name .. " " .. value]
    if i then
      return i
    end
  end
end

local function place(run, job, found, object)
  local i = records.pointed(run.kind, object)
  if not (i and job.positions[i]) then
    i = index_by_payload(job, object.original_payload)
  end
  if not i then
    found.unplaced[#found.unplaced + 1] = object
    return
  end
  local list = found.by_index[i]
  if not list then
    list = {}
    found.by_index[i] = list
    found.indices[#found.indices + 1] = i
  end
  list[#list + 1] = object
end

-- An import-error is a resource; the errors of other jobs stand in the job.
local function as_object(resource)
  local object = {id = resource.id}
  for name, value in pairs(resource.attributes or {}) do
    object[name] = value
  end
  return object
end

local function listed(run, job, found)
  local it = run.client:each(run.kind.errors, {id = job.id})
  while true do
    local resource, err = it:next()
    if resource == nil then
      return err == nil, err
    end
    -- the second value of a resource is its page, not an error
    place(run, job, found, as_object(resource))
  end
end

local function collect(run, job, attributes)
  local found = {by_index = {}, indices = {}, unplaced = {}}
  if run.kind.errors then
    if number(attributes.failed_count) ~= 0 then
      local ok, err = listed(run, job, found)
      if not ok then
        return nil, err
      end
    end
  elseif type(attributes.errors) == "table" then
    for _, object in ipairs(attributes.errors) do
      place(run, job, found, object)
    end
  end
  table.sort(found.indices)
  return found
end

local function payload_of(object)
  local payload = object.original_payload
  return payload ~= json.null and payload or nil
end

-- What a former run has told of is counted, and not told again.
local function report(run, job, found)
  local tally, chunk = run.tally, job.chunk
  local region = chunk.region or {failed = {}, unplaced = {}}
  for _, i in ipairs(found.indices) do
    if region.failed[job.positions[i]] then
      tally:add(chunk, "failed", 1)
    else
      tally:fail(chunk, {position = job.positions[i],
        record = job.records[i], errors = found.by_index[i], job = job.id})
    end
  end
  for n, object in ipairs(found.unplaced) do
    if n <= (region.unplaced[job.id] or 0) then
      tally:add(chunk, "failed", 1)
    else
      tally:fail(chunk, {record = payload_of(object), errors = {object},
        job = job.id})
    end
  end
end

-- Records that failed without the service saying which.
local function nameless(run, job, count)
  run.tally:fail(job.chunk, {job = job.id, count = count, errors = {{
    code = "unnamed", title = "Failed",
    detail = ("%d records of job %s failed; the service does not say which.")
      :format(count, job.id),
  }}})
end

-- What is left of a job that was cut short is unknown, unless nothing of it
-- was done.
local function count(run, job, attributes, failed)
  local rest = #job.positions - failed
  local tally, chunk = run.tally, job.chunk
  local missing = (number(attributes.failed_count) or 0) - failed
  if missing > 0 and rest > 0 then
    missing = math.min(missing, rest)
    nameless(run, job, missing)
    rest = rest - missing
  end
  if attributes.status ~= "complete" then
    if number(attributes.completed_count) == 0 then
      if rest > 0 then
        nameless(run, job, rest)
      end
    else
      tally:add(chunk, "unknown", rest)
    end
    return
  end
  local skipped = math.min(number(attributes.skipped_count) or 0, rest)
  tally:add(chunk, "skipped", skipped)
  tally:add(chunk, "completed", rest - skipped)
end

--- Sees a job through.
---@param run table  the import
---@param job {id: string, chunk: table, positions: integer[], records: any[]}
---@return boolean|nil
---@return klaviyo.error|nil
function M.settle(run, job)
  local attributes, err = watch(run, job.id)
  if not attributes then
    if err.status ~= 404 or not is_final(err) then
      return nil, err
    end
    -- it is gone, and with it the knowledge of what became of it
    run.tally:add(job.chunk, "unknown", #job.positions)
    return true
  end
  local found
  found, err = collect(run, job, attributes)
  if not found then
    return nil, err
  end
  report(run, job, found)
  count(run, job, attributes, #found.indices + #found.unplaced)
  return true
end

return M
