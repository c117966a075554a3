-- Every operation of every revision has the expected method: a verb, a relation,
-- an action or a public call. The specs call each method; a stub replaces the
-- transport.

local cjson = require "cjson"
local operations = require "klaviyo.operations"
local json = require "klaviyo.values.json"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local transport = require "klaviyo.transport.transport"

package.path = "tools/?.lua;" .. package.path
local sample = require "klaviyo.openapi.sample"
local methods = require "klaviyo.operations.methods"

local BASE = "https://gw.example/some/prefix"
local ID = "a/b c"
local ENCODED = "a%2Fb%20c"

-- Non-CRUD operations, which have their own methods.
local ACTIONS = {
  ["profiles:upsert"] = "create_or_update_profile",
  ["profiles:merge"] = "merge_profiles",
  ["profiles:subscribe"] = "bulk_subscribe_profiles",
  ["profiles:unsubscribe"] = "bulk_unsubscribe_profiles",
  ["profiles:suppress"] = "bulk_suppress_profiles",
  ["profiles:unsuppress"] = "bulk_unsuppress_profiles",
  ["campaigns:send"] = "send_campaign",
  ["campaigns:cancel_send"] = "cancel_campaign_send",
  ["campaigns:clone"] = "create_campaign_clone",
  ["campaigns:estimate_recipients"] = "refresh_campaign_recipient_estimation",
  ["campaign_messages:assign_template"] = "assign_template_to_campaign_message",
  ["templates:clone"] = "clone_template",
  ["templates:render"] = "render_template",
  ["metrics:query"] = "query_metric_aggregates",
  ["images:upload"] = "upload_image_from_file",
}

local real = {submit = transport.submit, await = transport.await, read = transport.read, call = transport.call}
local sent

