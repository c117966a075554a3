--- Replaces the links of a JSON:API document by links to the gateway while the
--- document is streamed, in chunks of any size.
---
--- Only `links` members of the document, of its resources and of their
--- relationships are links; a URL inside of attributes or meta is data of the
--- account and stays as it is.

local M = {}

local ORIGIN = "https://a.klaviyo.com"
local SERVED = {"/api/", "/client/"}

-- Longer strings are not links or names of members.
local MAX_TEXT = 32768

-- Members whose content belongs to the account, not to the API.
local OPAQUE = {attributes = true, meta = true}

--- Returns a link to the gateway, or nil if the URL is not one of the API.
---@param url string
---@param base string the gateway's own URL, up to /api
---@return string|nil
function M.rebased(url, base)
  if url:sub(1, #ORIGIN) ~= ORIGIN then
    return nil
  end
  local rest = url:sub(#ORIGIN + 1)
  for _, start in ipairs(SERVED) do
    if rest:sub(1, #start) == start then
      return base .. rest
    end
  end
end

-- Returns a link as a JSON string without quotes. `\/` is the only escape that
-- links contain.
local function rebased_text(raw, base)
  local url = raw:gsub("\\/", "/")
  return not url:find("\\", 1, true) and M.rebased(url, base) or raw
end

local Scanner = {}
Scanner.__index = Scanner

--- Returns a scanner for one document.
---@param base string the gateway's own URL, up to /api
function M.new(base)
  return setmetatable({
    base = base,
    held = nil,       -- pieces of the current string, if it may matter
    held_size = 0,
    inside = false,   -- whether a string is open
    escaped = false,  -- the next byte of it belongs to a backslash
    key = nil,        -- the member whose value comes next
    name = nil,       -- the last string, a key if ":" follows
    depth = 0,
    links = nil,      -- the depth at which links began
    opaque = nil,     -- the depth at which data of the account began
    objects = {},     -- by depth: whether it is an object
    value = false,    -- a value comes next, not a key
  }, Scanner)
end

function Scanner:open(is_object)
  self.depth = self.depth + 1
  self.objects[self.depth] = is_object
  if self.key and not self.opaque then
    if OPAQUE[self.key] then
      self.opaque = self.depth
    elseif self.key == "links" and not self.links then
      self.links = self.depth
    end
  end
  self.key, self.value = nil, not is_object
end

function Scanner:close()
  if self.links == self.depth then
    self.links = nil
  end
  if self.opaque == self.depth then
    self.opaque = nil
  end
  self.depth = self.depth - 1
  self.key, self.value = nil, false
end

-- A string matters outside of the account's data: a key may be "links", and a
-- value among links may be a link.
function Scanner:matters()
  return not self.opaque and (not self.value or self.links)
end

function Scanner:begin_text(out)
  out[#out + 1] = '"'
  self.inside, self.escaped = true, false
  self.held = self:matters() and {} or nil
  self.held_size = 0
end

function Scanner:more_text(out, piece)
  local held = self.held
  if not held then
    out[#out + 1] = piece
    return
  end
  held[#held + 1] = piece
  self.held_size = self.held_size + #piece
  if self.held_size > MAX_TEXT then
    out[#out + 1] = table.concat(held)
    self.held = nil
  end
end

function Scanner:end_text(out)
  local text = self.held and table.concat(self.held)
  if text and self.value then
    text = rebased_text(text, self.base)
  elseif text then
    self.name = text
  end
  out[#out + 1] = text or ""
  out[#out + 1] = '"'
  self.inside, self.held = false, nil
end

-- Scans from inside a string to its end, or to the end of the chunk.
function Scanner:text(out, chunk, at)
  local from = at
  if self.escaped then
    self.escaped = false
    at = at + 1
  end
  while true do
    local found = chunk:find('["\\]', at)
    if not found then
      self:more_text(out, chunk:sub(from))
      return #chunk + 1
    elseif chunk:byte(found) == 34 then -- "
      self:more_text(out, chunk:sub(from, found - 1))
      self:end_text(out)
      return found + 1
    elseif found == #chunk then
      self.escaped = true
      self:more_text(out, chunk:sub(from))
      return #chunk + 1
    end
    at = found + 2
  end
end

function Scanner:mark(byte)
  if byte == 123 then -- {
    self:open(true)
  elseif byte == 91 then -- [
    self:open(false)
  elseif byte == 125 or byte == 93 then --} ]
    self:close()
  elseif byte == 58 then -- :
    self.key, self.value = self.name, true
    self.name = nil
  else -- ,
    self.key, self.value = nil, not self.objects[self.depth]
  end
end

--- Takes the next piece of a document, and returns the text to send.
---@param chunk string
---@param last boolean|nil whether nothing follows
---@return string
function Scanner:feed(chunk, last)
  local out, at = {}, 1
  while at <= #chunk do
    if self.inside then
      at = self:text(out, chunk, at)
    else
      local found = chunk:find('["{}%[%]:,]', at)
      if not found then
        out[#out + 1] = chunk:sub(at)
        break
      end
      local byte = chunk:byte(found)
      if byte == 34 then -- "
        out[#out + 1] = chunk:sub(at, found - 1)
        self:begin_text(out)
      else
        out[#out + 1] = chunk:sub(at, found)
        self:mark(byte)
      end
      at = found + 1
    end
  end
  if last and self.held then -- the document is incomplete; send the rest as it is
    out[#out + 1] = table.concat(self.held)
    self.held = nil
  end
  return table.concat(out)
end

return M
