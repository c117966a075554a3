--- Jobs: made at once and done at once, but told of step by step, so that
-- whoever polls sees them go from queued over processing to complete.

local answer = require "klaviyo.sandbox.answer"
local codec = require "klaviyo.sandbox.codec"
local generic = require "klaviyo.sandbox.generic"
local instant = require "klaviyo.sandbox.instant"
local refusal = require "klaviyo.sandbox.refusal"

local M = {}

--- Makes a job.
---@param call table
---@param kind string
---@param total integer how many things it is about
---@param failed integer|nil how many of them went wrong
---@return table record
function M.make(call, kind, total, failed)
  local record = call.world:make(kind, {
    total_count = total, started_at = codec.null, completed_at = codec.null,
    expires_at = instant.format(call.world.now() + 7 * 86400),
  })
  record.outcome = { total = total, failed = failed or 0 }
  return record
end

local function set(world, kind, record, attributes)
  world:collection(kind):change(record, function()
    for name, value in pairs(attributes) do
      record.attributes[name] = value
    end
  end)
end

-- One step for every time somebody looks.
local function advance(world, kind, record)
  local status, now = record.attributes.status, instant.format(world.now())
  local outcome = record.outcome or { total = 0, failed = 0 }
  if status == "queued" then
    set(world, kind, record, { status = "processing", started_at = now })
  elseif status == "processing" then
    set(world, kind, record, {
      status = "complete", completed_at = now,
      completed_count = outcome.total - outcome.failed,
      failed_count = outcome.failed, skipped_count = 0,
    })
  end
end

--- Reads a job.
function M.read(call)
  local kind, record = generic.subject(call)
  local status, document = generic.serve(call)
  -- What is answered is the state before the step.
  document = codec.decode(codec.encode(document))
  advance(call.world, kind, record)
  return status, document
end

-- The catalog's bulk jobs and the coupon codes': the attribute that holds the
-- resources, and what is done to each.
local RESOURCES = { "items", "variants", "categories", "coupon-codes" }

local function one_of(call, action, data, pointer)
  local world = call.world
  if action == "create" then
    local ok, problem = pcall(generic.make, call, data.type, data)
    if not ok and not refusal.is(problem) then
      error(problem, 0)
    end
    return ok
  end
  local record = world:get(data.type, data.id)
  if not record then
    return false, pointer
  elseif action == "update" then
    world:update(data.type, record, data.attributes or {})
    generic.relate(call, data.type, record, data.relationships)
  else
    world:remove(data.type, record)
  end
  return true
end

--- Makes a bulk job and does its work.
function M.bulk(call)
  local data = call.document.data
  local action = data.type:match("%-bulk%-(%a+)%-job$")
  local total, failed = 0, 0
  for _, name in ipairs(RESOURCES) do
    local given = (data.attributes or {})[name]
    for i, item in ipairs(given and given.data or {}) do
      total = total + 1
      if not one_of(call, action, item, name .. "/data/" .. (i - 1)) then
        failed = failed + 1
      end
    end
  end
  local given = (data.attributes or {}).profiles
  total = total + (given and #given.data or 0)
  local record = M.make(call, data.type, total, failed)
  generic.relate(call, data.type, record, data.relationships)
  return answer.one(call, data.type, record)
end

return M
