-- What Lua 5.5 does not accept, though the other Luas do: an assignment to the
-- control variable of a loop, the name `global`, the options "setpause" and
-- "setstepmul" of collectgarbage. A line that ends with "not for Lua 5.5" is
-- excepted.
--
--   lua5.4 tools/lua55.lua [file ...]   from the repository's root

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
  .. ";/usr/share/lua/5.1/?.lua" -- where Debian has luacheck
local sources = require "sources"

local found, parser = pcall(require, "luacheck.parser")
if not found then
  print("lint: skipped the rules of Lua 5.5, no luacheck.parser")
  return
end
local decoder = require "luacheck.decoder"

local REMOVED = {setpause = true, setstepmul = true}

local problems = 0

-- Calls problem(line, format, ...) for each violation in a chunk.
local function check(chunk, problem)
  local visit

  local function visit_all(list, scope)
    for _, child in ipairs(list) do
      if type(child) == "table" then visit(child, scope) end
    end
  end

  -- `control`: is the variable the control variable of a loop?
  local function declare(scope, id, control)
    if id[1] == "global" then
      problem(id.line, "the name global is a keyword of Lua 5.5")
    end
    scope[id[1]] = control or false
  end

  local function inner(scope)
    return setmetatable({}, {__index = scope})
  end

  local function loop(names, block, scope)
    scope = inner(scope)
    for i, id in ipairs(names) do
      declare(scope, id, i == 1)
    end
    visit_all(block, inner(scope))
  end

  local kinds = {}

  function kinds.Fornum(node, scope)
    for i = 2, #node - 1 do visit(node[i], scope) end
    loop({node[1]}, node[#node], scope)
  end

  function kinds.Forin(node, scope)
    visit_all(node[2], scope)
    loop(node[1], node[3], scope)
  end

  function kinds.Local(node, scope)
    visit_all(node[2] or {}, scope)
    for _, id in ipairs(node[1]) do declare(scope, id) end
  end

  function kinds.Localrec(node, scope)
    for _, id in ipairs(node[1]) do declare(scope, id) end
    visit_all(node[2], scope)
  end

  function kinds.Function(node, scope)
    scope = inner(scope)
    for _, id in ipairs(node[1]) do
      if id.tag == "Id" then declare(scope, id) end
    end
    visit_all(node[2], scope)
  end

  function kinds.Set(node, scope)
    for _, target in ipairs(node[1]) do
      if target.tag == "Id" and scope[target[1]] then
        problem(target.line, "%s is the control variable of a loop: Lua 5.5 cannot assign to it", target[1])
      end
    end
    visit_all(node[1], scope)
    visit_all(node[2], scope)
  end

  function kinds.Call(node, scope)
    local called, option = node[1], node[2]
    if called.tag == "Id" and called[1] == "collectgarbage" and option
      and option.tag == "String" and REMOVED[option[1]] then
      problem(node.line, "collectgarbage has no option %s in Lua 5.5", option[1])
    end
    visit_all(node, scope)
  end

  function kinds.Id(node)
    if node[1] == "global" then
      problem(node.line, "the name global is a keyword of Lua 5.5")
    end
  end

  function visit(node, scope)
    local kind = kinds[node.tag]
    if kind then
      kind(node, scope)
    else
      visit_all(node, node.tag and node.tag ~= "Do" and scope or inner(scope))
    end
  end

  -- a block's locals end with it; an untagged table is a block, or a list in
  -- which nothing is declared
  visit_all(chunk, {})
end

local list = {}
for _, name in ipairs(arg) do
  local file = assert(io.open(name, "rb"))
  list[#list + 1] = {name = name, text = file:read("a")}
  file:close()
end

for _, file in ipairs(#list > 0 and list or sources.files("'*.lua'")) do
  local excepted = {}
  for _, line, number in sources.lines(file.text) do
    excepted[number] = line:find("not for Lua 5.5$") ~= nil
  end
  check(parser.parse(decoder.decode((file.text:gsub("^#[^\n]*", "")))), function(line, format, ...)
    if not excepted[line] then
      problems = problems + 1
      io.stderr:write(("%s:%d: %s\n"):format(file.name, line, format:format(...)))
    end
  end)
end

os.exit(problems == 0)
