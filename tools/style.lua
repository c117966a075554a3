-- What luacheck does not see: the rules of the C sources and of all text.
--
--   lua5.4 tools/style.lua        from the repository's root

local MAX_COLUMNS, MAX_LINES = 80, 600
local LUA_HEADERS = {
  ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true, ["luaconf.h"] = true, ["luajit.h"] = true,
}
local problems = 0

local function problem(file, line, format, ...)
  problems = problems + 1
  io.stderr:write(("%s:%d: %s\n"):format(file, line, format:format(...)))
end

local function files(pattern)
  local list = {}
  local pipe = assert(io.popen("git ls-files -z --cached --others --exclude-standard -- " .. pattern))
  for name in pipe:read("a"):gmatch("%Z+") do
    local file = io.open(name, "rb") -- one that is deleted is still listed
    if file then
      list[#list + 1] = { name = name, text = file:read("a") }
      file:close()
    end
  end
  pipe:close()
  return list
end

-- the binding layer of csrc, and that of the other shared objects
local function is_binding(name)
  return name:find("^csrc/lua/") or name:find("^csrc/%w+/l_")
end

local function lines(text)
  local number = 0
  return function(_, at)
    if at > #text then return nil end
    number = number + 1
    local stop = text:find("\n", at, true) or #text + 1
    return stop + 1, text:sub(at, stop - 1), number
  end, nil, 1
end

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

-- C: narrow, small, and Lua's headers only in the binding
for _, file in ipairs(files("'*.c' '*.h'")) do
  local count = 0
  local binding = is_binding(file.name) or not file.name:find("^csrc/")
  for _, line, number in lines(file.text) do
    count = number
    if utf8.len(line) == nil or utf8.len(line) > MAX_COLUMNS then
      problem(file.name, number, "more than %d columns", MAX_COLUMNS)
    end
    local header = line:match('^%s*#%s*include%s*[<"]([^>"]+)')
    if header and not binding and (LUA_HEADERS[header] or header:find("^lua/")) then
      problem(file.name, number, "plain C does not know Lua: %s", header)
    end
  end
  if count > MAX_LINES then problem(file.name, count, "more than %d lines", MAX_LINES) end
end

os.exit(problems == 0)
