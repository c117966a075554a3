-- The text files of the repository, for the tools that check them.

local M = {}

--- Returns the files of the repository that match patterns of `git ls-files`,
--- sorted by name; files that are not tracked and not ignored are included.
---@param patterns string  words of a shell
---@return {name: string, text: string}[]
function M.files(patterns)
  local list = {}
  local pipe = assert(io.popen("git ls-files -z --cached --others --exclude-standard --deduplicate -- " .. patterns))
  for name in pipe:read("a"):gmatch("%Z+") do
    local file = io.open(name, "rb") -- a deleted file is still listed
    if file then
      list[#list + 1] = {name = name, text = file:read("a")}
      file:close()
    end
  end
  pipe:close()
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Iterates over the lines of a text: `for _, line, number in …`.
---@param text string
function M.lines(text)
  local number = 0
  return function(_, at)
    if at > #text then return nil end
    number = number + 1
    local stop = text:find("\n", at, true) or #text + 1
    return stop + 1, text:sub(at, stop - 1), number
  end, nil, 1
end

-- Returns the last position of the string that begins at `at`, or nil if none does.
local function end_of_string(text, at, quotes)
  local quote = text:match("^" .. quotes, at)
  while quote do
    at = text:find(quote == "`" and "[\\`]" or "[\\" .. quote .. "\n]", at + 1)
    if not at or text:sub(at, at) ~= "\\" then
      return at or #text
    end
    at = at + 1
  end
end

local function end_of_line(text, at)
  return (text:find("\n", at, true) or #text + 1) - 1
end

-- Returns the last position of the comment or string that begins at `at`, or nil.
local function end_in_lua(text, at)
  local long = text:match("^%-%-%[(=*)%[", at) or text:match("^%[(=*)%[", at)
  if long then
    return select(2, text:find("]" .. long .. "]", at, true)) or #text
  elseif text:find("^%-%-", at) then
    return end_of_line(text, at)
  end
  return end_of_string(text, at, "[\"']")
end

local function end_in_c(text, at)
  if text:find("^/%*", at) then
    return select(2, text:find("*/", at + 2, true)) or #text
  elseif text:find("^//", at) then
    return end_of_line(text, at)
  end
  return end_of_string(text, at, "[\"'`]")
end

-- Returns the text with what `mask` returns for each comment and string. `starts`
-- matches their first bytes.
local function masked(text, starts, end_of_part, mask)
  local parts, at = {}, 1
  while true do
    local first = text:find(starts, at)
    if not first then
      parts[#parts + 1] = text:sub(at)
      return table.concat(parts)
    end
    local last = end_of_part(text, first)
    parts[#parts + 1] = text:sub(at, first - 1)
    local part = text:sub(first, last or first)
    parts[#parts + 1] = last and mask(part) or part
    at = (last or first) + 1
  end
end

local function blank(part)
  return (part:gsub("[^\n]", " "))
end

--- Returns Lua code without its comments and with the bytes of its strings
--- replaced by "x". Lines and columns stay.
---@param text string
---@return string
function M.lua_code(text)
  return masked(text, "[%-%[\"']", end_in_lua, function(part)
    return part:find("^%-%-") and blank(part) or (part:gsub("[^\n]", "x"))
  end)
end

--- Returns C or JavaScript without its comments and strings. Lines and columns stay.
---@param text string
---@return string
function M.c_code(text)
  return masked(text, "[/\"'`]", end_in_c, blank)
end

return M
