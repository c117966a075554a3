--- --dry-run: shows the request of a call, and the line of curl that makes it. The
--- key is in neither.

local pretty = require "klaviyo.cli.pretty"
local shell = require "klaviyo.cli.shell"
local sorted_keys = require "klaviyo.cli.sorted_keys"

local M = {}

-- Returns the value of a header field without its key.
local function masked(name, value)
  if name:lower() == "authorization" then
    return (value:match("^(%S+) ") or "") .. " ***"
  end
  return value
end

-- Returns a word of curl's command line: the shell puts the key into it.
local function header_word(name, value)
  if name:lower() == "authorization" then
    local scheme = value:match("^(%S+) ") or ""
    return ('"%s: %s $%s"'):format(name, scheme, scheme:lower() == "bearer"
      and "KLAVIYO_ACCESS_TOKEN" or "KLAVIYO_API_KEY")
  end
  return shell.word(name .. ": " .. value)
end

local SET_BY_CURL = {["user-agent"] = true, ["content-length"] = true,
  host = true, ["accept-encoding"] = true}

local function curl_line(request, form)
  local words = {"curl"}
  if request.method ~= "GET" then
    words[#words + 1] = "-X " .. request.method
  end
  words[#words + 1] = shell.word(request.url)
  for _, name in ipairs(sorted_keys(request.headers)) do
    local is_own = SET_BY_CURL[name:lower()]
      or form and name:lower() == "content-type"
    if not is_own then
      words[#words + 1] = "-H " .. header_word(name, request.headers[name])
    end
  end
  for _, name in ipairs(sorted_keys(form)) do
    words[#words + 1] = "-F " .. shell.word(name .. "="
      .. (name == "file" and "@" or "") .. tostring(form[name]))
  end
  if request.body then
    words[#words + 1] = "--data-raw " .. shell.word(request.body)
  end
  return table.concat(words, " ")
end

--- Writes a request and its line of curl.
---@param context klaviyo.cli.Context
---@param request {method: string, url: string, headers: table, body: string|nil}  of client:build
---@param form table|nil  the fields of an upload
function M.show(context, request, form)
  context:out(("%s %s\n"):format(request.method, request.url))
  for _, name in ipairs(sorted_keys(request.headers)) do
    context:out(("%s: %s\n"):format(name, masked(name, request.headers[name])))
  end
  if request.body then
    context:out("\n" .. pretty.json(request.body,
      {colour = context.terminal:colour()}) .. "\n")
  end
  context:out("\n" .. curl_line(request, form) .. "\n")
end

return M
