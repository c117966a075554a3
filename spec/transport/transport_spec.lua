-- How requests are sent: header fields as they arrive, connections, keys
-- that change.
local connect = require "spec.support.connect"
local key = require "spec.support.key"
local raw = require "spec.support.raw"
local sandbox = require "spec.support.sandbox"

local OK = { body = '{"data":[]}' }

local function client_of(server, more)
  return connect(server.url, more)
end

describe("the header fields", function()
  -- Returns the header fields of the one request that a call makes.
  local function sent(call, more)
    local fields
    raw.with({ answers = { OK } }, function(server)
      call(client_of(server, more))
      local requests = server:requests()
      assert.equal(1, #requests)
      fields = requests[1].headers
    end)
    return fields
  end

  local function get(client)
    assert(client:call("get_lists"))
  end

  local function post(client)
    assert(client:call("create_list", { body = "{}" }))
  end

  it("of a GET are these and no others", function()
    local fields = sent(get)
    assert.matches("^127%.0%.0%.1:%d+$", fields.host)
    fields.host = nil
    assert.matches("^klaviyo%-lua/%S+ %(.*libcurl/[%d.]+%S*%)$", fields["user-agent"])
    fields["user-agent"] = nil
    assert.matches("gzip", fields["accept-encoding"])
    fields["accept-encoding"] = nil
    assert.equal("Klaviyo-API-Key " .. key, fields.authorization)
    fields.authorization = nil
    assert.same({ accept = "application/vnd.api+json", revision = "2024-10-15" }, fields)
  end)

  it("of a POST have the body's type, and no Expect", function()
    local fields = sent(post)
    assert.equal("application/vnd.api+json", fields["content-type"])
    assert.equal("2", fields["content-length"])
    assert.is_nil(fields.expect)
    fields = sent(function(client)
      assert(client:call("create_list", { body = ("x"):rep(3000000) }))
    end)
    assert.equal("3000000", fields["content-length"])
    assert.is_nil(fields.expect)
    assert.is_nil(fields["transfer-encoding"])
  end)

  it("of an empty body have a length of 0", function()
    local fields = sent(function(client)
      assert(client:call("create_list", { body = "" }))
    end)
    assert.equal("0", fields["content-length"])
  end)

  it("of a DELETE have those of a body if it has one", function()
    raw.with({ answers = { { status = 204 } } }, function(server)
      assert(client_of(server).lists:at("x").profiles:remove { "y" })
      local request = server:requests()[1]
      assert.equal("DELETE", request.method)
      assert.equal('{"data":[{"id":"y","type":"profile"}]}', (request.body:gsub('{"type":"profile","id":"y"}',
        '{"id":"y","type":"profile"}')))
      assert(client_of(server).lists:delete("x"))
      request = server:requests()[2]
      assert.equal("DELETE", request.method)
      assert.equal("", request.body)
      assert.is_nil(request.headers["content-type"])
    end)
  end)

  it("are replaced by the user's own, in any case of letters", function()
    local fields = sent(post, { headers = { ["user-agent"] = "mine", ACCEPT = "application/json", ["X-Empty"] = "",
      ["content-type"] = "application/json", ["X-More"] = "a, b: c" } })
    assert.equal("mine", fields["user-agent"])
    assert.equal("application/json", fields.accept)
    assert.equal("application/json", fields["content-type"])
    assert.equal("", fields["x-empty"])
    assert.equal("a, b: c", fields["x-more"])
  end)

  it("are sent once each", function()
    raw.with({ answers = { OK } }, function(server)
      local client = client_of(server, { headers = { accept = "a/b", revision = "2024-10-15" } })
      assert(client:call("get_lists", nil, { headers = { Accept = "c/d" } }))
      -- a second field of the same name would have replaced the first
      assert.equal("c/d", server:requests()[1].headers.accept)
      assert(client:call("get_lists"))
      assert.equal("a/b", server:requests()[2].headers.accept)
    end)
  end)

  it("opt out of falling forward with fall_forward = false", function()
    assert.is_nil(sent(get)["x-klaviyo-revision-fall-forward-opt-out"])
    assert.equal("1", sent(get, { fall_forward = false })["x-klaviyo-revision-fall-forward-opt-out"])
  end)
end)

describe("a key", function()
  it("from a function is fetched for each call, and may change", function()
    raw.with({ answers = { OK } }, function(server)
      local number = 0
      local client = client_of(server, { api_key = function()
        number = number + 1
        return "pk_rotated_" .. math.ceil(number / 2)
      end })
      for _ = 1, 4 do
        assert(client:call("get_lists"))
      end
      local keys = {}
      for i, request in ipairs(server:requests()) do
        keys[i] = request.headers.authorization
      end
      assert.same({ "Klaviyo-API-Key pk_rotated_1", "Klaviyo-API-Key pk_rotated_1",
        "Klaviyo-API-Key pk_rotated_2", "Klaviyo-API-Key pk_rotated_2" }, keys)
    end)
  end)

  it("from a function that raises an error raises it", function()
    raw.with({ answers = { OK } }, function(server)
      local client = client_of(server, { api_key = function() error("no vault today", 0) end })
      local ok, err = pcall(client.call, client, "get_lists")
      assert.is_false(ok)
      assert.equal("no vault today", err)
      assert.equal(0, server:connections())
    end)
  end)

  it("for an iterator is fetched for every page", function()
    local function page(cursor)
      return { body = ('{"data":[{"type":"list","id":"1"}],"links":{"next":%s}}'):format(cursor
        and ('"https://a.klaviyo.com/api/lists?page%%5Bcursor%%5D=%s"'):format(cursor) or "null") }
    end
    raw.with({ answers = { page "a", page "b", page() } }, function(server)
      local number = 0
      for _ in client_of(server, { access_token = function()
        number = number + 1
        return "token-" .. number
      end }):each("get_lists") do end
      local keys = {}
      for i, request in ipairs(server:requests()) do
        keys[i] = request.headers.authorization
      end
      assert.same({ "Bearer token-1", "Bearer token-2", "Bearer token-3" }, keys)
    end)
  end)

  it("that is an access token from a function is fetched again after a 401", function()
    local unauthorized = { status = 401, body = '{"errors":[{"code":"not_authenticated","detail":"expired"}]}' }
    raw.with({ answers = { unauthorized, OK } }, function(server)
      local tokens = { "old-token", "new-token" }
      local client = client_of(server, { access_token = function()
        return table.remove(tokens, 1)
      end })
      assert(client:call("get_lists"))
      local requests = server:requests()
      assert.equal(2, #requests)
      assert.equal("Bearer old-token", requests[1].headers.authorization)
      assert.equal("Bearer new-token", requests[2].headers.authorization)
    end)
    raw.with({ answers = { unauthorized } }, function(server)
      local number = 0
      local _, err = client_of(server, { access_token = function()
        number = number + 1
        return "token-" .. number
      end }):call("get_lists")
      assert.equal(401, err.status)
      assert.equal(2, #server:requests())
      local _, other = client_of(server, { access_token = "fixed" }):call("get_lists")
      assert.equal(401, other.status)
      assert.equal(3, #server:requests())
    end)
  end)
end)

describe("connections", function()
  local fixture = sandbox.here(setup, teardown)

  local function used(mark)
    local connections, count = {}, 0
    for _, line in ipairs(fixture:log(mark)) do
      if not connections[line.connection] then
        connections[line.connection], count = true, count + 1
      end
    end
    return count
  end

  it("are shared by a thousand clients of one call each", function()
    local mark = #fixture:log()
    for i = 1, 1000 do
      local client = fixture:new_client { headers = { ["X-Client"] = tostring(i) } }
      assert(client:call("get_lists"))
    end
    assert.equal(1000, #fixture:log(mark))
    assert.equal(1, used(mark))
  end)

  it("are shared by a thousand clients of one call each, over HTTP/2", function()
    local mark = #fixture:log()
    for _ = 1, 1000 do
      local client = fixture:new_client { base_url = fixture.server.tls_url, ca_file = fixture.server.ca_file }
      assert(client:call("get_lists"))
    end
    local log = fixture:log(mark)
    assert.equal(1000, #log)
    assert.equal("HTTP/2.0", log[1000].protocol)
    assert.equal(1, used(mark))
  end)

  it("are shared by calls, iterators, verbs and clients with other settings", function()
    local mark = #fixture:log()
    assert(fixture.client:call("get_lists"))
    for _ in fixture.client.metrics:each() do end
    assert(fixture.client:with({ timeout = 3 }).lists:list())
    assert(fixture.client:request { path = "/api/lists" })
    fixture.client:call("get_profile", { id = "none" })
    assert.equal(5, #fixture:log(mark))
    assert.equal(1, used(mark))
  end)

  it("with one ca_file are not used for another", function()
    local over_tls = {base_url = fixture.server.tls_url, ca_file = fixture.server.ca_file}
    assert(fixture:new_client(over_tls):call("get_lists"))
    local _, err = fixture:new_client({ base_url = fixture.server.tls_url }):call("get_lists")
    assert.equal("transport", err.kind)
    assert.is_false(err.maybe_sent)
  end)
end)
