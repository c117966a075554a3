--- Words for a shell.

local M = {}

--- Returns a text as one word of the shell.
---@param text string
---@return string
function M.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Returns the same for a reader: a text that needs no quotes has none.
---@param text string
---@return string
function M.word(text)
  return text:find("^[%w_./:@%%+=,-]+$") and text or M.quote(text)
end

return M
