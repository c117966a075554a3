local digest = require "klaviyo.digest"

-- Runs openssl, to compare with an independent program.
local function openssl(arguments, input)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(input)
  file:close()
  local pipe = assert(io.popen("openssl " .. arguments .. " -r <" .. name))
  local hex = pipe:read("*a"):match("^%x+")
  pipe:close()
  os.remove(name)
  return hex
end

local function hex_of(text)
  return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local seed = 11
local function noise(size)
  local chars = {}
  for i = 1, size do
    seed = (seed * 16807) % 2147483647
    chars[i] = string.char(seed % 256)
  end
  return table.concat(chars)
end

describe("digest.c: SHA-256", function()
  it("matches FIPS 180", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", digest.sha256(""))
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", digest.sha256("abc"))
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      digest.sha256(("a"):rep(1000000)))
  end)

  it("accepts zero bytes", function()
    local text = "a\0b\0\0"
    assert.equal(openssl("sha256", text), digest.sha256(text))
    assert.not_equal(digest.sha256("a"), digest.sha256("a\0"))
  end)
end)

describe("digest.c: HMAC-SHA256", function()
  -- RFC 4231, 4.2 to 4.8
  local vectors = {
    {("\11"):rep(20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {("\170"):rep(20), ("\221"):rep(50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {("\170"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {("\170"):rep(131), "This is a test using a larger than block-size key and a larger than block-size data. "
      .. "The key needs to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  }

  it("matches RFC 4231", function()
    for _, vector in ipairs(vectors) do
      assert.equal(vector[3], digest.hmac_sha256(vector[1], vector[2]))
    end
  end)

  it("matches openssl, for keys around the block size and any bytes", function()
    for _, size in ipairs {1, 63, 64, 65, 200} do
      local key, message = noise(size), noise(size * 7)
      assert.equal(openssl("dgst -sha256 -mac HMAC -macopt hexkey:" .. hex_of(key), message),
        digest.hmac_sha256(key, message))
    end
  end)

  it("accepts an empty key, an empty message and zero bytes", function()
    assert.equal("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", digest.hmac_sha256("", ""))
    assert.not_equal(digest.hmac_sha256("key\0a", "m"), digest.hmac_sha256("key\0b", "m"))
    assert.not_equal(digest.hmac_sha256("key", "m\0a"), digest.hmac_sha256("key", "m\0b"))
  end)

  it("raises for arguments that are not strings", function()
    assert.has_error(function() digest.hmac_sha256("key") end)
    assert.has_error(function() digest.hmac_sha256(nil, "text") end)
    assert.has_error(function() digest.sha256({}) end)
  end)
end)

describe("digest.c: equal", function()
  it("returns whether all bytes are equal", function()
    assert.is_true(digest.equal("", ""))
    assert.is_true(digest.equal("a\0b", "a\0b"))
    assert.is_false(digest.equal("a\0b", "a\0c"))
    assert.is_false(digest.equal("ab", "abc"))
    assert.is_false(digest.equal("abc", "ab"))
    assert.is_false(digest.equal("", "a"))
    local text = noise(64)
    for i = 1, 64 do
      local other = text:sub(1, i - 1) .. string.char((text:byte(i) + 1) % 256) .. text:sub(i + 1)
      assert.is_false(digest.equal(text, other))
    end
  end)
end)

describe("digest.c: random", function()
  it("returns the requested number of bytes, never the same", function()
    local earlier = {}
    for size = 0, 1024, 64 do
      assert.equal(size, #digest.random(size))
    end
    for _ = 1, 200 do
      local bytes = digest.random(16)
      assert.is_nil(earlier[bytes])
      earlier[bytes] = true
    end
  end)

  it("raises for sizes out of range", function()
    for _, size in ipairs {-1, 1025, 2 ^ 31, -2 ^ 31, 2 ^ 53} do
      assert.has_error(function() digest.random(size) end)
    end
    assert.has_error(function() digest.random() end)
  end)
end)

describe("digest.so", function()
  local file = package.searchpath("klaviyo.digest", package.cpath)

  local function output(command)
    local pipe = assert(io.popen(command .. " 2>&1"))
    local text = pipe:read("*a")
    pipe:close()
    return text
  end

  it("exports one symbol", function()
    local symbols = {}
    for name in output("nm -D --defined-only '" .. file .. "'"):gmatch("(%S+)\n") do
      if not name:find("^__[a-z]*san_") then symbols[#symbols + 1] = name end
    end
    assert.same({"luaopen_klaviyo_digest"}, symbols)
  end)

  it("links only libcrypto", function()
    local needed = {}
    for name in output("readelf -d '" .. file .. "'"):gmatch("%(NEEDED%)[^%[]*%[([^%]]+)%]") do
      if not name:find("^libc%.") and not name:find("^ld%-linux") and not name:find("^lib[au]b?san") then
        needed[#needed + 1] = name
      end
    end
    assert.equal(1, #needed)
    assert.matches("^libcrypto%.so", needed[1])
  end)
end)

describe("digest.c: uuid", function()
  it("returns UUIDs of version 4, each another", function()
    local known = {}
    for _ = 1, 1000 do
      local id = digest.uuid()
      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", id)
      assert.equal(id:lower(), id)
      assert.is_nil(known[id])
      known[id] = true
    end
  end)

  it("returns others in a child process than in its parent #native", function()
    local found, process = pcall(require, "spec_fork")
    if not found then
      pending("fork was not built")
      return
    end
    local known, path = {[digest.uuid()] = true}, os.tmpname()
    local child = process.fork()
    if child == 0 then
      local file = io.open(path, "w")
      for _ = 1, 100 do
        file:write(digest.uuid(), "\n")
      end
      file:close()
      process.leave(0)
    end
    assert.equal(0, process.wait(child))
    for _ = 1, 100 do
      known[digest.uuid()] = true
    end
    local count = 0
    for id in io.lines(path) do
      count = count + 1
      assert.is_nil(known[id])
    end
    os.remove(path)
    assert.equal(100, count)
  end)
end)

describe("cipher.c", function()
  local function bytes(hex)
    return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
  end

  local KEY = bytes(("0f"):rep(32))

  it("opens a text that another program encrypted (NIST GCM, test case 14)", function()
    local sealed = bytes(("00"):rep(12) .. "cea7403d4d606b6e074ec5d3baf39d18"
      .. "d0d1c8a799996bf0265b98b5d48ab919")
    assert.equal(("\0"):rep(16), digest.open(("\0"):rep(32), sealed, ""))
  end)

  it("opens what it sealed, of any size", function()
    for _, size in ipairs {0, 1, 15, 16, 17, 1000, 100000} do
      local text = ("\0x"):rep(size):sub(1, size)
      local sealed = digest.seal(KEY, text, "shop")
      assert.equal(size + 28, #sealed)
      assert.equal(text, digest.open(KEY, sealed, "shop"))
    end
  end)

  it("encrypts, each time with another nonce", function()
    local first, second = digest.seal(KEY, "a secret", ""), digest.seal(KEY, "a secret", "")
    assert.are_not.equal(first, second)
    assert.are_not.equal(first:sub(1, 12), second:sub(1, 12))
    assert.is_nil(first:find("secret", 1, true))
  end)

  it("opens nothing that was changed, or has another key or context", function()
    local sealed = digest.seal(KEY, "a secret", "shop")
    for at = 1, #sealed do
      local byte = sealed:byte(at)
      local changed = sealed:sub(1, at - 1) .. string.char((byte + 1) % 256) .. sealed:sub(at + 1)
      assert.is_nil(digest.open(KEY, changed, "shop"))
    end
    for size = 0, #sealed - 1 do
      assert.is_nil(digest.open(KEY, sealed:sub(1, size), "shop"))
    end
    assert.is_nil(digest.open(KEY, sealed, "shopp"))
    assert.is_nil(digest.open(bytes(("0e"):rep(32)), sealed, "shop"))
  end)

  it("takes a key of 32 bytes alone", function()
    assert.has_error(function() digest.seal("short", "a", "") end)
    assert.has_error(function() digest.open(KEY .. "x", ("a"):rep(40), "") end)
  end)
end)
