-- Prints the result of tools/coverage.sh as a table: the lines of code, the lines
-- that ran, and their share, for each file and in total.
--
--   lua5.4 tools/coverage.lua DIRECTORY-OF-LUA-COUNTS GCOV-OUTPUT [-v]
--
-- With -v it also lists the lines that did not run. Exits with status 1 if less
-- than MINIMUM per cent of the core or of the Lua API ran.

local MINIMUM = 90

-- Not of the Lua API: what runs in an nginx, where nothing is counted. There it is
-- the specs themselves that tell.
local IN_NGINX = {"^klaviyo/sandbox", "^klaviyo/gateway", "^klaviyo/webhook/receiver",
  "^klaviyo/nginx", "^klaviyo/tasks/scheduler/nginx", "^klaviyo/outbox/timer", "^klaviyo/oauth/browser"}

local directory, gcov, verbose = arg[1], arg[2], arg[3] == "-v"

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do
    list[#list + 1] = line
  end
  pipe:close()
  return list
end

-- Returns the lines for which the compiler generates code, except those with only
-- the end of a block, which is not reached after a return.
local function lua_lines(path)
  local texts, code = {}, {}
  for text in io.lines(path) do
    texts[#texts + 1] = text
  end
  for _, line in ipairs(lines_of("luac5.4 -l -p '" .. path .. "'")) do
    local number, what = line:match("^\t%d+\t%[(%d+)%]\t(%u+)")
    number = tonumber(number)
    local text = number and texts[number]
    if number and what ~= "VARARGPREP" and not (text:find("^%s*end[%s,)}]*$") or text:find("^%s*[})]+,?$")) then
      code[number] = false
    end
  end
  return code
end

local files = {}  -- name → {line → whether it ran}

for _, path in ipairs(lines_of("find lua -name '*.lua' ! -path '*/revisions/*'")) do
  files[path] = lua_lines(path)
end
for _, path in ipairs(lines_of("find '" .. directory .. "' -type f")) do
  for line in io.lines(path) do
    local name, numbers = line:match("^(%S+) ?(.*)$")
    local code = files["lua/" .. (name:match(".*lua/(klaviyo/.*)$") or "")]
    for number in (code and numbers or ""):gmatch("%d+") do
      if code[tonumber(number)] ~= nil then
        code[tonumber(number)] = true
      end
    end
  end
end

-- A file may be built several times: a line counts if it ran in one of them.
local source
for line in io.lines(gcov) do
  local count, number, text = line:match("^%s*([^:]+):%s*(%d+):(.*)$")
  if number == "0" and text:find("^Source:") then
    source = text:match("(csrc/.+)$")
    files[source or ""] = files[source or ""] or {}
  elseif source and count and count ~= "-" then
    local code = files[source]
    code[tonumber(number)] = code[tonumber(number)] or count:find("^%d") ~= nil
  end
end
files[""] = nil

local groups = {{"the core (csrc)", "^csrc/"}, {"the Lua API (lua)", "^lua/"},
  {"what runs in nginx, too, where nothing is counted", ""}}

local function group_of(name)
  for _, pattern in ipairs(IN_NGINX) do
    if name:gsub("^lua/", ""):find(pattern) then
      return groups[3]
    end
  end
  for _, group in ipairs(groups) do
    if name:find(group[2]) then
      return group
    end
  end
end

-- Returns line numbers as ranges: "3-5 9 12-20".
local function ranges(numbers)
  local list, first, last = {}, nil, nil
  for _, number in ipairs(numbers) do
    if last and number == last + 1 then
      last = number
      list[#list] = first .. "-" .. last
    else
      first, last = number, number
      list[#list + 1] = tostring(number)
    end
  end
  return table.concat(list, " ")
end

local names = {}
for name in pairs(files) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  local all, ran, missing = 0, 0, {}
  for number, did in pairs(files[name]) do
    all, ran = all + 1, ran + (did and 1 or 0)
    if not did then
      missing[#missing + 1] = number
    end
  end
  table.sort(missing)
  local group = group_of(name)
  group.all, group.ran = (group.all or 0) + all, (group.ran or 0) + ran
  group[#group + 1] = ("%6d of %6d  %5.1f %%  %s%s"):format(ran, all, all > 0 and 100 * ran / all or 100, name,
    verbose and #missing > 0 and "\n" .. (" "):rep(27) .. ranges(missing) or "")
end

local good = true
for i, group in ipairs(groups) do
  for k = 3, #group do
    print(group[k])
  end
  local share = 100 * group.ran / math.max(group.all, 1)
  print(("%6d of %6d  %5.1f %%  %s\n"):format(group.ran, group.all, share, group[1]))
  good = good and (i > 2 or share >= MINIMUM)
end
if not good then
  print("coverage: less than " .. MINIMUM .. " % ran")
  os.exit(1)
end
