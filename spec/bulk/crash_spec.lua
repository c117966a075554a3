-- Kills imports with a journal at random calls. The service rejects, loses and
-- fails records, and a proxy in between answers with HTML. Even so, no good
-- record is lost, a record that may be sent only once is not sent twice, and
-- each failure is reported once, with its own record.

local bulk = require "klaviyo.bulk"
local errors = require "klaviyo.response.errors"
local json = require "klaviyo.values.json"
local klaviyo = require "klaviyo"

local ROUNDS, MAX_RUNS = 60, 60

local seed = 20261128

local function random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return math.floor(seed / 65536) % n + 1
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

local function write(path, text)
  os.remove(path)
  if text then
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end
end

local function name_of(i)
  return "k" .. i .. "@example.com"
end

-- Returns a source, and how the service will respond to its records.
local function new_round(path)
  local round = {path = path, count = random(60), accepted = {}, jobs = {},
    job_count = 0, rejected = {}, failing = {}, invalid = {},
    kind = random(2) == 1 and "profiles" or "create_catalog_items",
    pointers = random(3)}  -- for all errors, for the first, for none
  for i = 1, round.count do
    local fate = random(12)
    if fate == 1 then
      round.rejected[name_of(i)] = true
    elseif fate == 2 then
      round.failing[name_of(i)] = true
    elseif fate == 3 then
      round.invalid[i] = true
    end
  end
  return round
end

local function source(round)
  local list = {}
  for i = 1, round.count do
    local name = name_of(i)
    list[i] = round.invalid[i] and {emial = name}
      or round.kind == "profiles" and {email = name, first_name = "Ann"}
      or {external_id = name, title = "T", description = "D",
        url = "https://example.com/"}
  end
  return list
end

local function id_of(resource)
  return resource.attributes.email or resource.attributes.external_id
end

local function html(status)
  return errors.new {kind = "http", status = status, message = "a page"}
end

local function objects_of(round, list, set, pointer)
  local objects = {}
  for i, resource in ipairs(list) do
    if set[id_of(resource)] then
      objects[#objects + 1] = {code = "invalid", detail = "bad",
        source = round.pointers < 3 and {pointer = pointer:format(i - 1)}
          or nil}
    end
  end
  return objects
end

local function post(round, body)
  local attributes = json.decode(body).data.attributes
  local member = attributes.profiles and "profiles" or "items"
  local list = attributes[member].data
  local objects = objects_of(round, list, round.rejected,
    "/data/attributes/" .. member .. "/data/%d/attributes/email")
  if round.html and random(4) == 1 then
    return nil, html(({400, 409, 422})[random(3)])
  elseif #objects > 0 then
    return nil, errors.new {kind = "api", status = 400, message = "bad",
      errors = round.pointers == 2 and {objects[1]} or objects}
  end
  round.job_count = round.job_count + 1
  local id = "job" .. round.job_count
  round.jobs[id] = list
  for _, resource in ipairs(list) do
    local name = id_of(resource)
    round.accepted[name] = (round.accepted[name] or 0) + 1
  end
  if random(12) == 1 then
    return nil, errors.new {kind = "transport", message = "reset",
      maybe_sent = true}
  end
  return {data = {type = "job", id = id}}
end

local function poll(round, id)
  if round.html and random(10) == 1 then
    return nil, html(404)
  end
  local list = round.jobs[id]
  local failed = 0
  for _, resource in ipairs(list) do
    failed = failed + (round.failing[id_of(resource)] and 1 or 0)
  end
  local pointers = round.pointers
  round.pointers = 1
  local objects = objects_of(round, list, round.failing,
    "/data/attributes/items/data/%d")
  round.pointers = pointers
  return {data = {attributes = {status = "complete", errors = objects,
    failed_count = failed, completed_count = #list - failed}}}
end

local function import_errors(round, id)
  local list, at = round.jobs[id], 0
  return {next = function()
    while at < #list do
      at = at + 1
      local name = id_of(list[at])
      if round.failing[name] then
        return {type = "import-error", id = "e" .. at, attributes = {
          code = "invalid", detail = "failed",
          original_payload = {email = name:upper(), first_name = "Ann"}}}
      end
    end
  end}
end

local function client_of(round)
  local client = klaviyo.new {api_key = "pk_x", fall_forward = false}
  local function die()
    round.journal = read(round.path)
    error("killed", 0)
  end
  function client.call(_, operation, args)
    round.calls = round.calls + 1
    local due = round.calls == round.dies_at
    if due and round.before then
      die()
    end
    local doc, err
    if operation:find "^bulk_" then
      doc, err = post(round, args.body)
    else
      doc, err = poll(round, args.id)
    end
    if due then
      die()
    end
    return doc, err
  end
  function client.each(_, _, args)
    return import_errors(round, args.id)
  end
  return client
end

-- Repeats an import until it completes; restores what a killed one had written.
local function import(round, finished)
  local client = client_of(round)
  for run = 1, MAX_RUNS do
    round.calls, round.before = 0, random(2) == 1
    round.html = run < 40 and random(2) == 1
    round.dies_at = run < 40 and random(2) == 1 and random(12) or nil
    local ok, result, err = pcall(bulk.import, client, round.kind,
      source(round), {
        journal = {path = round.path, finished = finished},
        batch_size = random(2) == 1 and 7 or 20, concurrency = random(3),
        sleep = function() end,
      })
    if not ok then
      assert.equal("killed", result)
      write(round.path, round.journal)
    elseif result then
      return result
    else
      assert.is_true(err.kind == "http" or err.kind == "transport",
        tostring(err))
    end
  end
  error("the import never completed")
end

local function check(round, result)
  assert.equal(round.count, result.total)
  assert.equal(round.count, result.completed + result.failed + result.unknown
    + result.skipped)
  local reported, count = {}, 0
  for failure in result:failures() do
    assert.is_nil(reported[failure.position])
    reported[failure.position], count = true, count + 1
  end
  assert.equal(result.failed, count)
  for i = 1, round.count do
    local name = name_of(i)
    local sent = not round.invalid[i] and not round.rejected[name]
    local good = sent and not round.failing[name]
    assert.is_false(good and reported[i] or false)
    if round.kind == "profiles" then
      assert.equal(good, not reported[i])
      assert.is_true(not good or round.accepted[name] ~= nil)
    else
      assert.is_true((round.accepted[name] or 0) <= (sent and 1 or 0))
    end
  end
  assert.is_true(round.kind ~= "profiles" or result.unknown == 0)
end

describe("klaviyo.bulk, killed again and again,", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function()
    os.remove(path)
  end)

  it("processes each record once, and then the corrected ones", function()
    for _ = 1, ROUNDS do
      local round = new_round(path)
      os.remove(path)
      check(round, import(round, "continue"))
      if round.kind == "profiles" then
        for _, set in ipairs {round.invalid, round.rejected, round.failing} do
          for key in pairs(set) do
            set[key] = random(2) == 1 or nil
          end
        end
        check(round, import(round, "retry"))
        local jobs = round.job_count
        check(round, import(round, "continue"))
        assert.equal(jobs, round.job_count)
      end
    end
  end)
end)
