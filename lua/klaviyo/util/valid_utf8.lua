--- Returns a text with a question mark for each byte that is not part of a character
--- in UTF-8.

-- The characters of more than one byte (RFC 3629).
local CHARACTERS = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

-- Of bytes that are not ASCII.
local function correct(bytes)
  local parts, at = {}, 1
  while at <= #bytes do
    local last = at
    local part = "?"
    for _, pattern in ipairs(CHARACTERS) do
      local _, found = bytes:find(pattern, at)
      if found then
        last, part = found, bytes:sub(at, found)
      end
    end
    parts[#parts + 1], at = part, last + 1
  end
  return table.concat(parts)
end

---@param text string
---@return string
return function(text)
  return (text:gsub("[\128-\255]+", correct))
end
