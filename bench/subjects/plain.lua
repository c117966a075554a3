--- The code that a program needs with a plain HTTP client: header fields,
--- documents, the next link; JSON by lua-cjson.

local cjson = require "cjson"

local M = {}

M.headers = {
  ["User-Agent"] = "bench", Accept = "application/vnd.api+json", revision = "2024-10-15",
  Authorization = "Klaviyo-API-Key pk_bench",
}

M.body_headers = {["Content-Type"] = "application/vnd.api+json"}
for name, value in pairs(M.headers) do
  M.body_headers[name] = value
end

local function event(number)
  return cjson.encode {data = {type = "event", attributes = {
    metric = {data = {type = "metric", attributes = {name = "Viewed Product"}}},
    profile = {data = {type = "profile", attributes = {email = "somebody@example.com"}}},
    properties = {product_id = "SKU123", product_name = "Blue T-Shirt", number = number},
    unique_id = ("%032x"):format(number), value = 129.95,
  }}}
end

--- Returns the workloads, with sequential calls.
---@param base string
---@param ask fun(method: string, url: string, body: string|nil): integer, string  status and body
function M.workloads(base, ask)
  local function get(url)
    local status, body = ask("GET", url)
    assert(status == 200, status)
    return cjson.decode(body)
  end
  local workloads = {}
  function workloads.get(count)
    for _ = 1, count do
      assert(get(base .. "/api/profiles/one").data.attributes.email)
    end
    return count
  end
  function workloads.page(count)
    for _ = 1, count do
      assert(#get(base .. "/api/profiles?page%5Bsize%5D=100").data == 100)
    end
    return count
  end
  function workloads.post(count)
    for number = 1, count do
      local status = ask("POST", base .. "/api/events", event(number))
      assert(status == 202, status)
    end
    return count
  end
  function workloads.iterate(count)
    local letters, url = 0, base .. "/api/profiles?page%5Bsize%5D=100"
    for _ = 1, count do
      local page = get(url)
      for _, profile in ipairs(page.data) do
        letters = letters + #profile.attributes.email
      end
      url = page.links.next:gsub("^https://[^/]*", base)
    end
    assert(letters > 0)
    return count
  end
  workloads.event = event
  return workloads
end

return M
