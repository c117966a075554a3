-- The callers and the connections of a gateway in files that are read again when
-- they change.
local ask = require "spec.support.ask"
local digest = require "klaviyo.digest"
local folder = require "spec.support.folder"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local raw = require "spec.support.raw"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

if not rawget(_G, "jit") then
  return -- nginx runs LuaJIT under either interpreter: one run is enough
elseif nginx.missing() then
  pending("the gateway's specs: " .. nginx.missing())
  return
end

local OK = {headers = {["Content-Type"] = "application/vnd.api+json"}, body = "{}"}

local function hash(token)
  return (digest.sha256(token))
end

describe("a gateway whose callers are in a file", function()
  local folders = folder.here(after_each)
  local service, gateway, path, logs

  before_each(function()
    path = folders.new() .. "/callers.json"
    service, logs = raw.start {answers = {OK}}, nil
  end)

  after_each(function()
    logs = gateway and gateway:stop() or ""
    service:stop()
    gateway = nil
    assert.is_nil(logs:match("[^\n]*runtime error[^\n]*"))
    assert.is_nil(logs:find(key, 1, true))
  end)

  -- Replaces the file as an editor or a deployment does, or writes into it.
  local function write(value, in_place)
    local text = type(value) == "table" and klaviyo.json.encode(value) or value
    local name = in_place and path or path .. ".new"
    local file = assert(io.open(name, "wb"))
    assert(file:write(text))
    file:close()
    if not in_place then
      assert(os.rename(name, path))
    end
  end

  local function start(settings, workers)
    gateway = assert(nginx.gateway({port = service.port, key = key}, {workers = workers or 2,
      settings = settings or ("callers = %q, pacing = false,"):format(path)}))
  end

  local function status(token, target, connection)
    return ask(gateway, {path = target or "/api/lists", token = token,
      headers = connection and {["Klaviyo-Connection"] = connection}}).status
  end

  -- After a second all workers have read the file, or read it before they serve
  -- their next request.
  local function assert_after(expected, ...)
    klaviyo.sleep(1.2)
    for _ = 1, 5 do
      assert.equal(expected, status(...))
    end
  end

  it("reads it again when it changes, without a reload", function()
    write {{name = "a", token_sha256 = hash "a"}}
    start()
    assert.equal(200, status "a")
    assert.equal(401, status "b")
    write {{name = "b", token_sha256 = hash "b", scopes = {"lists:read"}}}
    assert_after(200, "b")
    assert.equal(401, status "a")
    assert.equal(403, status("b", "/api/profiles"))
    write({{name = "b", token_sha256 = hash "b",
      operations = {{operation = "get_events", include = {"profile"}}}}}, true)
    assert_after(403, "b")
    assert.equal(200, status("b", "/api/events?include=profile"))
    assert.equal(403, status("b", "/api/events?include=metric"))
  end)

  it("keeps the last callers while the file is broken, and logs that once", function()
    write {{name = "a", token_sha256 = hash "a"}}
    start(nil, 1)
    for _, case in ipairs {
      {'[{"name": "b", "token_sha256"', "it is not JSON: "},
      {'[{"name": "b", "token_sha256": "canary-token"}]', "callers[1]: token_sha256 must be the 64 hexadecimal digits"},
    } do
      write(case[1])
      assert(shell.wait_for(function()
        assert.equal(200, status "a")
        return gateway:logs():find(case[2], 1, true)
      end, 10), gateway:logs())
    end
    os.remove(path)
    assert(shell.wait_for(function()
      assert.equal(200, status "a")
      return gateway:logs():find("No such file", 1, true)
    end, 10))
    klaviyo.sleep(2.2)  -- it is looked at again meanwhile
    assert.equal(200, status "a")
    local text = gateway:logs()
    assert.equal(3, select(2, text:gsub("klaviyo gateway: callers: ", "")), text)
    assert.is_nil(text:find("canary-token", 1, true))
    write {{name = "b", token_sha256 = hash "b"}}
    assert_after(200, "b")
    assert.equal(401, status "a")
  end)

  it("knows the last callers, though no request came before the file was broken", function()
    write {{name = "a", token_sha256 = hash "a"}}
    start(nil, 1)
    assert.equal(200, status "a")
    write {{name = "b", token_sha256 = hash "b"}}
    klaviyo.sleep(2.5)
    write "broken"
    assert(shell.wait_for(function() return gateway:logs():find("it is not JSON", 1, true) end, 10))
    assert.equal(200, status "b")
    assert.equal(401, status "a")
  end)

  it("accepts several tokens of a caller, so that none of them fails while they change", function()
    local tokens = {"token-1", "token-2", "token-3"}
    write {{name = "a", token_sha256 = hash(tokens[1])}}
    start()
    local flag = path .. ".stop"
    -- each client reads the current token before each request
    local current = path .. ".token"
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
    ]]):format(flag, current, gateway.base_url, path .. ".used"), {timeout = 60})
    for i = 2, #tokens do
      write {{name = "a", token_sha256 = {hash(tokens[i - 1]):upper(), hash(tokens[i])}}}
      assert_after(200, tokens[i])
      shell.write(current, tokens[i])
      assert(shell.wait_for(function() return shell.read(path .. ".used") == tokens[i] end, 10))
      write {{name = "a", token_sha256 = {hash(tokens[i])}}}
      assert_after(401, tokens[i - 1])
    end
    shell.write(flag, "x")
    local output, code = loop()
    assert.equal(0, code, output)
    assert.matches("^200%s+%d+\n$", output)
    assert.is_true(tonumber(output:match("200%s+(%d+)")) > 20)
  end)

  it("may have its connections in a file, too", function()
    write {a = "pk_first", b = {api_key = "pk_b", rate_limit_key = "b"}}
    start(([[callers = {{name = "a", token_sha256 = %q, connections = "*"}}, pacing = false, connections = %q,]])
      :format(hash "a", path), 1)
    local function sent(name)
      assert.equal(200, status("a", nil, name))
      local requests = service:requests()
      return requests[#requests].headers.authorization
    end
    assert.equal("Klaviyo-API-Key pk_first", sent "a")
    assert.equal("Klaviyo-API-Key pk_b", sent "b")
    write {a = "pk_second", c = "pk_c"}
    assert_after(421, "a", nil, "b")
    assert.equal("Klaviyo-API-Key pk_second", sent "a")
    assert.equal("Klaviyo-API-Key pk_c", sent "c")
    write '{"a": "pk_third canary"}'
    assert(shell.wait_for(function()
      assert.equal("Klaviyo-API-Key pk_second", sent "a")
      return gateway:logs():find("connections: a: api_key must be a string of one word", 1, true)
    end, 10))
    write '{"a": {"account": "x"}}'
    assert(shell.wait_for(function()
      assert.equal("Klaviyo-API-Key pk_c", sent "c")
      return gateway:logs():find("connections: a: account needs its app", 1, true)
    end, 10))
    assert.is_nil(gateway:logs():find("canary", 1, true))
  end)

  it("does not start without the file, or with a broken one", function()
    for text, message in pairs {
      [false] = "No such file",
      ["{"] = "it is not JSON",
      ["[]"] = "the list is empty",
      ['[{"name": "b", "token_sha256": []}]'] = "callers[1]: token_sha256 must be the 64 hexadecimal digits",
      ['{"b": 1}'] = 'callers must be a list; this table has no [1], but "b"',
      ['"b"'] = "callers must be a list, not a string",
      ["[null]"] = "callers[1] must be a table, not klaviyo.null",
      [([[ [{"name": "b", "token_sha256": "%s", "operations": ["get_listz"]}] ]]):format(hash "b")] =
        'unknown operation of callers[1] "get_listz"',
    } do
      if text then
        write(text)
      end
      os.remove(text and "" or path)
      local ok, output = nginx.gateway({port = service.port, key = key},
        {settings = ("callers = %q,"):format(path)})
      assert.is_nil(ok)
      assert.is_truthy(output:find("gateway.new: callers: " .. path, 1, true), output)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)
