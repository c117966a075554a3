-- The output of the specs must not contain their key: neither unchanged, nor
-- percent-encoded, nor in base64 (after any other text).
--
--   KLAVIYO_TEST_KEY=… lua5.4 tools/canary.lua LOG…

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Encodes complete groups of three bytes; omits the remaining bytes.
local function base64(text)
  local out = {}
  for i = 1, #text - 2, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + b * 256 + c
    for shift = 18, 0, -6 do
      local digit = (n >> shift) & 63
      out[#out + 1] = ALPHABET:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

local function encode(text, pattern, format)
  return (text:gsub(pattern, function(c) return format:format(c:byte()) end))
end

--- Returns all forms of the key, by their descriptions.
local function forms(key)
  local all = {["as it is"] = key}
  all["percent-encoded"] = encode(key, "[^%w]", "%%%02X")
  all["percent-encoded in lower case"] = encode(key, "[^%w]", "%%%02x")
  all["percent-encoded completely"] = encode(key, ".", "%%%02X")
  all["in hexadecimal"] = encode(key, ".", "%02x")
  -- After any text, one of the first three bytes of the key begins a group of
  -- three; the digits from there on depend on the key alone.
  for skip = 0, 2 do
    local text = base64(key:sub(skip + 1))
    all["in base64, from byte " .. skip + 1] = text
    all["in base64url, from byte " .. skip + 1] = text:gsub("[+/]", {["+"] = "-", ["/"] = "_"})
  end
  return all
end

local key = assert(os.getenv("KLAVIYO_TEST_KEY"), "KLAVIYO_TEST_KEY is not set")
assert(#key >= 16, "KLAVIYO_TEST_KEY must have 16 characters or more")
assert(base64("pk_canary") == "cGtfY2FuYXJ5")

local found, bytes = 0, 0
for _, name in ipairs(arg) do
  local file = assert(io.open(name, "rb"))
  local text = file:read("a"):gsub("\r?\n", "")
  file:close()
  bytes = bytes + #text
  for form, needle in pairs(forms(key)) do
    if text:find(needle, 1, true) then
      found = found + 1
      io.stderr:write(("%s: contains the key, %s\n"):format(name, form))
    end
  end
end
if bytes < 100 then
  io.stderr:write("canary: the logs are empty\n")
  os.exit(1)
end
print(("canary: %d bytes of output do not contain the key"):format(bytes))
os.exit(found == 0)
