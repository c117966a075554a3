-- A git repository of a few files, for the specs of tools that read the sources.

local script = require "spec.support.script"
local shell = require "klaviyo.sandbox.shell"

local M = {}

local Tree = {}
Tree.__index = Tree

--- Returns an object for the specs of a file; each spec begins with an empty tree.
---@param before_each function  busted's
---@param after_each function  busted's
---@return table tree  dir, its path; root, that of this repository
function M.here(before_each, after_each)
  local tree = setmetatable({root = script.shell("pwd -P"):match("[^\n]+")}, Tree)
  before_each(function()
    tree.dir = script.shell("mktemp -d"):match("[^\n]+")
    assert(shell.run("git init -q " .. tree.dir))
  end)
  after_each(function()
    shell.run("rm -rf " .. tree.dir)
  end)
  return tree
end

--- Writes files: their texts by their paths in the tree.
---@param files table<string, string>
function Tree:write(files)
  for name, text in pairs(files) do
    assert(shell.run(("mkdir -p %s/$(dirname %s)"):format(self.dir, name)))
    shell.write(self.dir .. "/" .. name, text)
  end
end

--- Runs a Lua script of this repository in the tree.
---@param path string  "tools/style.lua"
---@return string output
---@return integer status
function Tree:run(path)
  return script.shell(("cd %s && lua5.4 %s/%s"):format(self.dir, script.quote(self.root), path))
end

return M
