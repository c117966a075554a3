--- Parses the target of a request, and builds the path for the service from the
--- path of the operation, so that only operations reach the service.

local percent_encoding = require "klaviyo.util.percent_encoding"

local M = {}

-- The unescaped characters of a segment (RFC 3986), without ";", at which some
-- servers end a segment.
local RAW = "^[%w%-%._~!$&'()*+,=:@%%]+$"
local ESCAPES_LEFT = 3

-- Returns whether a segment can be an id. Dots and slashes are not allowed, even
-- if a proxy decodes the segment several times.
local function is_id(segment)
  if not segment:find(RAW) or segment:gsub("%%%x%x", ""):find("%%") then
    return false
  end
  local text = segment
  for _ = 1, ESCAPES_LEFT do
    text = percent_encoding.decode(text)
    if text:find("%c") or text:find("\127", 1, true) then
      return false
    end
    for part in (text:gsub("\\", "/") .. "/"):gmatch("([^/]*)/") do
      if part:find("^%.%.?$") or part:find("^%.%.?;") then
        return false
      end
    end
  end
  return true
end

--- Returns the parts of a target, or nil if it is not below the prefix.
---@param target string nginx's $request_uri
---@param prefix string e.g. "/klaviyo"
---@return string|nil path still percent-encoded
---@return string|nil query without the "?"
function M.split(target, prefix)
  if target:sub(1, #prefix) ~= prefix then
    return nil
  end
  local rest = target:sub(#prefix + 1):gsub("#.*$", "")
  local path, query = rest:match("^([^?]*)%??(.*)$")
  if not (path:find("^/api/") or path:find("^/client/")) then
    return nil
  end
  return path, query
end

--- Returns the path of an operation with a caller's parameters in it.
---@param op table
---@param params table<string, string> still percent-encoded
---@return string|nil nil if one of them is not an id
function M.build(op, params)
  local good = true
  local path = op.path:gsub("{([^}]*)}", function(name)
    local segment = params[name]
    good = good and is_id(segment)
    return segment
  end)
  return good and path or nil
end

local CURSOR = "page[cursor]"

-- Returns the value of page[cursor] in a query, still percent-encoded, or nil.
local function cursor_of(query)
  for part in query:gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=(.*)$")
    if name and percent_encoding.decode_form(name) == CURSOR then
      return value
    end
  end
end

-- Returns a query with the cursor in place of the link in which it is. The node
-- SDK passes links.next as page[cursor], and takes the cursor out of it only if
-- the link is one of https.
local function without_link(query)
  return (query:gsub("[^&]+", function(part)
    local value = cursor_of(part)
    local link = value and percent_encoding.decode_form(value)
    local inner = link and link:match("^https?://[^?]*%?([^#]*)")
    local cursor = inner and cursor_of(inner)
    return cursor and part:sub(1, -#value - 1) .. cursor
  end))
end

--- Returns a query with all characters escaped that must be, and with a cursor
--- instead of a link with one.
---@param query string
---@return string with its "?", or empty
function M.query(query)
  if query == "" then
    return ""
  end
  query = without_link(query)
  return "?" .. percent_encoding.encode(query, "[^%w%-%._~!$&'()*+,;=:@%%/?]")
end

return M
