--- SHA-256 (FIPS 180-4) for the sandbox's nginx, whose Lua may be one for which
--- klaviyo.digest is not built.

local found, bit = pcall(require, "bit")
if not found then  -- not LuaJIT, so not nginx
  return require("klaviyo.digest").sha256
end

local band, bnot, bxor, ror, rshift = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift
local tobit = bit.tobit

-- Returns the first 32 bits of the fraction of a number.
local function fraction_bits(number)
  return tobit(math.floor(number % 1 * 2 ^ 32))
end

-- The roots of the first 64 primes.
local H, K = {}, {}
local candidate = 2
while #K < 64 do
  local is_prime = true
  for divisor = 2, math.floor(candidate ^ 0.5) do
    is_prime = is_prime and candidate % divisor ~= 0
  end
  if is_prime then
    if #H < 8 then
      H[#H + 1] = fraction_bits(candidate ^ (1 / 2))
    end
    K[#K + 1] = fraction_bits(candidate ^ (1 / 3))
  end
  candidate = candidate + 1
end

local function schedule(text, at)
  local w = {}
  for i = 1, 16 do
    local a, b, c, d = text:byte(at + i * 4 - 4, at + i * 4 - 1)
    w[i] = tobit(((a * 256 + b) * 256 + c) * 256 + d)
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    w[i] = tobit(w[i - 16] + bxor(ror(x, 7), ror(x, 18), rshift(x, 3)) + w[i - 7]
      + bxor(ror(y, 17), ror(y, 19), rshift(y, 10)))
  end
  return w
end

local function add_block(hash, w)
  local a, b, c, d, e, f, g, h = unpack(hash)
  for i = 1, 64 do
    local first = h + bxor(ror(e, 6), ror(e, 11), ror(e, 25))
      + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i]
    local second = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
      + bxor(band(a, b), band(a, c), band(b, c))
    a, b, c, d, e, f, g, h = tobit(first + second), a, b, c, tobit(d + first), e, f, g
  end
  for i, value in ipairs {a, b, c, d, e, f, g, h} do
    hash[i] = tobit(hash[i] + value)
  end
end

--- Returns the digest of a text shorter than 512 MiB, as hexadecimal digits.
---@param text string
---@return string
return function(text)
  local size = #text * 8
  local length = {}
  for i = 1, 4 do
    length[i] = string.char(math.floor(size / 256 ^ (4 - i)) % 256)
  end
  text = text .. "\128" .. ("\0"):rep((55 - #text) % 64 + 4) .. table.concat(length)
  local hash = {unpack(H)}
  for at = 1, #text, 64 do
    add_block(hash, schedule(text, at))
  end
  for i, value in ipairs(hash) do
    hash[i] = bit.tohex(value)
  end
  return table.concat(hash)
end
