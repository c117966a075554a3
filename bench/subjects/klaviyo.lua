--- The workloads of the benchmark with this library.

local klaviyo = require "klaviyo"
local measure = require "subjects.measure"

local CONCURRENCY = 150  -- above 100: results are in order, and some wait for a late one

local client = klaviyo.new {
  base_url = arg[1] ~= "decode" and arg[3] or nil, ca_file = arg[4], api_key = "pk_bench", proxy = "", pacing = false,
  on_warning = function() end,
}

local function event(number)
  return {
    profile = {email = "somebody@example.com"}, metric = "Viewed Product", value = 129.95,
    properties = {product_id = "SKU123", product_name = "Blue T-Shirt", number = number},
  }
end

local workloads = {}

function workloads.get(count)
  for _ = 1, count do
    local document = assert(client.profiles:get("one"))
    assert(document.data.attributes.email)
  end
  return count
end

workloads.first = workloads.get

function workloads.page(count)
  for _ = 1, count do
    local document = assert(client.profiles:list {page = {size = 100}})
    assert(#document.data == 100)
  end
  return count
end

-- arg[3] is the folder of the page
function workloads.decode(count)
  local file = assert(io.open(arg[3] .. "/page.json", "rb"))
  local text = file:read("*a")
  file:close()
  local document
  for _ = 1, count do
    document = assert(klaviyo.json.decode(text))
  end
  assert(#document.data == 100)
  return count
end

function workloads.post(count)
  for number = 1, count do
    assert(client.events:create(event(number)))
  end
  return count
end

function workloads.iterate(count)
  local letters, iterator = 0, client.profiles:each {limit = 100 * count}
  for profile in iterator do
    letters = letters + #profile.attributes.email
  end
  assert(letters > 0)
  return iterator.count / 100
end

function workloads.raw(count)
  local bytes, iterator = 0, client.profiles:each {limit = 100 * count, raw = true}
  for text, id in iterator do
    bytes = bytes + #text + #id
  end
  assert(bytes > 0)
  return iterator.count / 100
end

function workloads.only(count)
  local letters, iterator = 0, client.profiles:each {
    limit = 100 * count, only = {"attributes.email", "attributes.first_name", "attributes.last_name"},
  }
  for profile in iterator do
    local attributes = profile.attributes
    letters = letters + #attributes.email + #attributes.first_name + #attributes.last_name
  end
  assert(letters > 0)
  return iterator.count / 100
end

function workloads.posts(count)
  local number, good = 0, 0
  local function next_number()
    number = number + 1
    return number <= count and number or nil
  end
  local function send(at)
    return assert(client.events:create(event(at)))
  end
  for document in client:map(next_number, send, {concurrency = CONCURRENCY}) do
    good = good + (document.response.status == 202 and 1 or 0)
  end
  return good
end

measure(workloads, require("klaviyo.core").clock)
