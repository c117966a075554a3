-- Tokens and keys of a gateway that change while it runs, in files.
local ask = require "spec.support.ask"
local gateway_file = require "spec.support.gateway_file"
local nginx = require "spec.support.nginx"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local hash = gateway_file.hash

describe("a gateway whose tokens and keys change in files", function()
  local file = gateway_file.here(before_each, after_each)

  it("accepts several tokens of a caller, so that none of them fails while they change", function()
    local tokens = {"token-1", "token-2", "token-3"}
    file:write {{name = "a", token_sha256 = hash(tokens[1])}}
    file:start()
    local flag = file.path .. ".stop"
    -- each client reads the current token before each request
    local current = file.path .. ".token"
    shell.write(current, tokens[1])
    local loop = script.start(([[
      local shell = require "klaviyo.sandbox.shell"
      local answers = {}
      while not shell.read(%q) do
        local token = shell.read(%q)
        local _, text = shell.run("curl -s -m 20 --noproxy '*' -o /dev/null -w '%%{http_code} ' "
          .. "-H 'Authorization: Bearer " .. token .. "' '%s/klaviyo/api/lists#[1-5]'")
        for answer in text:gmatch("%%d+") do
          answers[answer] = (answers[answer] or 0) + 1
        end
        shell.write(%q, token)
      end
      for answer, count in pairs(answers) do
        print(answer, count)
      end
    ]]):format(flag, current, file.gateway.base_url, file.path .. ".used"), {timeout = 60})
    for i = 2, #tokens do
      file:write {{name = "a", token_sha256 = {hash(tokens[i - 1]):upper(), hash(tokens[i])}}}
      file:assert_after(200, tokens[i])
      shell.write(current, tokens[i])
      assert(shell.wait_for(function() return shell.read(file.path .. ".used") == tokens[i] end, 10))
      file:write {{name = "a", token_sha256 = {hash(tokens[i])}}}
      file:assert_after(401, tokens[i - 1])
    end
    shell.write(flag, "x")
    local output, code = loop()
    assert.equal(0, code, output)
    assert.matches("^200%s+%d+\n$", output)
    assert.is_true(tonumber(output:match("200%s+(%d+)")) > 20)
  end)

  it("may have its connections in a file, too", function()
    file:write {a = "pk_first", b = {api_key = "pk_b", rate_limit_key = "b"}}
    file:start(([[callers = {{name = "a", token_sha256 = %q, connections = "*"}}, pacing = false, connections = %q,]])
      :format(hash "a", file.path), 1)
    local function sent(name)
      assert.equal(200, file:status("a", nil, name))
      local requests = file.service:requests()
      return requests[#requests].headers.authorization
    end
    assert.equal("Klaviyo-API-Key pk_first", sent "a")
    assert.equal("Klaviyo-API-Key pk_b", sent "b")
    file:write {a = "pk_second", c = "pk_c"}
    file:assert_after(421, "a", nil, "b")
    assert.equal("Klaviyo-API-Key pk_second", sent "a")
    assert.equal("Klaviyo-API-Key pk_c", sent "c")
    file:write '{"a": "pk_third canary"}'
    assert(shell.wait_for(function()
      assert.equal("Klaviyo-API-Key pk_second", sent "a")
      return file.gateway:logs():find("connections: a: api_key must be a string of one word", 1, true)
    end, 10))
    file:write '{"a": {"account": "x"}}'
    assert(shell.wait_for(function()
      assert.equal("Klaviyo-API-Key pk_c", sent "c")
      return file.gateway:logs():find("connections: a: account needs its app", 1, true)
    end, 10))
    assert.is_nil(file.gateway:logs():find("canary", 1, true))
  end)

  it("forgets the circuit of a connection that is removed", function()
    file:write {a = "pk_a", b = "pk_b"}
    file.service:stop()  -- so that nothing can be reached
    file:start(([[callers = {{name = "a", token_sha256 = %q, connections = "*"}}, pacing = false, connections = %q,
      dict = "klaviyo_gateway", circuit = {failures = 1, pause = 50},]]):format(hash "a", file.path), 1)
    local function gauges()
      return ask(file.gateway, {target = "/metrics"}).body:match("\nklaviyo_gateway_circuit_open{[^#]*")
    end
    for _, name in ipairs {"a", "b"} do
      file:status("a", nil, name)
      assert.equal(503, file:status("a", nil, name))
    end
    assert.matches('connection="a"} 1.*connection="b"} 1', gauges())
    file:write {b = "pk_b"}
    file:assert_after(421, "a", nil, "a")
    assert.matches('connection="a"} 0.*connection="b"} 1', gauges())
    file:write {a = "pk_a", b = "pk_b"}
    file:assert_after(503, "a", nil, "b")
    assert.equal(502, file:status("a", nil, "a"))
  end)
end)
