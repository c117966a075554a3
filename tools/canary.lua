-- The key the specs were run with must be nowhere in what they printed: not
-- as it is, not percent-encoded, not in base64 (whatever stands before it).
--
--   KLAVIYO_TEST_KEY=… lua5.4 tools/canary.lua LOG…

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- of whole groups of three bytes; what is left at the end is left off
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

--- All the ways the key could be written, by name.
local function forms(key)
  local all = {["as it is"] = key}
  all["percent-encoded"] = encode(key, "[^%w]", "%%%02X")
  all["percent-encoded in lower case"] = encode(key, "[^%w]", "%%%02x")
  all["percent-encoded wholly"] = encode(key, ".", "%%%02X")
  all["in hexadecimal"] = encode(key, ".", "%02x")
  -- Whatever stands before the key, one of its first three bytes begins a
  -- group of three; the digits from there on are the key's alone.
  for skip = 0, 2 do
    local text = base64(key:sub(skip + 1))
    all["in base64, from byte " .. skip + 1] = text
    all["in base64url, from byte " .. skip + 1] = text:gsub("[+/]", {["+"] = "-", ["/"] = "_"})
  end
  return all
end

local key = assert(os.getenv("KLAVIYO_TEST_KEY"), "KLAVIYO_TEST_KEY is not set")
assert(#key >= 16, "KLAVIYO_TEST_KEY is too short to be looked for")
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
      io.stderr:write(("%s: the key is in it, %s\n"):format(name, form))
    end
  end
end
if bytes < 100 then
  io.stderr:write("canary: there was nothing to look through\n")
  os.exit(1)
end
print(("canary: %d bytes of output, the key is in none of them"):format(bytes))
os.exit(found == 0)
