--- Values as the cells of a table: their text, its width on a terminal, and cuts.

local klaviyo = require "klaviyo"

local M = {}

-- Blocks of characters that take two columns: CJK, Hangul, full-width forms,
-- emoji.
local WIDE = {
  {0x1100, 0x115F}, {0x2E80, 0xA4CF}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
  {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
  {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
}

-- Marks that take none.
local ZERO = {{0x300, 0x36F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}}

local function is_in(blocks, code)
  for _, block in ipairs(blocks) do
    if code >= block[1] and code <= block[2] then
      return true
    end
  end
  return false
end

local CHARACTER = "[%z\1-\127\194-\244][\128-\191]*"

local function code_of(character)
  local first = character:byte()
  local code = first < 0xE0 and first - 0xC0 or first < 0xF0 and first - 0xE0
    or first - 0xF0
  for i = 2, #character do
    code = code * 64 + character:byte(i) - 0x80
  end
  return code
end

local function width_of(character)
  if #character == 1 then
    return 1
  end
  local code = code_of(character)
  return is_in(WIDE, code) and 2 or is_in(ZERO, code) and 0 or 1
end

--- Returns how many columns a text takes.
---@param text string
---@return integer
function M.width(text)
  if not text:find("[\128-\255]") then
    return #text
  end
  local width = 0
  for character in text:gmatch(CHARACTER) do
    width = width + width_of(character)
  end
  return width
end

--- Returns a text of at most this many columns; "…" replaces what is left out.
---@param text string
---@param size integer
---@return string
function M.shortened(text, size)
  if M.width(text) <= size then
    return text
  end
  local out, width = {}, 1
  for character in text:gmatch(CHARACTER) do
    width = width + width_of(character)
    if width > size then
      break
    end
    out[#out + 1] = character
  end
  return table.concat(out) .. "…"
end

--- Returns a text with blanks, so that it takes this many columns.
---@param text string
---@param size integer
---@param is_right boolean|nil  whether the blanks are before it
---@return string
function M.pad(text, size, is_right)
  local blanks = (" "):rep(size - M.width(text))
  return is_right and blanks .. text or text .. blanks
end

local TIME = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d"

-- Returns a time as the clock of this machine shows it, or nil.
local function local_time(text)
  if not text:find(TIME) then
    return nil
  end
  local ok, time = pcall(klaviyo.datetime, text)
  if not ok then
    return nil
  end
  local ok_too, shown = pcall(os.date, "%Y-%m-%d %H:%M:%S",
    math.floor(time.epoch))
  return ok_too and shown or nil
end

-- Returns a text without characters that control a terminal.
local function harmless(text)
  return (text:gsub("[%c]+", " "):gsub("\194[\128-\159]", " "))
end

--- Returns the text of a value, on one line.
---@param value any
---@param has_local_times boolean|nil
---@return string
function M.text(value, has_local_times)
  if value == nil or value == klaviyo.null then
    return ""
  elseif type(value) == "string" then
    return has_local_times and local_time(value) or harmless(value)
  elseif type(value) == "table" then
    return harmless(klaviyo.json.encode(value))
  end
  return klaviyo.json.encode(value)
end

return M
