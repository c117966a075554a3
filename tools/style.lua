-- What luacheck does not see: the rules of the C sources and of all text.
--
--   lua5.4 tools/style.lua        from the repository's root

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local sources = require "sources"

local MAX_COLUMNS, MAX_LINES = 80, 600
local problems = 0

local function problem(file, line, format, ...)
  problems = problems + 1
  io.stderr:write(("%s:%d: %s\n"):format(file, line, format:format(...)))
end

local files, lines = sources.files, sources.lines

-- all that is text: no trailing blanks, no tabs but in makefiles, an end
for _, file in ipairs(files("'*.c' '*.h' '*.lua' '*.sh' '*.md' '*.rockspec' Makefile '*.mk' '.[a-z]*'")) do
  local tabs = file.name == "Makefile" or file.name:find("%.mk$")
  for _, line, number in lines(file.text) do
    if line:find("[ \t\r]$") then problem(file.name, number, "trailing blank") end
    if not tabs and line:find("\t", 1, true) then problem(file.name, number, "tab") end
  end
  if file.text ~= "" and file.text:sub(-1) ~= "\n" then
    problem(file.name, 1, "no newline at the end")
  end
end

-- C: narrow and small
for _, file in ipairs(files("'*.c' '*.h'")) do
  local count = 0
  for _, line, number in lines(file.text) do
    count = number
    if utf8.len(line) == nil or utf8.len(line) > MAX_COLUMNS then
      problem(file.name, number, "more than %d columns", MAX_COLUMNS)
    end
  end
  if count > MAX_LINES then problem(file.name, count, "more than %d lines", MAX_LINES) end
end

-- Lua: blanks and doc comments. Specs and data are exempt.
local function is_checked(name)
  return not name:find("^lua/klaviyo/operations/revisions/")
end

for _, file in ipairs(files("'lua/*.lua' 'tools/*.lua' 'bench/*.lua' 'examples/*.lua'")) do
  local is_doc = false
  for _, line, number in lines(is_checked(file.name) and file.text or "") do
    local dashes = line:match("^%s*(%-%-+)")
    if is_doc and dashes == "--" then
      problem(file.name, number, "a doc comment has --- on every line")
    end
    is_doc = dashes == "---"
  end
  for _, line, number in lines(is_checked(file.name) and sources.lua_code(file.text) or "") do
    if line:find("{ +[^ ]") or line:find("[^ ] +}") then
      problem(file.name, number, "blanks inside of braces: write {x}")
    end
  end
end

os.exit(problems == 0)
