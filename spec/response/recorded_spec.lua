-- Recorded answers of the live service, if they are next to the repository: each is the response to a call.
local connect = require "spec.support.connect"
local json = require "klaviyo.values.json"
local operations = require "klaviyo.operations"
local raw = require "spec.support.raw"
local shell = require "klaviyo.sandbox.shell"

local directory = (os.getenv("KLAVIYO_ORACLE") or "../shared") .. "/recorded/"
local REVISION = "2026-07-15"

local _, listing = shell.run("ls " .. shell.quote(directory))
local records = {}
for name in listing:gmatch "[%w_]+%.%d+%.json" do
  records[#records + 1] = assert(json.decode(shell.read(directory .. name)))
end

describe("the recorded answers", function()
  if #records == 0 then
    pending("there are none in " .. directory)
    return
  end

  local function text_of(record)
    local body = record.response.body
    return (body == nil or body == json.null) and "" or json.encode(body)
  end

  -- Returns the answer as a raw server gives it; the retries wait for nothing.
  local function answer_of(record)
    local headers = {}
    for name, value in pairs(record.response.headers) do
      headers[name] = name == "retry-after" and "0" or tostring(value)
    end
    return {status = record.response.status, headers = headers, body = text_of(record)}
  end

  -- Calls the operation of each answer, and passes what the call returns to `check`.
  local function each(check)
    local answers = {}
    for i, record in ipairs(records) do
      answers[i] = answer_of(record)
    end
    raw.with({answers = answers}, function(server)
      local client = connect(server.url, {revision = REVISION, validate = false})
      for _, record in ipairs(records) do
        local op = operations.revision(REVISION):operation(record.operation)
        local arguments = {body = op.body and "{}" or nil}
        for name in op.path:gmatch "{(.-)}" do
          arguments[name] = "X1"
        end
        for name, field in pairs(op.query) do
          arguments[name] = field.required and 'equals(messages.channel,"email")' or nil
        end
        check(record, client:call(record.operation, arguments))
      end
      assert.equal(#records, #server:requests())
    end)
  end

  it("are decoded without a loss, or become errors with what they say", function()
    local documents, errors = 0, 0
    each(function(record, document, err)
      local status, body = record.response.status, record.response.body
      if status < 300 then
        documents = documents + 1
        assert(document, tostring(err))
        assert.equal(text_of(record), next(document) and json.encode(document) or "")
        assert.equal(status, document.response.status)
        assert.is_string(tostring(document))
        return
      end
      errors = errors + 1
      assert.is_nil(document)
      assert.equal(status, err.status)
      assert.equal(status == 429 and "rate_limited" or "api", err.kind)
      assert.equal(body.errors[1].code, err.code)
      assert.equal(status == 429 and 0 or nil, err.retry_after)
      assert.is_truthy(err.message:find((body.errors[1].detail:gsub("%s+", " ")), 1, true), err.message)
      assert.is_nil(err.message:find("\n", 1, true))
      assert.equal(status == 409 and record.operation == "create_profile", err.duplicate_id ~= nil)
      assert.is_nil(err.message:find("Advanced KDP.*the key needs"))
    end)
    assert.is_true(documents > 0 and errors > 0)
  end)
end)
