--- Decodes JSON strictly: what the service rejects is an error here too.

local M = {}

local floor, huge = math.floor, math.huge
local byte, find, sub = string.byte, string.find, string.sub
local concat = table.concat

-- Set by json.lua: null, and the metatables of arrays and of numbers that a
-- double cannot hold.
local null, array_mt, number_mt

local MAX_DEPTH = 500

local function fail(at, what)
  error({json = ("%s at byte %d"):format(what, at)}, 0)
end

local function utf8_of(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return string.char(0xE0 + floor(code / 4096),
      0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xF0 + floor(code / 262144),
    0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
    0x80 + code % 64)
end

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n",
  r = "\r", t = "\t",
}

local function hex4(text, at)
  local digits = text:match("^%x%x%x%x", at)
  if not digits then
    fail(at, "invalid \\u escape")
  end
  return tonumber(digits, 16)
end

-- `at` is the position after the opening quote.
local function read_string(text, at)
  local stop = find(text, '["\\%z\1-\31]', at)
  if stop and byte(text, stop) == 34 then
    return sub(text, at, stop - 1), stop + 1
  end
  local parts = {}
  while true do
    if not stop then
      fail(at, "unterminated string")
    end
    parts[#parts + 1] = sub(text, at, stop - 1)
    local char = byte(text, stop)
    if char == 34 then
      return concat(parts), stop + 1
    elseif char ~= 92 then
      fail(stop, "control character in a string")
    end
    local letter = sub(text, stop + 1, stop + 1)
    if letter == "u" then
      local code = hex4(text, stop + 2)
      at = stop + 6
      if code >= 0xD800 and code <= 0xDBFF then
        local low = sub(text, at, at + 1) == "\\u" and hex4(text, at + 2)
        if not low or low < 0xDC00 or low > 0xDFFF then
          fail(stop, "unpaired surrogate")
        end
        code = 0x10000 + (code - 0xD800) * 1024 + (low - 0xDC00)
        at = at + 6
      elseif code >= 0xDC00 and code <= 0xDFFF then
        fail(stop, "unpaired surrogate")
      end
      parts[#parts + 1] = utf8_of(code)
    else
      local char_meant = ESCAPES[letter]
      if not char_meant then
        fail(stop, "invalid escape in a string")
      end
      parts[#parts + 1] = char_meant
      at = stop + 2
    end
    stop = find(text, '["\\%z\1-\31]', at)
  end
end

local function read_number(text, at)
  local _, stop = find(text, "^-?%d+", at)
  if not stop or find(text, "^-?0%d", at) then
    fail(at, "unexpected character")
  end
  local _, fraction = find(text, "^%.%d+", stop + 1)
  stop = fraction or stop
  local _, power = find(text, "^[eE][+-]?%d+", stop + 1)
  stop = power or stop
  local token = sub(text, at, stop)
  -- A number that a double cannot hold exactly is kept as text.
  if #token > 15 or power then
    local digits = token:gsub("[eE].*", ""):gsub("[^%d]", "")
    local value = tonumber(token)
    if #digits > 15 or value == huge or value == -huge then
      return setmetatable({text = token}, number_mt), stop + 1
    end
  end
  return tonumber(token), stop + 1
end

local function skip(text, at)
  local char = byte(text, at)
  if char == 32 or char == 10 or char == 13 or char == 9 then
    local _, stop = find(text, "^[ \n\r\t]+", at)
    return stop + 1
  end
  return at
end

-- Returns the position of the next item of an object or a list; or the position
-- after its end, and true.
local function after_item(text, at, closer)
  at = skip(text, at)
  local char = byte(text, at)
  if char == closer then
    return at + 1, true
  elseif char ~= 44 then
    fail(at, ("',' or '%c' expected"):format(closer))
  end
  return skip(text, at + 1)
end

local read_value

local function read_object(text, at, depth)
  local object = {}
  at = skip(text, at)
  if byte(text, at) == 125 then
    return object, at + 1
  end
  while true do
    if byte(text, at) ~= 34 then
      fail(at, "member name expected")
    end
    local name
    name, at = read_string(text, at + 1)
    if object[name] ~= nil then
      fail(at, ("duplicate member %q"):format(name))
    end
    at = skip(text, at)
    if byte(text, at) ~= 58 then
      fail(at, "':' expected")
    end
    object[name], at = read_value(text, skip(text, at + 1), depth)
    local is_end
    at, is_end = after_item(text, at, 125)
    if is_end then
      return object, at
    end
  end
end

local function read_array(text, at, depth)
  local list, n = setmetatable({}, array_mt), 0
  at = skip(text, at)
  if byte(text, at) == 93 then
    return list, at + 1
  end
  while true do
    n = n + 1
    list[n], at = read_value(text, at, depth)
    local is_end
    at, is_end = after_item(text, at, 93)
    if is_end then
      return list, at
    end
  end
end

local WORDS = {
  [116] = {"true", true}, [102] = {"false", false},
  [110] = {"null"},
}

function read_value(text, at, depth)
  local char = byte(text, at)
  if char == 34 then
    return read_string(text, at + 1)
  elseif char == 123 or char == 91 then
    if depth >= MAX_DEPTH then
      fail(at, "nested too deeply")
    end
    local read = char == 123 and read_object or read_array
    return read(text, at + 1, depth + 1)
  end
  local word = WORDS[char]
  if word then
    if sub(text, at, at + #word[1] - 1) ~= word[1] then
      fail(at, "unexpected character")
    end
    if char == 110 then
      return null, at + 4
    end
    return word[2], at + #word[1]
  elseif not char then
    fail(at, "unexpected end")
  end
  return read_number(text, at)
end

-- Returns the position at which a text is not well-formed UTF-8: overlong
-- forms, surrogates and code points above U+10FFFF are errors.
local function ill_formed(text, from)
  local at = find(text, "[\128-\255]", from)
  while at do
    local _, stop = find(text, "^[\194-\223][\128-\191]", at)
    if not stop then
      local lead, second = byte(text, at, at + 1)
      second = second or 0
      if lead < 240 then
        _, stop = find(text, "^[\224-\239][\128-\191][\128-\191]", at)
        if (lead == 224 and second < 160) or (lead == 237 and second > 159) then
          return at
        end
      else
        _, stop = find(text,
          "^[\240-\244][\128-\191][\128-\191][\128-\191]", at)
        if (lead == 240 and second < 144) or (lead == 244 and second > 143) then
          return at
        end
      end
    end
    if not stop then
      return at
    end
    at = find(text, "[\128-\255]", stop + 1)
  end
end

--- Returns the text with U+FFFD in place of every byte that is not UTF-8, so
--- that JSON can hold it.
---@param text string
---@return string
function M.repaired(text)
  local parts, from = {}, 1
  local at = ill_formed(text, from)
  while at do
    parts[#parts + 1] = text:sub(from, at - 1)
    from = at + 1
    at = ill_formed(text, from)
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts, "\239\191\189")
end

--- Sets the values and metatables that the decoder uses.
function M.set_types(kinds)
  null, array_mt, number_mt = kinds.null, kinds.array, kinds.number
end

--- Decodes one JSON text strictly (RFC 8259; a duplicate member name is an
--- error).
---@param text string
---@param from integer|nil the first byte to read, default 1
---@return any value nil if there is an error
---@return string|nil message what is wrong, and where
function M.decode(text, from)
  if ill_formed(text, 1) then
    return nil, "not valid UTF-8"
  end
  local ok, value, at = pcall(read_value, text, skip(text, from or 1), 0)
  if ok then
    at = skip(text, at)
    if at > #text then
      return value
    end
    return nil, ("unexpected text after the value at byte %d"):format(at)
  elseif type(value) == "table" and value.json then
    return nil, value.json
  end
  error(value, 0)
end

return M
