--- The forms in which a secret may appear in a text: unchanged, percent-encoded, in
--- hexadecimal, or in base64 after any other text.

local M = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Encodes complete groups of three bytes; omits the remaining bytes.
local function base64(text)
  local out = {}
  for i = 1, #text - 2, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + b * 256 + c
    for shift = 18, 0, -6 do
      local digit = math.floor(n / 2 ^ shift) % 64
      out[#out + 1] = ALPHABET:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

assert(base64("pk_canary") == "cGtfY2FuYXJ5")

local function encode(text, pattern, format)
  return (text:gsub(pattern, function(c) return format:format(c:byte()) end))
end

--- Returns all forms of a secret, by their descriptions.
---@param secret string
---@return table<string, string>
function M.of(secret)
  local all = {["as it is"] = secret}
  all["percent-encoded"] = encode(secret, "[^%w]", "%%%02X")
  all["percent-encoded in lower case"] = encode(secret, "[^%w]", "%%%02x")
  all["percent-encoded completely"] = encode(secret, ".", "%%%02X")
  all["in hexadecimal"] = encode(secret, ".", "%02x")
  -- After any text, one of the first three bytes of the secret begins a group of
  -- three; the digits from there on depend on the secret alone.
  for skip = 0, 2 do
    local text = base64(secret:sub(skip + 1))
    all["in base64, from byte " .. skip + 1] = text
    all["in base64url, from byte " .. skip + 1] = text:gsub("[+/]", {["+"] = "-", ["/"] = "_"})
  end
  return all
end

--- Returns the forms of a secret that are in a text, in any order.
---@param secret string
---@param text string
---@return string[]
function M.found(secret, text)
  local list = {}
  for form, needle in pairs(M.of(secret)) do
    if text:find(needle, 1, true) then
      list[#list + 1] = form
    end
  end
  return list
end

return M
