-- Prints the graph of imports by folder, read from the sources: `require` and
-- lazy requires in Lua files, `#include` in C files. Fails on a cycle, on an import
-- against the order of the layers, and on a plain C file that includes Lua's
-- headers.
--
--   lua5.4 tools/imports.lua [-v]   from the repository's root; -v: every file

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local sources = require "sources"

-- The layers from the lowest to the highest. A folder may import itself, the
-- folders of its layer and those of lower layers. A file directly in lua/klaviyo/
-- has its own name here.
local LUA_LAYERS = {
  {"version", "core", "digest", "util"},
  {"values"},
  {"operations"},
  {"settings", "proxy", "client_settings"},
  {"request", "response", "document"},
  {"json", "openapi", "file_lock", "libcurl", "near_names"},
  {"nginx", "tasks", "redis"},
  {"auth"},
  {"transport"},
  {"call"},
  {"pagination"},
  {"bulk", "events", "csv"},
  {"resources", "client"},
  {"webhook", "sandbox", "oauth", "metrics"},
  {"init"},
  {"outbox", "gateway"},
  {"cli"},
}

-- The command uses the public interface alone, and the version, which it prints
-- without loading the rest.
local CLI_IMPORTS = {
  ["lua/klaviyo/init.lua"] = true, ["lua/klaviyo/version.lua"] = true,
  ["lua/klaviyo/gateway/init.lua"] = true, ["lua/klaviyo/outbox/init.lua"] = true,
  ["lua/klaviyo/redis/init.lua"] = true,
  ["lua/klaviyo/sandbox/init.lua"] = true, ["lua/klaviyo/webhook/init.lua"] = true,
}

local C_LAYERS = {
  {"base"}, {"json", "metrics"}, {"http", "ratelimit", "api"}, {"lua"},
  {"digest", "outbox", "redis"},
}

local LUA_HEADERS = {
  ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true,
  ["luaconf.h"] = true, ["luajit.h"] = true,
}

local verbose = arg[1] == "-v"
local problems = 0

local function problem(format, ...)
  problems = problems + 1
  io.stderr:write("imports: ", format:format(...), "\n")
end

-- Every import of a Lua file: a module's name in quotes, in its code.
local function lua_imports(text)
  local code = text:gsub("%-%-%[(=*)%[.-%]%1%]", ""):gsub("%-%-[^\n]*", "")
  local list = {}
  for name in code:gmatch('["\'](klaviyo[%w_.]*)["\']') do
    list[#list + 1] = name
  end
  return list
end

local function lua_files()
  local files, by_module = {}, {}
  for _, file in ipairs(sources.files("'lua/*.lua'")) do
    local module = file.name:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", ".")
    local short = module:gsub("%.init$", "")
    if not module:find("^klaviyo%.operations%.revisions%.") then -- data
      by_module[short] = file.name
      local rest = module:gsub("^klaviyo%.", "")
      files[file.name] = {folder = rest:match("^([^.]+)"), imports = {}}
    end
  end
  for _, file in ipairs(sources.files("'lua/*.lua'")) do
    local own = files[file.name]
    for _, module in ipairs(own and lua_imports(file.text) or {}) do
      local target = by_module[module]
      if target and target ~= file.name then
        own.imports[target] = true
      end
    end
  end
  return files
end

local function c_files()
  local files = {}
  for _, file in ipairs(sources.files("'csrc/*.c' 'csrc/*.h'")) do
    local folder = file.name:match("^csrc/([^/]+)/") or "csrc"
    local own = {folder = folder, imports = {}}
    files[file.name] = own
    local is_binding = folder == "lua" or file.name:find("/l_[^/]*$")
    for header in ("\n" .. file.text):gmatch('\n%s*#%s*include%s*[<"]([^>"\n]+)') do
      if (LUA_HEADERS[header] or header:find("^lua/")) and not is_binding then
        problem("%s is plain C and includes %s", file.name, header)
      end
      local beside = "csrc/" .. folder .. "/" .. header
      for _, target in ipairs {"csrc/" .. header, beside} do
        if target ~= file.name then
          own.imports[target] = true
        end
      end
    end
  end
  for _, own in pairs(files) do
    for target in pairs(own.imports) do
      if not files[target] then
        own.imports[target] = nil
      end
    end
  end
  return files
end

local function sorted(set)
  local list = {}
  for key in pairs(set) do
    list[#list + 1] = key
  end
  table.sort(list)
  return list
end

local function ranks(layers)
  local rank = {}
  for i, layer in ipairs(layers) do
    for _, folder in ipairs(layer) do
      rank[folder] = i
    end
  end
  return rank
end

local function check_order(files, layers)
  local rank = ranks(layers)
  for _, name in ipairs(sorted(files)) do
    local own = files[name]
    if not rank[own.folder] then
      problem("%s: no layer is named for %s; add it to tools/imports.lua", name,
        own.folder)
    end
    for _, target in ipairs(sorted(own.imports)) do
      local from, to = rank[own.folder], rank[files[target].folder]
      if from and to and to > from then
        problem("%s imports %s, which is above it", name, target)
      elseif own.folder == "cli" and files[target].folder ~= "cli"
          and not CLI_IMPORTS[target] then
        problem("%s imports %s, which is not public", name, target)
      end
    end
  end
end

-- Each strongly connected component of more than one file (Tarjan).
local function check_cycles(files)
  local index, low, stack, on_stack, counter = {}, {}, {}, {}, 0
  local function visit(name)
    counter = counter + 1
    index[name], low[name] = counter, counter
    stack[#stack + 1], on_stack[name] = name, true
    for _, target in ipairs(sorted(files[name].imports)) do
      if not index[target] then
        visit(target)
        low[name] = math.min(low[name], low[target])
      elseif on_stack[target] then
        low[name] = math.min(low[name], index[target])
      end
    end
    if low[name] == index[name] then
      local members = {}
      repeat
        local member = table.remove(stack)
        on_stack[member] = nil
        members[#members + 1] = member
      until member == name
      if #members > 1 then
        table.sort(members)
        problem("a cycle of %d files: %s", #members, table.concat(members, ", "))
      end
    end
  end
  for _, name in ipairs(sorted(files)) do
    if not index[name] then
      visit(name)
    end
  end
end

local function print_graph(title, files)
  local folders = {}
  for _, own in pairs(files) do
    local to = folders[own.folder] or {}
    folders[own.folder] = to
    for target in pairs(own.imports) do
      if files[target].folder ~= own.folder then
        to[files[target].folder] = true
      end
    end
  end
  print(title)
  for _, folder in ipairs(sorted(folders)) do
    print(("  %-12s %s"):format(folder, table.concat(sorted(folders[folder]), " ")))
  end
  for _, name in ipairs(verbose and sorted(files) or {}) do
    print(("  %s: %s"):format(name, table.concat(sorted(files[name].imports), " ")))
  end
end

for _, part in ipairs {
  {"lua/klaviyo, a folder and the folders it imports:", lua_files(), LUA_LAYERS},
  {"csrc, a folder and the folders it includes:", c_files(), C_LAYERS},
} do
  print_graph(part[1], part[2])
  check_cycles(part[2])
  check_order(part[2], part[3])
end

os.exit(problems == 0)
