-- klaviyo.operations.load and the setting openapi: a revision from an OpenAPI
-- document, at run time.

local cjson = require "cjson"
local folder = require "spec.support.folder"
local klaviyo = require "klaviyo"
local openapi_document = require "spec.support.openapi_document"
local raises = require "spec.support.raises"
local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local SHARED = "../shared/openapi/"

local document = openapi_document.new

describe("klaviyo.operations.load", function()
  local folders = folder.here(teardown)
  local dir

  setup(function()
    dir = folders.new()
  end)

  -- Runs a script in a process of its own, with its cache in `dir`.
  local function run(text)
    local output, status = script.run(([[
      local klaviyo = require "klaviyo"
      local cjson = require "cjson"
      local dir = %q
    ]]):format(dir) .. text, {env = {XDG_CACHE_HOME = dir .. "/cache"}})
    assert.equal(0, status, output)
    return output
  end

  local function write(name, text)
    shell.write(dir .. "/" .. name, type(text) == "string" and text or cjson.encode(text))
    return dir .. "/" .. name
  end

  it("adds a revision, from a path or a text", function()
    local path = write("new.json", document())
    local output = run(([[
      local path = %q
      local text = io.open(path):read "*a"
      for _, given in ipairs {path, text, text} do
        assert(klaviyo.operations.load(given) == "2027-01-15")
      end
      local client = klaviyo.new {api_key = "k", revision = "2027-01-15"}
      local request = client:build("get_gadget", {id = "G"})
      print(request.method, request.url, request.headers.revision)
      print(client:build("create_gadget", {body = client:document("create_gadget", {name = "n"})}).body)
      print(pcall(client.document, client, "create_gadget", {nmae = "n"}))
      print(client.gadgets)
    ]]):format(path))
    assert.matches("GET\thttps://a.klaviyo.com/api/gadgets/G\t2027-01-15", output, 1, true)
    assert.matches('{"data":{"attributes":{"name":"n"},"type":"gadget"}}', output, 1, true)
    assert.matches('unknown attribute of create_gadget "nmae"; did you mean "name"?', output, 1, true)
    assert.matches("klaviyo gadgets", output, 1, true)
  end)

  it("keeps the result in a file that only its owner can read", function()
    write("new.json", document())
    run 'assert(klaviyo.operations.load(dir .. "/new.json"))'
    local _, modes = shell.run(("stat -c %%a %s/cache/klaviyo %s/cache/klaviyo/*"):format(dir, dir))
    assert.matches("^700\n600\n", modes)
    -- the file is used, and a broken one is not
    local _, names = shell.run(("ls %s/cache/klaviyo"):format(dir))
    for name in names:gmatch("%S+") do
      write("cache/klaviyo/" .. name, '{"date":"2027-01-15"')
    end
    assert.equal("2027-01-15\n", run 'print(klaviyo.operations.load(dir .. "/new.json"))')
  end)

  it("needs no folder for that", function()
    local path = write("new.json", document())
    local output = script.run(('print(require("klaviyo").operations.load(%q))'):format(path),
      {env = {XDG_CACHE_HOME = "/dev/null/none", HOME = ""}})
    assert.equal("2027-01-15\n", output)
  end)

  it("lets a client use the document of the setting openapi", function()
    local path = write("setting.json", document "2027-04-15")
    local output = run(([[
      print(klaviyo.new {api_key = "k", openapi = %q})
      print(klaviyo.new {api_key = "k", openapi = %q, revision = "2026-07-15"})
    ]]):format(path, path))
    assert.matches("revision 2027-04-15", output, 1, true)
    assert.matches("revision 2026-07-15", output, 1, true)
    raises({"openapi", "No such file"}, function()
      klaviyo.new {api_key = "k", openapi = "/does/not/exist.json"}
    end)
  end)

  it("puts a beta revision on top of its stable date", function()
    local beta = document "2026-07-15.pre"
    beta.paths["/api/gadgets/{id}"].get.operationId = "get_gadget_beta"
    local output = run(([[
      assert(klaviyo.operations.load(%q) == "2026-07-15.pre")
      local client = klaviyo.new {api_key = "k", revision = "2026-07-15.pre"}
      print(client:build("get_gadget", {id = "G"}).headers.revision, client:build("get_lists").headers.revision)
    ]]):format(write("beta.json", beta)))
    assert.equal("2026-07-15.pre\t2026-07-15\n", output)
  end)

  it("leaves a provisional revision lenient until its own document is loaded", function()
    local output = run(([[
      local operations = require "klaviyo.operations"
      local index = require "klaviyo.operations.revisions.index"
      local provisional = next(index.provisional)
      if provisional then
        print(operations.revision(provisional).is_lenient)
        assert(klaviyo.operations.load(%q))
        print(operations.revision(provisional).is_lenient, operations.revision("2031-01-15").is_lenient)
        local own = cjson.decode(io.open(%q):read "*a")
        own.info.version = provisional
        assert(klaviyo.operations.load(cjson.encode(own)) == provisional)
        print(operations.revision(provisional).is_lenient)
      else
        print "true\nfalse"
      end
    ]]):format(write("later.json", document "2031-01-15"), write("own.json", document())))
    if output ~= "true\nfalse\n" then
      assert.equal("true\ntrue\tfalse\nfalse\n", output)
    end
  end)

  describe("returns an error", function()
    local function fails(text, problem)
      local date, err = klaviyo.operations.load(text)
      assert.is_nil(date)
      assert.equal("openapi", err.kind)
      assert.matches(problem, err.message, 1, true)
    end

    local function changed(change)
      local one = document()
      change(one)
      return cjson.encode(one)
    end

    it("for a file that cannot be read", function()
      fails("/does/not/exist.json", "No such file")
      fails("/tmp", "cannot be used")
    end)

    it("for what is not JSON, or is cut short", function()
      fails(write("page.html", "<html>404</html>"), "it is not JSON")
      fails(cjson.encode(document()):sub(1, -40), "it is not JSON")
    end)

    it("for a file that is too large", function()
      local path = dir .. "/large.json"
      assert(shell.run("dd if=/dev/zero of=" .. path .. " bs=1 count=0 seek=104857600 2>/dev/null"))
      fails(path, "it has 104857600 bytes")
    end)

    it("for a document that is not of the Klaviyo API", function()
      fails("{}", "it is not an OpenAPI document of version 3")
      fails('{"swagger":"2.0","info":{"version":"2027-01-15"},"paths":{}}', "it is not an OpenAPI document")
      fails(changed(function(one) one.info.version = "1.0.17" end), "the date of a revision (1.0.17)")
      fails(changed(function(one) one.info = nil end), "the date of a revision (none)")
      fails(changed(function(one) one.paths = cjson.decode "{}" end), "it has no paths")
      fails(changed(function(one) one.paths = {["/pets"] = {get = {operationId = "x"}}} end), "/pets")
    end)

    it("for references that do not end or do not exist", function()
      fails(changed(function(one)
        one.components.schemas = {A = {["$ref"] = "#/components/schemas/B"}, B = {["$ref"] = "#/components/schemas/A"}}
        one.paths["/api/gadgets"].post.requestBody.content["application/vnd.api+json"].schema =
          {["$ref"] = "#/components/schemas/A"}
      end), "a cycle of references")
      fails(changed(function(one)
        one.paths["/api/gadgets"].post.requestBody.content["application/vnd.api+json"].schema =
          {["$ref"] = "#/components/schemas/None"}
      end), "None")
      fails(changed(function(one)
        one.components.schemas = {A = {allOf = {{["$ref"] = "#/components/schemas/A"}}}}
        one.paths["/api/gadgets/{id}"].get.responses["200"].content["application/vnd.api+json"].schema =
          {["$ref"] = "#/components/schemas/A"}
      end), "GET /api/gadgets/{id} cannot be read")
    end)

    it("for operations that cannot be described", function()
      fails(changed(function(one) one.paths["/api/gadgets"].post.operationId = "a b" end),
        "POST /api/gadgets cannot be read: an operationId")
      fails(changed(function(one) one.paths["/api/gadgets"].post.operationId = nil end), "an operationId")
      fails(changed(function(one) one.paths["/api/gadgets"].post.responses = nil end), "POST /api/gadgets")
      fails(changed(function(one) one.paths["/api/gadgets"].post["x-klaviyo-ratelimit"] = {burst = "soon"} end),
        "unknown rate limit soon")
      fails(changed(function(one) one.paths["/api/gadgets"] = "x" end), "/api/gadgets has no operations")
    end)
  end)

  it("raises an error for what is not text", function()
    raises("load takes the path of an OpenAPI document or its text, not a table", function()
      klaviyo.operations.load {}
    end)
  end)

  it("takes the newest document with another date, an operation, an attribute and a value more", function()
    local file = io.open(SHARED .. "2026-07-15.json")
    if not file then
      pending "there is no ../shared/openapi"
      return
    end
    local spec = cjson.decode(file:read "*a")
    file:close()
    spec.info.version = "2027-01-15"
    local gadgets = document()
    spec.paths["/api/gadgets/{id}"] = gadgets.paths["/api/gadgets/{id}"]
    local profile = spec.components.schemas.ProfileCreateQueryResourceObject.properties.attributes
    profile.properties.shoe_size = {type = "integer"}
    local output = run(([[
      local started = os.clock()
      assert(klaviyo.operations.load(%q) == "2027-01-15")
      assert(os.clock() - started < 1.5)
      local client = klaviyo.new {api_key = "k", revision = "2027-01-15"}
      print(client:build("get_gadget", {id = "G"}).url)
      print(client:document("create_profile", {shoe_size = 43}).data.attributes.shoe_size)
      print(pcall(client.document, client, "create_profile", {shoe_sise = 43}))
      print(pcall(client.document, client, "create_profile", {wardrobe = 43}))
      print(client:build("get_profiles", {page = {size = 100}}).headers.revision)
      print(klaviyo.new({api_key = "k", revision = "2027-02-01"}):build("get_gadget", {id = "G"}).headers.revision)
    ]]):format(write("shared.json", spec)))
    assert.matches("/api/gadgets/G\n43\n", output, 1, true)
    assert.matches('"shoe_sise"; did you mean "shoe_size"?', output, 1, true)
    assert.matches('unknown attribute of create_profile "wardrobe"', output, 1, true)
    assert.matches("2027-01-15\n2027-02-01\n", output, 1, true)
  end)
end)
