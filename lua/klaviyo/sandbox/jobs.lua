--- Serves jobs. The work is done when a job is created, but the status
--- advances step by step: a client that polls sees queued, processing and
--- complete, each for a number of polls and seconds.

local bulk = require "klaviyo.sandbox.bulk"
local response = require "klaviyo.sandbox.response"
local json = require "klaviyo.sandbox.json"
local generic = require "klaviyo.sandbox.generic"
local rfc3339 = require "klaviyo.sandbox.rfc3339"
local error_response = require "klaviyo.sandbox.error_response"
local relations = require "klaviyo.sandbox.relations"

local M = {}

local EXPIRES_AFTER = 7 * 86400

--- Starts the clock of a job.
---@param state klaviyo.sandbox.State
---@param record table
---@return table record
function M.begin(state, record)
  record.since, record.polls = state.clock(), 0
  record.outcome = record.outcome or {total = 0, errors = {}}
  return record
end

--- Creates a job.
---@param call table
---@param kind string
---@param total integer the number of items
---@param errors table[]|nil error objects, one for each item that failed
---@return table record
function M.make(call, kind, total, errors)
  local state = call.state
  local record = state:make(kind, {
    total_count = total, started_at = json.null, completed_at = json.null,
    expires_at = rfc3339.precise(state:time() + EXPIRES_AFTER),
  })
  record.outcome = {total = total, errors = errors or {}}
  if kind == "profile-bulk-import-job" then
    -- The response that creates an import has times in whole seconds.
    record.fresh.created_at = rfc3339.whole(record.fresh.created_at)
    record.fresh.expires_at = rfc3339.whole(record.attributes.expires_at)
  end
  return M.begin(state, record)
end

local STEP = {}

function STEP.queued(state, record)
  local outcome = record.outcome
  return {status = "processing", started_at = state:timestamp(),
    completed_count =
      math.floor((outcome.total - #outcome.errors) / 2)}
end

-- A campaign is sent when its job is complete.
local function send(state, record)
  local campaign = state:get("campaign", record.id)
  if campaign then
    state:update("campaign", campaign, {status = "Sent",
      send_time = rfc3339.format(state.now())})
  end
end

-- The errors of an import are resources; those of other jobs are attributes.
function STEP.processing(state, record, kind)
  local outcome = record.outcome
  local errors, of_import = json.array(), kind == "profile-bulk-import-job"
  for i, problem in ipairs(outcome.errors) do
    if of_import then
      errors[i] = state:make("import-error", problem).id
    else
      problem.id = state.random_ids:uuid()
      errors[i] = problem
    end
  end
  if of_import then
    relations.add(state, kind, record.id, "import-errors", errors)
  elseif kind == "campaign-send-job" then
    send(state, record)
  end
  return {status = "complete", completed_at = state:timestamp(),
    completed_count = outcome.total - #errors, failed_count = #errors,
    skipped_count = 0, errors = not of_import and errors or nil}
end

-- Advances a job by all the steps that are due.
local function advance(state, kind, record)
  local settings = state.settings
  local polls, seconds = settings.job_polls or 1, settings.job_seconds or 0
  if not record.since then
    M.begin(state, record)
  end
  local step = STEP[record.attributes.status]
  while step and record.polls >= polls
    and state.clock() >= record.since + seconds do
    local attributes = step(state, record, kind)
    state:collection(kind):change(record, function()
      for name, value in pairs(attributes) do
        record.attributes[name] = value
      end
    end)
    record.polls, record.since = 0, record.since + seconds
    step = STEP[record.attributes.status]
  end
  record.polls = record.polls + 1
end

--- Reads a job.
function M.read(call)
  local kind, record = generic.find_resource(call)
  advance(call.state, kind, record)
  return generic.serve(call)
end

--- Lists jobs; this counts as a poll of each of them.
function M.list(call)
  local kind = call.op.type
  local collection = call.state:collection(kind)
  for position = 1, collection.last do
    local record = collection:at(position)
    if record and STEP[record.attributes.status] then
      advance(call.state, kind, record)
    end
  end
  return generic.serve(call)
end

-- The attributes of the bulk jobs of the catalog and of coupon codes that hold
-- the resources.
local RESOURCES = {"items", "variants", "categories", "coupon-codes"}

local ACTIONS = {}

function ACTIONS.create(call, data)
  return generic.make(call, data.type, data)
end

local function find_resource(call, data)
  return call.state:get(data.type, data.id)
    or error_response.not_found(data.type, data.id)
end

function ACTIONS.update(call, data)
  local record = find_resource(call, data)
  call.state:update(data.type, record, data.attributes or {})
  generic.relate(call, data.type, record, data.relationships)
  return record
end

function ACTIONS.delete(call, data)
  call.state:remove(data.type, find_resource(call, data))
end

-- Performs one action. Returns an error object if it fails.
local function try_action(call, action, data, pointer)
  local ok, result = pcall(ACTIONS[action], call, data)
  if ok then
    return result
  elseif not error_response.is(result) then
    error(result, 0)
  end
  local problem = result.errors[1]
  return nil, {code = problem.code, title = error_response.title(problem.code),
    detail = problem.detail, source = {pointer = pointer}}
end

--- Creates a bulk job and does its work.
function M.bulk(call)
  local data = call.document.data
  bulk.check_jobs(call.state, data.type)
  local action = data.type:match("%-bulk%-(%a+)%-job$")
  local total, errors, done = 0, {}, {}
  for _, name in ipairs(RESOURCES) do
    local resources = (data.attributes or {})[name]
    done[name] = resources and {}
    for i, item in ipairs(resources and resources.data or {}) do
      total = total + 1
      local record, problem = try_action(call, action, item,
        ("/data/attributes/%s/data/%d"):format(name, i - 1))
      table.insert(done[name], record and record.id)
      errors[#errors + 1] = problem
    end
  end
  local job = M.make(call, data.type, total, errors)
  for name, ids in pairs(done) do
    relations.add(call.state, data.type, job.id, name, ids)
  end
  generic.relate(call, data.type, job, data.relationships)
  return response.one(call, data.type, job)
end

return M
