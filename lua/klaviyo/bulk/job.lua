--- Watches a job of the service until it is finished, and assigns its errors to
--- the records that caused them.

local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local match = require "klaviyo.bulk.match"
local records = require "klaviyo.bulk.records"

local M = {}

local FIRST_GAP, GROWTH, MAX_GAP = 0.5, 1.6, 20

-- How many requests in a row may fail.
local MAX_UNANSWERED = 5

-- Statuses that another attempt would not change.
local FINAL = {[401] = true, [403] = true, [404] = true, [410] = true}

local OVER = {complete = true, cancelled = true, failed = true}

local function number(value)
  return type(value) == "number" and math.floor(value) or nil
end

local function stuck(run, id, status)
  return errors.new {
    kind = "timeout", operation = run.kind.job, maybe_sent = true,
    message = ("job %s has been %s for %d s without progress"):format(id,
      tostring(status), run.stall_timeout),
  }
end

local function is_final(err)
  return err.kind == "api" and FINAL[err.status]
end

-- Returns the attributes of the job in a document, or nil if there is none.
local function attributes_of(doc)
  local attributes = type(doc.data) == "table" and doc.data.attributes
  return type(attributes) == "table" and type(attributes.status) == "string"
    and attributes or nil
end

local function not_a_job(run)
  return errors.new {kind = "decode", operation = run.kind.job,
    message = "the response is a success without a job; it is not a response "
      .. "of the Klaviyo API (check base_url and the proxy)"}
end

--- Polls a job until it is finished.
---@return table|nil attributes  of the job
---@return klaviyo.Error|nil
local function watch(run, id)
  local gap, unanswered, waited, last = FIRST_GAP, 0, 0, nil
  while true do
    run.sleep(gap)
    waited = waited + gap
    gap = math.min(gap * GROWTH, MAX_GAP)
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
    if waited > run.stall_timeout then
      return nil, stuck(run, id, last)
    end
  end
end

local function payload_of(object)
  local payload = object.original_payload
  if type(payload) == "string" then
    payload = json.decode(payload)
  end
  return payload ~= json.null and payload or nil
end

local function text_of(value)
  local ok, text = pcall(json.encode, value)
  return ok and text or tostring(value)
end

local function is_same_error(a, b)
  return a.code == b.code and a.detail == b.detail
    and text_of(a.source) == text_of(b.source)
end

-- Returns the index of the record that caused an error: the one that its
-- pointer names, unless the payload beside it belongs to another record.
local function index_of(run, job, found, object)
  local payload = payload_of(object)
  job.match = job.match or match.new(job.records)
  local pointed = records.pointed(run.kind, object)
  pointed = job.positions[pointed] and pointed or nil
  if pointed and not job.match:contradicts(payload, pointed) then
    return pointed
  end
  return job.match:find(payload, function(i)
    for _, other in ipairs(found.by_index[i] or {}) do
      if is_same_error(object, other) then
        return true
      end
    end
    return false
  end) or pointed
end

