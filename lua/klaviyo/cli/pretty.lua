--- Indents JSON text. The text is not decoded: its members keep their order, and
--- its numbers their digits.

local M = {}

-- Returns the end of the string that begins at `at`.
local function string_end(text, at)
  local stop = at + 1
  while true do
    local found = text:find('["\\]', stop)
    if not found then
      return #text
    elseif text:byte(found) == 34 then
      return found
    end
    stop = found + 2
  end
end

local COLOURS = {key = "\27[34m", string = "\27[32m", other = "\27[33m"}
local PLAIN = "\27[0m"

-- A terminal takes the characters from U+0080 to U+009F for commands.
local function escaped(text)
  return (text:gsub("\194([\128-\159])", function(byte)
    return ("\\u%04x"):format(byte:byte())
  end))
end

local function painted(text, kind, has_colour)
  return has_colour and COLOURS[kind] .. text .. PLAIN or text
end

-- Adds the token at a position; returns the position after it.
local function add_token(out, state, text, at)
  local c = text:sub(at, at)
  local function break_line()
    out[#out + 1] = "\n" .. ("  "):rep(state.depth)
  end
  if c == '"' then
    local stop = string_end(text, at)
    local is_key = text:find("^%s*:", stop + 1)
    out[#out + 1] = painted(escaped(text:sub(at, stop)), is_key and "key" or "string",
      state.has_colour)
    return stop + 1
  elseif c == "{" or c == "[" then
    local closed = text:match("^%s*[%]}]()", at + 1)
    if closed then
      out[#out + 1] = c == "{" and "{}" or "[]"
      return closed
    end
    out[#out + 1] = c
    state.depth = state.depth + 1
    break_line()
  elseif c == "}" or c == "]" then
    state.depth = state.depth - 1
    break_line()
    out[#out + 1] = c
  elseif c == "," then
    out[#out + 1] = c
    break_line()
  elseif c == ":" then
    out[#out + 1] = ": "
  else
    local stop = select(2, text:find("^[^%s,:%[%]{}\"]+", at)) or at
    out[#out + 1] = painted(text:sub(at, stop), "other", state.has_colour)
    return stop + 1
  end
  return at + 1
end

--- Returns JSON text with a line for each member.
---@param text string
---@param options {colour: boolean|nil, depth: integer|nil}|nil  `depth`: of the lines after the first
---@return string
function M.json(text, options)
  options = options or {}
  local state = {depth = options.depth or 0, has_colour = options.colour}
  local out, at = {}, text:find("%S") or #text + 1
  while at <= #text do
    at = add_token(out, state, text, at)
    at = text:find("%S", at) or #text + 1
  end
  return table.concat(out)
end

return M
