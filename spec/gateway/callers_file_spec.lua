-- The callers of a gateway in a file that is read again when it changes.
local gateway_file = require "spec.support.gateway_file"
local key = require "spec.support.key"
local klaviyo = require "klaviyo"
local nginx = require "spec.support.nginx"
local shell = require "klaviyo.sandbox.shell"

if not nginx.is_available(pending, "the gateway's specs") then
  return
end

local hash = gateway_file.hash

describe("a gateway whose callers are in a file", function()
  local file = gateway_file.here(before_each, after_each)

  it("reads it again when it changes, without a reload", function()
    file:write {{name = "a", token_sha256 = hash "a"}}
    file:start()
    assert.equal(200, file:status "a")
    assert.equal(401, file:status "b")
    file:write {{name = "b", token_sha256 = hash "b", scopes = {"lists:read"}}}
    file:assert_after(200, "b")
    assert.equal(401, file:status "a")
    assert.equal(403, file:status("b", "/api/profiles"))
    file:write({{name = "b", token_sha256 = hash "b",
      operations = {{operation = "get_events", include = {"profile"}}}}}, true)
    file:assert_after(403, "b")
    assert.equal(200, file:status("b", "/api/events?include=profile"))
    assert.equal(403, file:status("b", "/api/events?include=metric"))
  end)

  it("keeps the last callers while the file is broken, and logs that once", function()
    file:write {{name = "a", token_sha256 = hash "a"}}
    file:start(nil, 1)
    for _, case in ipairs {
      {'[{"name": "b", "token_sha256"', "it is not JSON: "},
      {'[{"name": "b", "token_sha256": "canary-token"}]', "callers[1]: token_sha256 must be the 64 hexadecimal digits"},
    } do
      file:write(case[1])
      assert(shell.wait_for(function()
        assert.equal(200, file:status "a")
        return file.gateway:logs():find(case[2], 1, true)
      end, 10), file.gateway:logs())
    end
    os.remove(file.path)
    assert(shell.wait_for(function()
      assert.equal(200, file:status "a")
      return file.gateway:logs():find("No such file", 1, true)
    end, 10))
    klaviyo.sleep(2.2)  -- it is looked at again meanwhile
    assert.equal(200, file:status "a")
    local text = file.gateway:logs()
    assert.equal(3, select(2, text:gsub("klaviyo gateway: callers: ", "")), text)
    assert.is_nil(text:find("canary-token", 1, true))
    file:write {{name = "b", token_sha256 = hash "b"}}
    file:assert_after(200, "b")
    assert.equal(401, file:status "a")
  end)

  it("knows the last callers, though no request came before the file was broken", function()
    file:write {{name = "a", token_sha256 = hash "a"}}
    file:start(nil, 1)
    assert.equal(200, file:status "a")
    file:write {{name = "b", token_sha256 = hash "b"}}
    klaviyo.sleep(2.5)
    file:write "broken"
    assert(shell.wait_for(function() return file.gateway:logs():find("it is not JSON", 1, true) end, 10))
    assert.equal(200, file:status "b")
    assert.equal(401, file:status "a")
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
      os.remove(file.path)
      if text then
        file:write(text)
      end
      local ok, output = nginx.gateway({port = file.service.port, key = key},
        {settings = ("callers = %q,"):format(file.path)})
      assert.is_nil(ok)
      assert.is_truthy(output:find("gateway.new: callers: " .. file.path, 1, true), output)
      assert.is_truthy(output:find(message, 1, true), output)
    end
  end)
end)
