-- Runs a script in an interpreter of its own, of the same kind as the specs': for
-- what needs a whole process (its exit, its memory, its signals).

local M = {}

--- The interpreter: the one that `make` names, or else the one that runs this.
M.interpreter = os.getenv("LUA") or (rawget(_G, "jit") and "luajit") or "lua" .. _VERSION:match("%d+%.%d+")

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end
M.quote = quote

-- Starts a shell command; returns a function that waits for its end and returns its output and status.
local function start(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1 </dev/null; printf '\\nexit status %d\\n' $?"))
  return function()
    local text = pipe:read("*a")
    pipe:close()
    local output, status = text:match("^(.*)\nexit status (%d+)\n$")
    return output, tonumber(status)
  end
end

--- Runs a shell command.
---@param command string
---@return string output what it wrote to stdout and stderr
---@return integer status its exit status; 124 when `timeout` ended it
function M.shell(command)
  return start(command)()
end

--- Starts a Lua script, so that several can run at a time.
---@param text string the script itself
---@param options? {env: table<string, string>, args: string[], timeout: number, prefix: string}
---  environment besides this process's; `...` of the script; timeout in seconds (20);
---  a command to put before the interpreter's, such as valgrind
---@return fun(): string, integer wait returns the output and the exit status, as `run` does
function M.start(text, options)
  options = options or {}
  local words = { "env" }
  for name, value in pairs(options.env or {}) do words[#words + 1] = quote(name .. "=" .. value) end
  words[#words + 1] = ("timeout -k 2 %s"):format(options.timeout or 20)
  words[#words + 1] = options.prefix
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  words[#words + 1] = quote(M.interpreter) .. " " .. quote(name)
  for _, argument in ipairs(options.args or {}) do words[#words + 1] = quote(argument) end
  local wait = start(table.concat(words, " "))
  return function()
    local output, status = wait()
    os.remove(name)
    return output, status
  end
end

--- Runs a Lua script; the parameters are those of `start`.
---@return string output what it wrote to stdout and stderr
---@return integer status its exit status; 124 when it timed out
function M.run(text, options)
  return M.start(text, options)()
end

return M
