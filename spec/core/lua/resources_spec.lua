-- The resources of a page, which are cut out of its text.
local core = require "klaviyo.core"
local json = require "klaviyo.values.json"

-- Returns the rest of the text, and the texts, ids and types of its resources; or
-- nil and why they are not resources.
local function read(text)
  local found = core.resources()
  local page, why = json.decode(text, json.raw_paths {"included"}, found)
  if page == nil then
    return nil, why
  elseif not found:count() then
    return nil, "others"
  end
  local list = {}
  for i = 1, found:count() do
    list[i] = {found:get(text, i)}
  end
  return page, list
end

describe("the resources of a page", function()
  it("are the objects of data, byte for byte, with id and type", function()
    local one, other = '{ "type":"profile","id":"1","a":{"id":"x","type":5}\n}', '{"b":[[]],"id":"2","type":"list"}'
    local page, list = read('{"links":{"next":null},"data":[ ' .. one .. ",\n" .. other
      .. ' ],"included":[' .. other .. '],"meta":{"data":[1]}}')
    assert.same({{one, "1", "profile"}, {other, "2", "list"}}, list)
    assert.is_true(page.data)
    assert.same({{text = other, id = "2", type = "list"}}, page.included)
    assert.same({data = {1}}, page.meta)
    assert.same({next = json.null}, page.links)
  end)

  it("can be one, none or null", function()
    assert.same({{'{"id":"1"}', "1"}}, (select(2, read '{"data":{"id":"1"}}')))
    assert.same({}, (select(2, read '{"data":[]}')))
    local page, list = read '{"data":null}'
    assert.same({}, list)
    assert.equal(json.null, page.data)
    page, list = read '{}'
    assert.same({}, list)
    assert.is_nil(page.data)
  end)

  it("have unescaped ids and types, and the last of two members", function()
    local text = [[{"\u0069d":"\u0041\n","id":"\"B\"","type":"x","t\u0079pe":"\ud83d\ude00"}]]
    assert.same({{text, '"B"', "\240\159\152\128"}}, (select(2, read('{"data":[' .. text .. "]}"))))
    assert.same({{'{"id":"2"}', "2"}}, (select(2, read '{"data":[{"id":"1"}],"data":[{"id":"2"}]}')))
    assert.same({}, (select(2, read '{"data":[{"id":"1"}],"data":null}')))
  end)

  it("must be objects with an id", function()
    for _, data in ipairs {"[5]", "[null]", "5", '"x"', "true", "[[]]", '[{"id":"1"},{}]', '[{"id":5}]',
      '[{"id":"1","id":null}]', '{"type":"x"}'} do
      assert.same({nil, "others"}, {read('{"data":' .. data .. "}")})
    end
  end)

  it("are checked", function()
    local page = '{"data":[{"type":"profile","id":"1","attributes":{"a":[1,{"b":null}],"c":"\\n"}},{"id":"2"}]}'
    assert.is_table(read(page))
    for size = 0, #page - 1 do
      local same_error = select(2, json.decode(page:sub(1, size)))
      assert.same({nil, same_error}, {read(page:sub(1, size))})
    end
    for at = 1, #page do
      local bad = page:sub(1, at - 1) .. "\1" .. page:sub(at + 1)
      local same_error = select(2, json.decode(bad))
      assert.same({nil, same_error}, {read(bad)})
    end
    assert.matches("nested too deep", select(2, read('{"data":[{"id":"1","a":' .. ("["):rep(2000))))
  end)

  it("are not those of other members, or of a list", function()
    assert.same({{data = {1}}}, (json.decode('[{"data":[1]}]', nil, core.resources())))
    assert.same({a = {data = {1}}}, (json.decode('{"a":{"data":[1]}}', nil, core.resources())))
  end)

  it("cannot be cut out of another text", function()
    local found = core.resources()
    assert(json.decode('{"data":[{"id":"1"}]}', nil, found))
    for _, bad in ipairs {{"{}", 1}, {'{"data":[{"id":"1"}]}', 0}, {'{"data":[{"id":"1"}]}', 2}, {5, 1}, {{}, 1}} do
      assert.is_false((pcall(found.get, found, bad[1], bad[2])))
    end
    assert.is_false((pcall(json.decode, "{}", nil, {})))
    assert.is_false((pcall(json.decode, "{}", nil, io.stdout)))
  end)
end)
