--- Faults on demand: requests that are answered wrongly, late or not at all.

local M = {}

local KNOWN = { operation = "string", method = "string", path = "string",
  skip = "number", times = "number", status = "number", headers = "table",
  body = "string", delay = "number", reset = "string", truncate = "number" }

--- Orders a fault (see `Server:fault` in init.lua).
---@param world table
---@param fault table
function M.order(world, fault)
  for name, value in pairs(fault) do
    if not KNOWN[name] then
      error(("a fault has no %s"):format(tostring(name)), 0)
    elseif type(value) ~= KNOWN[name] then
      error(("%s of a fault must be a %s"):format(name, KNOWN[name]), 0)
    end
  end
  fault.times = fault.times or 1
  fault.skip = fault.skip or 0
  table.insert(world.faults, fault)
end

local function fits(fault, request, operation)
  return fault.times > 0
    and (not fault.method or fault.method == request.method)
    and (not fault.path or request.target:find(fault.path, 1, true))
    and (not fault.operation or fault.operation == operation)
end

-- The first that fits; those that are to be skipped count down.
local function due(world, request, operation)
  for _, fault in ipairs(world.faults) do
    if fits(fault, request, operation) then
      if fault.skip <= 0 then
        fault.times = fault.times - 1
        return fault
      end
      fault.skip = fault.skip - 1
    end
  end
end

--- Answers a request, with whatever fault is due.
---@param world table
---@param request table
---@param handle fun(world: table, request: table): table
---@param operation_of fun(request: table): string|nil
---@param sleep fun(seconds: number)
---@return table response
function M.around(world, request, handle, operation_of, sleep)
  if #world.faults == 0 then
    return handle(world, request)
  end
  local operation = operation_of(request)
  local fault = due(world, request, operation)
  if not fault then
    return handle(world, request)
  end
  if fault.delay then
    sleep(fault.delay)
  end
  local response
  if fault.status or fault.reset == "before" then
    response = { status = fault.status or 0, body = fault.body,
      headers = fault.headers or {}, operation = operation }
  else
    response = handle(world, request)
    response.body = fault.body or response.body
    for name, value in pairs(fault.headers or {}) do
      response.headers[name] = value
    end
  end
  response.reset = fault.reset ~= nil
  response.truncate = fault.truncate
  return response
end

return M
