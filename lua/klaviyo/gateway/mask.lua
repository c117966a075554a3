--- Masks a secret in a text that is streamed in chunks of any size: an error
--- response may repeat the header of the request.

local M = {}

local REDACTED = "[redacted]"

local Mask = {}
Mask.__index = Mask

--- Returns a mask for one response.
---@param secret string
function M.new(secret)
  return setmetatable({secret = secret, held = ""}, Mask)
end

--- Takes the next piece, and returns the text to send.
---@param chunk string
---@param last boolean|nil whether nothing follows
---@return string
function Mask:feed(chunk, last)
  local text, secret = self.held .. chunk, self.secret
  local out, at = {}, 1
  while true do
    local first, final = text:find(secret, at, true)
    if not first then
      break
    end
    out[#out + 1] = text:sub(at, first - 1)
    out[#out + 1] = REDACTED
    at = final + 1
  end
  -- the end may be the start of the secret
  local kept = last and #text + 1 or math.max(at, #text - #secret + 2)
  out[#out + 1] = text:sub(at, kept - 1)
  self.held = text:sub(kept)
  return table.concat(out)
end

return M
