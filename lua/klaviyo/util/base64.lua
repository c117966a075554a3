--- Base64 (RFC 4648).

local M = {}

local floor = math.floor

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Returns the base64 encoding of a text, with padding.
---@param text string
---@return string
function M.encode(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for j = 3, 0, -1 do
      local at = floor(bits / 64 ^ j) % 64 + 1
      out[#out + 1] = ALPHABET:sub(at, at)
    end
    if not c then
      out[#out] = "="
      if not b then
        out[#out - 1] = "="
      end
    end
  end
  return table.concat(out)
end

local URL = {["+"] = "-", ["/"] = "_", ["="] = ""}

--- Returns the encoding for URLs and file names, without padding.
---@param text string
---@return string
function M.encode_url(text)
  return (M.encode(text):gsub("[+/=]", URL))
end

--- Returns the bytes of a base64 text, or nil if it is malformed.
---@param text string
---@return string|nil
function M.decode(text)
  if #text % 4 ~= 0 or not text:find("^[%w+/]*=?=?$") then
    return nil
  end
  local out = {}
  for i = 1, #text, 4 do
    local bits, pad = 0, 0
    for j = i, i + 3 do
      local char = text:sub(j, j)
      local at = ALPHABET:find(char, 1, true)
      pad = pad + (at and 0 or 1)
      bits = bits * 64 + (at and at - 1 or 0)
    end
    out[#out + 1] = string.char(floor(bits / 65536), floor(bits / 256) % 256,
      bits % 256):sub(1, 3 - pad)
  end
  return table.concat(out)
end

return M
