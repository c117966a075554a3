--- The server of the benchmark: an nginx with fixed responses, so that it costs
--- little.

local certs = require "klaviyo.sandbox.certs"
local server = require "server"
local shell = require "klaviyo.sandbox.shell"

local M = {}

-- About 1 KB, eleven tables and forty-five keys, as the service writes it.
local PROFILE = [[
{"type":"profile","id":"01GDDKASAP8TKDDA2GRZ%07d","attributes":{"email":"somebody.%d@mail-%d.example.com",
"phone_number":"+1500555%04d","external_id":"%d","first_name":"Sarah",
"last_name":"Mason","organization":"Klaviyo","locale":"en-US","title":"Regional Manager",
"created":"2022-11-08T00:00:00+00:00",
"updated":"2022-11-08T01:23:45+00:00","last_event_date":null,"location":{"address1":"89 E 42nd St",
"address2":"1st floor","city":"New York","country":"United States","latitude":40.7484,"longitude":-73.9857,
"region":"NY","zip":"10017","timezone":"America/New_York"},"properties":{"pseudonym":"Dr. Octopus","plan":"gold",
"visits":%d,"spent":129.95,"newsletter":true,"interests":["shoes","bags","hats"]}},
"relationships":{"lists":{"links":{"self":"https://a.klaviyo.com/api/profiles/01GDDK/relationships/lists/",
"related":"https://a.klaviyo.com/api/profiles/01GDDK/lists/"}},
"segments":{"links":{"self":"https://a.klaviyo.com/api/profiles/01GDDK/relationships/segments/",
"related":"https://a.klaviyo.com/api/profiles/01GDDK/segments/"}}},
"links":{"self":"https://a.klaviyo.com/api/profiles/01GDDKASAP8TKDDA2GRZ/"}}]]

local PAGE = [[
{"data":[%s],"links":{"self":"https://a.klaviyo.com/api/profiles/","first":null,"last":null,"prev":null,
"next":"https://a.klaviyo.com/api/profiles?page%%5Bcursor%%5D=%s"}}]]

-- Every response of /iterate has another cursor: $request_id is random. /far takes
-- about 200 ms: with a fixed time, callers that met once would stay synchronous.
-- /together takes as long, but all responses in progress end at the same moment.
local HTTP = [[
  server {
    listen 127.0.0.1:$PORT;
    $LISTEN_TLS
    ssl_certificate cert.pem;
    ssl_certificate_key cert.key;
    root .;
    location = /api/profiles/one { try_files /profile.json =404; }
    location = /api/profiles { try_files /page.json =404; }
    location = /api/events { return 202; }
    location = /api/event-bulk-create-jobs { return 202; }
    location = /api/profile-bulk-import-jobs {
      client_max_body_size 10m;
      client_body_buffer_size 10m;
      content_by_lua_block {
        ngx.req.read_body()
        local _, count = ngx.req.get_body_data():gsub('"type":"profile"', "")
        imported = (imported or 0) + count
        ngx.status = 202
        ngx.print('{"data":{"type":"profile-bulk-import-job","id":"one","attributes":{"status":"queued"}}}')
      }
    }
    location /api/profile-bulk-import-jobs/ {
      return 200 '{"data":{"type":"profile-bulk-import-job","id":"one","attributes":
        {"status":"complete","failed_count":0}}}';
    }
    location = /imported { content_by_lua_block { ngx.print(imported or 0) } }
    location = /iterate/api/profiles { ssi on; ssi_types *; try_files /iterate.json =404; }
    location = /far/api/profiles/one {
      rewrite_by_lua_block { ngx.sleep(0.19 + 0.02 * math.random()) }
      try_files /profile.json =404;
    }
    location = /together/api/profiles/one {
      rewrite_by_lua_block {
        ngx.update_time()
        local now = ngx.now()
        ngx.sleep(math.ceil((now + 0.1) / 0.2) * 0.2 - now)
      }
      try_files /profile.json =404;
    }
    location /slow/ {
      client_body_buffer_size 64k;
      content_by_lua_block {
        ngx.req.read_body()
        ngx.sleep(0.05)
        ngx.status = 202
      }
    }
  }
]]

local function profile(i)
  return (PROFILE:format(i, i, i % 97, i, i, i * 7):gsub("\n", ""))
end

local function page(cursor)
  local list = {}
  for i = 1, 100 do
    list[i] = profile(i)
  end
  return (PAGE:format(table.concat(list, ","), cursor):gsub("\n", ""))
end

--- Starts the server.
---@param dir string
---@return table server  base_url, tls_url, ca_file; stop()
function M.start(dir)
  assert(shell.run("mkdir -p " .. shell.quote(dir)))
  assert(certs.make(dir))
  shell.write(dir .. "/profile.json", '{"data":' .. profile(1) .. "}")
  shell.write(dir .. "/page.json", page("c2Vjb25k"))
  shell.write(dir .. "/iterate.json", page('<!--# echo var="request_id" -->'))
  local self = server.start(dir, HTTP)
  self.ca_file = dir .. "/ca.pem"
  return self
end

return M
