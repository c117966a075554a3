-- The text files of the repository, for the tools that check them.

local M = {}

--- Returns the files of the repository that match patterns of `git ls-files`,
--- sorted by name; those that git does not ignore count too.
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

return M