-- Adds an error to those of its record. Errors of an unknown record are grouped
-- by their payload.
local function assign(run, job, found, object)
  local key = index_of(run, job, found, object)
  local list, order = found.by_index, found.indices
  if not key then
    key = object.original_payload and text_of(object.original_payload)
      or object
    list, order = found.by_payload, found.unplaced
  end
  if not list[key] then
    list[key] = {}
    order[#order + 1] = key
  end
  table.insert(list[key], object)
end

-- Returns the error object of an import-error, which is a resource. The errors
-- of other jobs are in the job itself.
local function as_object(resource)
  local object = {id = resource.id}
  for name, value in pairs(resource.attributes or {}) do
    object[name] = value
  end
  return object
end

local function new_found()
  return {by_index = {}, indices = {}, by_payload = {}, unplaced = {}}
end

local function list_errors(run, job)
  local found = new_found()
  local it = run.client:each(run.kind.errors, {id = job.id})
  while true do
    local resource, err = it:next()
    if resource == nil then
      return err == nil and found or nil, err
    end
    -- beside a resource, the second value is its page, not an error
    assign(run, job, found, as_object(resource))
  end
end

-- Returns the errors of a job from their own collection. A request that fails
-- is retried later.
local function listed(run, job)
  local gap, unanswered = FIRST_GAP, 0
  while true do
    local found, err = list_errors(run, job)
    unanswered = unanswered + 1
    if found or is_final(err) or unanswered > MAX_UNANSWERED then
      return found, err
    end
    run.sleep(gap)
    gap = math.min(gap * GROWTH, MAX_GAP)
  end
end

local function collect(run, job, attributes)
  local found, err = new_found(), nil
  if run.kind.errors then
    if number(attributes.failed_count) ~= 0 then
      found, err = listed(run, job)
    end
  elseif type(attributes.errors) == "table" then
    for _, object in ipairs(attributes.errors) do
      assign(run, job, found, object)
    end
  end
  if found then
    table.sort(found.indices)
  end
  return found, err
end

local NO_REGION = {failed = {}, unplaced = {}, unnamed = {}}

-- Reports the failures of a job. Those that a former run reported are only
-- counted.
local function report_failures(run, job, found)
  local report, chunk = run.report, job.chunk
  local region = chunk.region or NO_REGION
  for _, i in ipairs(found.indices) do
    if region.failed[job.positions[i]] then
      report:failed_before(chunk, job.positions[i], "submitted")
    else
      report:fail(chunk, {position = job.positions[i],
        record = job.records[i], errors = found.by_index[i], job = job.id})
    end
  end
  for n, key in ipairs(found.unplaced) do
    if n <= (region.unplaced[job.id] or 0) then
      report:add(chunk, "failed", 1)
    else
      local list = found.by_payload[key]
      report:fail(chunk, {record = payload_of(list[1]), errors = list,
        job = job.id})
    end
  end
end

-- Reports records that failed and that the service does not name.
local function unnamed(run, job, count, why)
  local region = job.chunk.region or NO_REGION
  if region.unnamed[job.id] then
    run.report:add(job.chunk, "failed", count)
    return
  end
  run.report:fail(job.chunk, {job = job.id, count = count, errors = {{
    code = "unnamed", title = "Failed",
    detail = ("%d records of job %s failed; the service does not name them%s.")
      :format(count, job.id, why and " (" .. why.message .. ")" or ""),
  }}})
end

-- Returns the counts of a job's records without errors of their own. If the job
-- was cancelled they are unknown, unless it completed none.
local function counts_of(job, attributes, failed)
  local rest = #job.positions - failed
  local missing = math.max((number(attributes.failed_count) or 0) - failed, 0)
  local counts = {unnamed = math.min(missing, rest), unknown = 0, skipped = 0,
    completed = 0}
  rest = rest - counts.unnamed
  if attributes.status == "complete" then
    counts.skipped = math.min(number(attributes.skipped_count) or 0, rest)
    counts.completed = rest - counts.skipped
  elseif number(attributes.completed_count) == 0 then
    counts.unnamed = counts.unnamed + rest
  else
    counts.unknown = rest
  end
  return counts
end

local function count(run, job, attributes, failed, why)
  local counts = counts_of(job, attributes, failed)
  if counts.unnamed > 0 then
    unnamed(run, job, counts.unnamed, why)
  end
  for _, name in ipairs {"unknown", "skipped", "completed"} do
    run.report:add(job.chunk, name, counts[name])
  end
end

-- Counts the records of a job when the import ends before it is known which of
-- them failed. The job itself says how many; a later run reads its errors.
local function count_for_now(run, job, attributes)
  local counts = counts_of(job, attributes, 0)
  run.report:add(job.chunk, "failed", counts.unnamed)
  for _, name in ipairs {"unknown", "skipped", "completed"} do
    run.report:add(job.chunk, name, counts[name])
  end
  job.chunk.out = job.chunk.out - #job.positions
end

--- Waits until a job is finished, and counts its records.
---@param run table  the import
---@param job {id: string, chunk: table, positions: integer[], records: any[]}
---@return boolean|nil
---@return klaviyo.Error|nil
function M.complete(run, job)
  local attributes, err = watch(run, job.id)
  if not attributes then
    if err.status ~= 404 or not is_final(err) then
      return nil, err
    end
    -- the service has deleted the job: its result cannot be read any more
    run.report:add(job.chunk, "unknown", #job.positions)
    return true
  end
  local found
  found, err = collect(run, job, attributes)
  if not found and run.journal and not is_final(err) then
    count_for_now(run, job, attributes)
    return nil, err
  elseif found then
    report_failures(run, job, found)
  end
  count(run, job, attributes, found and #found.indices + #found.unplaced or 0,
    err)
  return true
end

return M
