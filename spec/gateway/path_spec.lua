local path = require "klaviyo.gateway.path"

describe("a query that the gateway passes on", function()
  it("stays as it is, with all characters escaped that must be", function()
    for _, query in ipairs {"a=b&c=%C3%A9&page%5Bcursor%5D=WyJ%3D%3D", "page[cursor]", "page[cursor]=&&x=1",
      "filter=equals(email,%22a@b.c%22)", "page%5Bcursor%5D=http", "page%5Bcursor%5D=https%3A%2F%2Fgw%2Fapi%2Flists",
      "other=http%3A%2F%2Fgw%2Fa%3Fpage%255Bcursor%255D%3DX"} do
      assert.equal("?" .. query:gsub("[%[%]]", {["["] = "%5B", ["]"] = "%5D"}), path.query(query))
    end
    assert.equal("", path.query(""))
    assert.equal("?a=%22%20%C3%A9", path.query('a="%20\195\169'))
  end)

  it("has a cursor instead of a link of the gateway with one", function()
    local link = "http%3A%2F%2Fgw%3A8080%2Fklaviyo%2Fapi%2Flists%3Fsort%3Dname%26"
      .. "page%255Bcursor%255D%3DWyJuZXh0Il0%253D%26x%3D1"
    for _, name in ipairs {"page%5Bcursor%5D", "page%5bcursor%5d"} do
      assert.equal(("?a=1&%s=WyJuZXh0Il0%%3D&b=2"):format(name),
        path.query(("a=1&%s=%s&b=2"):format(name, link)))
    end
    -- as axios writes it
    assert.equal("?page%5Bcursor%5D=WyJ%3D", path.query(
      "page[cursor]=http:%2F%2Fgw%2Fapi%2Flists%3Fpage%255Bcursor%255D%3DWyJ%253D"))
  end)
end)
