--- Finds the revision that answers a request, and the operation in it. By default
--- each revision is served as it is; with `retire` those are retired that Klaviyo
--- has retired.

local error_response = require "klaviyo.sandbox.error_response"
local operations = require "klaviyo.operations"
local query = require "klaviyo.sandbox.query"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"

local M = {}

local OPT_OUT = "x-klaviyo-revision-fall-forward-opt-out"

local function reject(detail, ...)
  error_response.throw(400, "invalid", detail:format(...), {pointer = "/data/"})
end

local function gone(detail, ...)
  error_response.throw(410, "gone", detail:format(...))
end

-- Returns the revision that a header asks for.
local function asked_for(text)
  if not text then
    reject "A valid revision header is required: 'revision: YYYY-MM-DD[.suffix]'."
  elseif not text:find("^%d%d%d%d%-%d%d%-%d%d$")
    and not text:find("^%d%d%d%d%-%d%d%-%d%d%.%a+$") then
    reject("'%s' is not a valid revision: the format is YYYY-MM-DD[.suffix].", text)
  end
  return operations.revision(text) or reject("Unknown revision %s.", text)
end

-- Returns the date by which revisions are retired, or nil if they are not.
local function date_of(state)
  local retire = state.settings.retire
  return retire == true and os.date("!%Y-%m-%d", math.floor(state.now()))
    or retire or nil
end

--- Returns the revision that answers a request: the one of its header, the one
--- before that if it is between two, or the one that is served instead of a
--- retired one. Throws 400 for a header that names none, and 410 for a retired
--- revision whose client does not accept another.
---@param state klaviyo.sandbox.State
---@param request table
---@return table revision  from klaviyo.operations
---@return table asked  the one of the header; `is_lenient` if it is later than
--- all known ones
function M.of(state, request)
  local asked = asked_for(request.header("revision"))
  local today = date_of(state)
  local served = today and revision_lifecycle.served_on(asked.since, today)
  if served and served ~= asked.since then
    if request.header(OPT_OUT) == "1" then
      gone("Revision %s was retired on %s.", asked.date,
        revision_lifecycle.age(asked.since, today).retired)
    end
    return operations.revision(served), asked
  elseif asked.date < asked.known then -- it is before the first one
    reject("Unknown revision %s.", asked.date)
  end
  return operations.revision(asked.known), asked
end

local function decoded(params)
  local all = {}
  for name, raw in pairs(params) do
    all[name] = query.unescape(raw)
    if not all[name] or all[name] == "" then
      error_response.throw(400, "invalid", ("'%s' is not a valid %s.")
        :format(raw, name), {pointer = "/data/id"})
    end
  end
  return all
end

--- Returns the operation for a request and the parameters of its path. Throws 404
--- or 405 if the revision has none, and 410 if it was removed since the revision
--- that the request asks for.
---@param revision table  the one that answers
---@param asked table  the one that the request asks for
---@param method string
---@param path string
---@return table operation
---@return table params
function M.route(revision, asked, method, path)
  local op, params = revision:route(method, path)
  if op and op.revision then
    -- The operations table has it for the clients of a beta revision.
    error_response.throw(404, "not_found", ("%s %s is not in revision %s; it is in %s.")
      :format(method, path, revision.date, op.revision))
  elseif op then
    return op, decoded(params)
  elseif asked.known ~= revision.date and asked:route(method, path) then
    gone("%s %s was removed after revision %s.", method, path, asked.date)
  elseif #params == 0 then
    error_response.throw(404, "not_found", ("Unknown path %s."):format(path))
  end
  local failure = error_response.new(405):add("method_not_allowed",
    ("Method \"%s\" not allowed."):format(method))
  failure.headers.Allow = table.concat(params, ", ")
  return failure:throw()
end

--- Returns the operation that a request calls, or nil.
---@param state klaviyo.sandbox.State
---@param request table
---@param path string
---@return table|nil
function M.operation(state, request, path)
  local ok, revision = pcall(M.of, state, request)
  return ok and revision:route(request.method, path) or nil
end

return M
