--- Texts in a store, encrypted if there are keys.

local base64 = require "klaviyo.util.base64"
local digest = require "klaviyo.digest"

local M = {}

local ENCRYPTED = "aes-256-gcm "

--- Returns a text as it is stored.
---@param keys string[]|nil  each has 32 bytes; the first one encrypts
---@param text string
---@param name string  what the text belongs to: it cannot be opened as another's
---@return string
function M.seal(keys, text, name)
  return keys and ENCRYPTED .. base64.encode(digest.seal(keys[1], text, name)) or text
end

local function opened(keys, bytes, name)
  for _, key in ipairs(bytes and keys or {}) do
    local text = digest.open(key, bytes, name)
    if text then
      return text
    end
  end
end

--- Returns the text that was stored, or nil and a message. A text that is not encrypted
--- proves nothing: anyone who can write to the store may have put it there.
---@param keys string[]|nil
---@param stored string
---@param name string
---@param read_unencrypted boolean|nil  accepts it, too
---@return string|nil
---@return string|nil message
function M.open(keys, stored, name, read_unencrypted)
  if stored:sub(1, #ENCRYPTED) ~= ENCRYPTED then
    if keys and not read_unencrypted then
      return nil, "they are not encrypted; set read_unencrypted = true if they were "
        .. "stored before there was an encryption_key"
    end
    return stored
  elseif not keys then
    return nil, "they are encrypted; set encryption_key"
  end
  local text = opened(keys, base64.decode(stored:sub(#ENCRYPTED + 1)), name)
  if not text then
    return nil, "encryption_key is not the key that they were encrypted with, or they "
      .. "were changed"
  end
  return text
end

return M