local function stub()
  sent = {}
  function transport.submit(settings, request, op)
    sent[#sent + 1] = {request = request, settings = settings, op = op}
    return sent[#sent]
  end
  function transport.await()
    return {body = '{"data":[]}', status = 200}
  end
  function transport.read(_, response)
    return setmetatable({data = json.array {}}, {__index = {response = response}})
  end
  function transport.call(...)
    local pending = transport.submit(...)
    return transport.read(pending, transport.await(pending))
  end
end

local function restore()
  for name, fn in pairs(real) do
    transport[name] = fn
  end
end

-- Returns the required query parameters of an operation.
local function required(op)
  local query = {}
  for name, rule in pairs(op.query) do
    if rule.required then
      query[name] = rule.values and rule.values[1] or "x"
    end
  end
  return next(query) and query
end

local function flat(op)
  if not op.body then
    return nil
  elseif op.body.style == "multipart" then
    local parts = {}
    for name, part in pairs(op.body.parts) do
      if part.required then
        parts[name] = part.type == "file" and {data = "PNG", filename = "x.png"} or "x"
      end
    end
    return parts
  end
  return sample.flat(op)
end

local function without_id(t)
  t.id = nil
  return t
end

-- Calls the method as a program would.
local function call_method(client, op, method, verb)
  local root = method.public and client.public or client
  local resource = root[method.resource]
  local params = {query = required(op)}
  local t = flat(op)
  if method.relation then
    local related = resource:at(ID)[method.relation]
    if op.body then
      return related[verb](related, t)
    end
    local result = related[verb](related, params)
    return verb == "ids" and result:next() or result
  elseif method.member then
    if op.body then
      return resource[verb](resource, ID, without_id(t), params)
    end
    return resource[verb](resource, ID, params)
  elseif op.body then
    return resource[verb](resource, t, params)
  end
  return resource[verb](resource, params)
end

local function check(op, method, verb, date)
  local description = ("%s %s by %s"):format(date, op.id, methods.full_name(method, verb))
  local request = sent[1] and sent[1].request
  assert.equal(1, #sent, description)
  assert.equal(op.method, request.method, description)
  local path = BASE .. op.path:gsub("{[^}]+}", (ENCODED:gsub("%%", "%%%%")))
  assert.equal(path, (request.url:gsub("%?.*", "")), description)
  assert.equal(op.id, sent[1].op.id, description)
  assert.equal(date, sent[1].settings.revision, description)
  assert.equal(op.public, request.public, description)
  if op.body and op.body.style == "document" then
    local data = cjson.decode(tostring(request.body)).data
    data = op.body.many and data[1] or data
    assert.equal(op.body.resource.type, data.type, description)
    if method.member then
      assert.equal(ID, data.id, description)
    end
  elseif op.body then
    assert.truthy(request.form, description)
  else
    assert.is_nil(request.body, description)
  end
end

local ITERATORS = {each = true, pages = true}

local dates = operations.revisions()
for _, date in ipairs(operations.betas()) do
  dates[#dates + 1] = date
end

for _, date in ipairs(dates) do
  describe("revision " .. date, function()
    local revision = operations.revision(date)
    local client = klaviyo.new {
      api_key = key, company_id = "ABC123", base_url = BASE, revision = date,
      fall_forward = false, on_warning = function() end,
    }

    before_each(stub)
    after_each(restore)

    it("has a method for each of its operations", function()
      local count = 0
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local method = methods.of(op)
        assert.truthy(method, date .. " has no method for " .. id)
        for _, verb in ipairs(method.verbs) do
          sent = {}
          local result = call_method(client, op, method, verb)
          if ITERATORS[verb] then
            result:next()
            result:close()
          end
          check(op, method, verb, date)
        end
        count = count + 1
      end
      assert.equal(#revision:names(), count)
    end)

    it("has each operation by its id and by its aliases", function()
      for _, name in ipairs(revision:all_names()) do
        local op = revision:operation(name)
        sent = {}
        local args = {query = required(op)}
        for _, parameter in ipairs(op.path_params) do
          args[parameter] = ID
        end
        if op.body and op.body.style == "document" then
          args.body = client:document(name, sample.flat(op))
        else
          args.body = flat(op)
        end
        assert(client:call(name, args))
        check(op, {resource = name, verbs = {"call"}}, "call", date)
      end
    end)

    it("has methods of their own for non-CRUD operations", function()
      for name, id in pairs(ACTIONS) do
        local method = methods.of(revision:operation(id))
        assert.truthy(method.action, id)
        assert.equal("client." .. name, methods.full_name(method))
      end
      -- a POST creates a resource: its path is a plural, or can be listed
      for _, id in ipairs(revision:names()) do
        local op = revision:operation(id)
        local method = methods.of(op)
        if op.method == "POST" and not method.action and not method.relation then
          assert.truthy(op.path:find("s$") or revision:find("GET", op.path),
            id .. " is called by " .. methods.full_name(method))
        end
        assert.is_nil(not method.action and (op.path:find("%-reports$")
          or op.path:find("%-aggregates$")) and op.method == "POST" or nil, id)
      end
    end)
  end)
end

describe("the page after the first of a report", function()
  before_each(stub)
  after_each(restore)

  local client = klaviyo.new {
    api_key = key, base_url = BASE, revision = "2026-07-15",
    on_warning = function() end,
  }
  local revision = operations.revision("2026-07-15")

  it("is returned by the resource's iterators, for each report with pages", function()
    local count = 0
    for _, id in ipairs(revision:names()) do
      local op = revision:operation(id)
      if op.method == "POST" and op.page then
        local resource = client[op.path:match("[^/]+$"):gsub("%-", "_")]
        sent = {}
        local pages = resource:pages(sample.flat(op))
        assert.truthy(pages:next())
        pages:close()
        check(op, {resource = op.path, verbs = {"pages"}}, "pages",
          revision.date)
        count = count + 1
      end
    end
    assert.truthy(count > 0)
  end)
end)
