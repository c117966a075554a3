--- A server for bulk_create_events that shares no code with the library or the
--- sandbox, and is quick: it keeps how often it got each unique_id, and which
--- events are in effect. It does what the service documents: an event whose
--- unique_id is known for its profile and metric has no effect, and a request
--- with a unique_id that occurs twice is rejected as a whole.

local nginx = require "spec.support.nginx"
local socket = require "socket"

local M = {}

local CONF = [[
load_module modules/ndk_http_module.so;
load_module modules/ngx_http_lua_module.so;
worker_processes auto;
error_log error.log warn;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 8m;
  client_body_buffer_size 8m;
  init_by_lua_block {
    json = require "cjson.safe"
    received, effects, order = {}, {}, {}
    totals = {requests = 0, received = 0, ids = 0, effects = 0, rejected = 0, refused = 0,
      disordered = 0, first = 0, last = 0}
    faults = {}

    -- Counts an event that is in effect. Events whose properties have `by` and
    -- `number` should come in the order of the numbers, for each profile.
    function take_effect(profile, attributes)
      totals.effects = totals.effects + 1
      local number = attributes.properties and attributes.properties.number
      if number then
        local key = attributes.properties.by .. " " .. profile
        if number < (order[key] or 0) then
          totals.disordered = totals.disordered + 1
        else
          order[key] = number
        end
      end
    end

    function take(profile, attributes)
      local id = attributes.unique_id
      totals.received = totals.received + 1
      totals.ids = totals.ids + (received[id] and 0 or 1)
      received[id] = (received[id] or 0) + 1
      local key = id .. " " .. attributes.metric.data.attributes.name .. " " .. profile
      if not effects[key] then
        effects[key] = true
        take_effect(profile, attributes)
      end
    end

    function refuse(status, code, pointer)
      ngx.status = status
      ngx.header.content_type = "application/vnd.api+json"
      ngx.print(json.encode {errors = {{id = "1", status = status, code = code, title = code,
        detail = code, source = {pointer = pointer or "/data"}}}})
    end

    -- Returns the index of the event to reject and the code, or nil.
    function rejected(groups)
      local seen = {}
      for i, group in ipairs(groups) do
        for _, event in ipairs(group.attributes.events.data) do
          local id = event.attributes.unique_id
          if seen[id] then
            return i, "duplicate_unique_id"
          elseif event.attributes.properties and event.attributes.properties.invalid then
            return i, "invalid"
          end
          seen[id] = true
        end
      end
    end

    function happens(name)
      return math.random() < (faults[name] or 0)
    end

    function bulk()
      ngx.req.read_body()
      local document = json.decode(ngx.req.get_body_data() or "")
      local groups = document and document.data.attributes["events-bulk-create"].data
      if faults.seconds then
        ngx.sleep(faults.seconds)
      end
      if not groups then
        return refuse(400, "not_json")
      elseif happens "limited" then
        totals.refused = totals.refused + 1
        ngx.header.retry_after = faults.retry_after or 1
        return refuse(429, "throttled")
      elseif happens "failed" then
        totals.refused = totals.refused + 1
        return refuse(503, "unavailable")
      end
      local index, code = rejected(groups)
      if index then
        totals.rejected = totals.rejected + 1
        return refuse(400, code, ("/data/attributes/events-bulk-create/data/%d"):format(index - 1))
      end
      ngx.update_time()
      totals.requests = totals.requests + 1
      totals.first = totals.first == 0 and ngx.now() or totals.first
      totals.last = ngx.now()
      for _, group in ipairs(groups) do
        local profile = group.attributes.profile.data.attributes
        for _, event in ipairs(group.attributes.events.data) do
          take(profile.email or profile.external_id, event.attributes)
        end
      end
      if happens "silent" then
        return ngx.exit(444)
      end
      ngx.exit(202)
    end

    function dump()
      local lines = {}
      for id, count in pairs(received) do
        lines[#lines + 1] = id .. " " .. count
      end
      ngx.say(table.concat(lines, "\n"))
    end
  }
  server {
    listen 127.0.0.1:8080;
    keepalive_requests 1000000;
    location = /api/event-bulk-create-jobs { content_by_lua_block { bulk() } }
    location = /totals { content_by_lua_block { ngx.print(json.encode(totals)) } }
    location = /received { content_by_lua_block { dump() } }
    location = /faults {
      content_by_lua_block {
        faults = json.decode(ngx.unescape_uri(ngx.var.query_string)) or {}
        ngx.print("ok")
      }
    }
  }
}
]]

local Server = {}
Server.__index = Server

-- Returns the body of a response.
local function get(self, path)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(60)
  assert(connection:send("GET " .. path .. " HTTP/1.0\r\n\r\n"))
  local text = assert(connection:receive("*a"))
  connection:close()
  return (assert(text:match("^HTTP/1.1 200.-\r\n\r\n(.*)$"), text))
end

--- Returns the counts: requests that were accepted, events received, ids (different
--- ones), effects, rejected and refused requests, disordered events, and the times of
--- the first and the last request.
---@return table<string, number>
function Server:totals()
  local totals = {}
  for name, value in get(self, "/totals"):gmatch('"(%w+)":([%d%.e+-]+)') do
    totals[name] = tonumber(value)
  end
  return totals
end

--- Returns how often each unique_id came.
---@return table<string, integer>
function Server:received()
  local counts = {}
  for id, count in get(self, "/received"):gmatch("(%S+) (%d+)") do
    counts[id] = tonumber(count)
  end
  return counts
end

--- Sets faults of all following requests: `limited`, `failed` and `silent` are the parts of
--- requests that get a 429, a 503, or no response once they took effect; `seconds` is
--- how long a response takes.
---@param faults table<string, number>|nil  nil: none
function Server:set_faults(faults)
  local parts = {}
  for name, value in pairs(faults or {}) do
    parts[#parts + 1] = ("%%22%s%%22:%s"):format(name, value)
  end
  get(self, "/faults?{" .. table.concat(parts, ",") .. "}")
end

function Server:stop()
  self.nginx:stop()
end

--- Starts a server.
---@return table server  with base_url and port; stop it
function M.start()
  local server = assert(nginx.start {text = CONF, workers = 1})
  return setmetatable({nginx = server, base_url = server.base_url, port = server.port}, Server)
end

return M
