-- What the commands make of answers that are not the API's, and of long waits.

local cli = require "spec.support.cli"
local raw = require "spec.support.raw"

local function answered(answers, arguments, fn, options)
  raw.with({answers = answers}, function(server)
    options = options or {}
    local env = {KLAVIYO_API_KEY = "pk_a", KLAVIYO_BASE_URL = server.url}
    for name, value in pairs(options.env or {}) do
      env[name] = value
    end
    fn(cli[options.how or "call"](arguments, {env = env}))
  end)
end

describe("klaviyo", function()
  it("says in every format that a page has no resources", function()
    for _, format in ipairs {"table", "csv", "json", "jsonl"} do
      for _, data in ipairs {"[5]", "[null]", '["x"]', "[[]]", '"x"'} do
        answered({{body = '{"data":' .. data .. "}"}},
          {"profiles", "list", "--output", format}, function(result)
            assert.equal(1, result.status)
            assert.equal("klaviyo: get_profiles: the page's data are not resources\n",
              result.err)
          end)
      end
    end
  end)

  it("exports no page without resources, and leaves no file", function()
    local folder = cli.folder()
    for _, name in ipairs {"a.csv", "a.jsonl"} do
      answered({{body = '{"data":[5]}'}}, {"export", "profiles", "-o", folder .. "/" .. name},
        function(result)
          assert.equal(1, result.status)
          assert.equal("klaviyo: get_profiles: the page's data are not resources\n",
            result.err)
          assert.is_nil(cli.contents(folder .. "/" .. name))
        end)
    end
    os.execute("rm -rf " .. folder)
  end)

  it("says once when to try again", function()
    local body = '{"errors":[{"code":"throttled","detail":"Slow down"}]}'
    answered({{status = 429, headers = {["Retry-After"] = "20"}, body = body}},
      {"lists", "list"}, function(result)
        assert.equal("klaviyo: get_lists: 429 throttled: Slow down; retry after 20 s\n",
          result.err)
      end)
    answered({{status = 429, body = body}}, {"lists", "list"}, function(result)
      assert.equal("klaviyo: get_lists: 429 throttled: Slow down; try again later\n",
        result.err)
    end)
  end)

  it("says why a call takes long, and what limits the wait", function()
    answered({{status = 429, headers = {["Retry-After"] = "6"}, body = "{}"},
      {body = '{"data":[]}'}}, {"lists", "list"}, function(result)
        assert.equal(0, result.status)
        assert.matches("^klaviyo: get_lists waits 6 s as the API asks; "
          .. "set KLAVIYO_DEADLINE to wait for less\n$", result.err)
      end, {how = "run", env = {KLAVIYO_RATE_LIMIT_FILE = os.tmpname()}})
  end)
end)
