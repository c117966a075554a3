-- What a server or a proxy may do wrong on a kept-alive connection that calls
-- have to survive: plans for spec/support/raw.lua. The first response is correct;
-- the second is not.

local M = {}

local STALE = '{"data":[],"meta":{"target":"/stale"}}'

local function answer(status, body, more)
  return ("HTTP/1.1 %s\r\nContent-Type: application/vnd.api+json\r\nContent-Length: %d\r\n%s\r\n%s"):format(
    status, #body, more or "", body)
end

local WHOLE = answer("200 OK", STALE)
local TIMED_OUT = answer("408 Request Time-out", "", "Connection: close\r\n")
local CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.api+json\r\nTransfer-Encoding: chunked\r\n\r\n"
local NOTHING = "HTTP/1.1 204 No Content\r\n\r\n"

local ECHO = { echo = true }

-- A response, and after it unsolicited bytes.
local function late(bytes, more)
  local unasked = { raw = bytes }
  for name, value in pairs(more or {}) do
    unasked[name] = value
  end
  return { echo = true, unasked = unasked }
end

--- By name: the second response of the server.
M.plans = {
  ["a 408 and a close on the idle connection"] = late(TIMED_OUT, { after = "close" }),
  ["a 408 that leaves the idle connection open"] = late(answer("408 Request Time-out", "")),
  ["a second answer, late"] = late(WHOLE),
  ["a second answer in the same piece"] = { echo = true, excess = WHOLE },
  ["a second answer, late, and a reset"] = late(WHOLE, { after = "reset" }),
  ["the first half of a second answer"] = late(WHOLE:sub(1, 60)),
  ["stray bytes"] = late("\r\n\r\n"),
  ["a late answer behind an early hint"] = late("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. WHOLE),
  ["more body than its Content-Length"] = { echo = true, excess = "\n" .. WHOLE },
  ["the rest of a body behind its Content-Length, late"] = late("}\r\n" .. WHOLE),
  ["a 204 with a body"] = { raw = NOTHING .. WHOLE, empty = true },
  ["a 204 with a body, late"] = { raw = NOTHING, empty = true, unasked = { raw = WHOLE } },
  ["a 304 with a body, late"] = { raw = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status = 304,
    unasked = { raw = WHOLE } },
  ["an answer behind the last chunk"] = { raw = CHUNKED .. "0\r\n\r\n" .. WHOLE, empty = true },
  ["an answer behind the last chunk, late"] = { raw = CHUNKED .. "0\r\n\r\n", empty = true, unasked = { raw = WHOLE } },
  ["a close that it did not announce"] = { echo = true, unasked = { send = 0, after = "close" } },
  ["a reset that it did not announce"] = { echo = true, unasked = { send = 0, after = "reset" } },
}

--- Returns the plan of a server.
---@param second table  its second response
---@return table
function M.plan(second)
  return { answers = { ECHO, second, ECHO } }
end

--- Makes the calls; returns a text for each that did not get its own response.
--- Runs in the specs' own process and in nginx.
---@param client table
---@param wait fun()  waits until the server has sent its unsolicited bytes
---@param post boolean|nil  the third request is a POST that must not be sent twice
---@return string[] wrong
function M.check(client, wait, second, post)
  local wrong = {}
  local function call(number, expects)
    local target = ("/api/thing-%d"):format(number)
    local is_post = post and number == 3
    local document, err = client:request { method = is_post and "POST" or "GET", path = target,
      body = is_post and { data = { type = "thing" } } or nil }
    local got
    if document then
      got = document.meta and document.meta.target or "nothing"
    else
      got = tostring(err.status or err.kind) .. (err.maybe_sent and ", maybe sent" or "")
    end
    if got ~= (expects or target) then
      wrong[#wrong + 1] = ("%s got %s"):format(target, got)
    end
  end
  call(1)
  call(2, second.status and tostring(second.status) or second.empty and "nothing" or nil)
  wait()
  for number = 3, 6 do
    call(number)
  end
  return wrong
end

return M
