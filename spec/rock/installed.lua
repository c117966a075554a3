-- What the specs of a rock ask of the tree in which tools/rock.sh installed it. Only
-- what LuaRocks installed is in the paths, so a spec loads this file by its name.

local shell = require "klaviyo.sandbox.shell"

local tree = assert(os.getenv("KLAVIYO_ROCK"), "KLAVIYO_ROCK: see tools/rock.sh")
local source = debug.getinfo(1, "S").source:match("^@(.*)/spec/rock/[^/]*$")

local M = {tree = tree, key = os.getenv("KLAVIYO_TEST_KEY") or "pk_canary_0123456789abcdef"}

--- Returns the lines that a command writes.
---@param command string
---@return string[]
function M.lines(command)
  local list = {}
  for line in select(2, shell.run(command)):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

--- Returns the files of the tree whose path matches.
---@param pattern string  as of find -path
---@return string[]
function M.find(pattern)
  return M.lines(("find %s -path %s | sort"):format(shell.quote(tree), shell.quote(pattern)))
end

--- Returns the modules of a rock, in the sources and in the tree.
---@param tests string  of find: which modules the rock has
---@return string[] here
---@return string[] there
function M.modules(tests)
  local function list(folder)
    return M.lines(("cd %s && find klaviyo -name '*.lua' %s | sort"):format(folder, tests))
  end
  return list(shell.quote(source) .. "/lua"), list(shell.quote(tree) .. "/share/lua/*")
end

--- Returns the functions that a library exports, and the libraries that it needs
--- besides that of C.
---@param library string  its path
---@return string[] symbols
---@return string[] needs
function M.inspect(library)
  local symbols, needs = {}, {}
  for i, line in ipairs(M.lines("nm -D --defined-only " .. shell.quote(library))) do
    symbols[i] = line:match(" T (%S+)$") or line
  end
  for _, line in ipairs(M.lines("readelf -d " .. shell.quote(library))) do
    local name = line:match("%(NEEDED%)[^%[]*%[([^%].]+)")
    -- glibc's loader gives threads variables of their own
    if name and name ~= "libc" and not name:find("^ld%-linux") then
      needs[#needs + 1] = name
    end
  end
  table.sort(needs)
  return symbols, needs
end

return M
