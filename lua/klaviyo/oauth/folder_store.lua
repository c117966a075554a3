--- Tokens in a folder: a file for each account, which only its owner may read and
--- which is replaced in one step.

local core = require "klaviyo.core"
local percent_encoding = require "klaviyo.util.percent_encoding"

local M = {}

local Folder = {}
Folder.__index = Folder

local SUFFIX = ".token"
local ENOENT = 2

-- Seconds between two looks for files that a process left behind which was killed
-- while it wrote them.
local SWEEP = 3600

-- What a pair of tokens needs at most, more or less. No account has this name.
local PROBE, PROBE_SIZE = "/.probe", 16384

--- Returns the name of an account as a part of a file name.
---@param account string
---@return string
function M.file_name(account)
  return percent_encoding.encode(account, "[^A-Za-z0-9_-]")
end

--- Returns the store of a folder, which is created when it is first written to.
---@param path string
---@param suffix string|nil  of its files; default ".token"
function M.new(path, suffix)
  suffix = suffix or SUFFIX
  return setmetatable({
    path = path:gsub("(.)/+$", "%1"), suffix = suffix,
    leftover = "^[%w_%%.-]+%" .. suffix .. "%.%w%w%w%w%w%w$",
  }, Folder)
end

local function path_of(self, account)
  return self.path .. "/" .. M.file_name(account) .. self.suffix
end

local function make(self)
  local ok, why = core.make_folder(self.path)
  if not ok then
    return nil, ("%s: %s"):format(self.path, why)
  end
  return true
end

-- Removes what processes left behind that were killed: it has tokens. What is being
-- written stays.
local function sweep(self, names)
  self.swept = core.clock()
  for _, name in ipairs(names) do
    if name:find(self.leftover) then
      core.remove_leftover(self.path .. "/" .. name)
    end
  end
end

local function sweep_if_due(self)
  if not self.swept or core.clock() - self.swept >= SWEEP then
    sweep(self, core.list_folder(self.path) or {})
  end
end

--- Makes the folder, and checks that there is room for a file. Returns true, or nil and
--- a message.
function Folder:prepare()
  local ok, why = make(self)
  if not ok then
    return nil, why
  end
  local path = self.path .. PROBE .. self.suffix
  ok, why = core.write_private_file(path, (" "):rep(PROBE_SIZE))
  if not ok then
    return nil, ("%s: %s"):format(self.path, why)
  end
  os.remove(path)
  return true
end

--- Returns the text of an account, nil if there is none, or nil and a message.
function Folder:load(account)
  local file, why, code = io.open(path_of(self, account), "rb")
  if not file then
    return nil, code ~= ENOENT and why or nil
  end
  local text
  text, why = file:read("*a")
  file:close()
  return text, why
end

--- Replaces the text of an account; nil removes it. Returns true, or nil and a
--- message.
function Folder:save(account, text)
  local path = path_of(self, account)
  if not text then
    local ok, why, code = os.remove(path)
    if not ok and code ~= ENOENT then
      return nil, why
    end
    return true
  end
  local ok, why = make(self)
  if not ok then
    return nil, why
  end
  sweep_if_due(self)
  ok, why = core.write_private_file(path, text)
  if not ok then
    return nil, ("%s: %s"):format(path, why)
  end
  return true
end

--- Returns the accounts, in order, or nil and a message.
function Folder:list()
  local ok, why = make(self)
  if not ok then
    return nil, why
  end
  local names
  names, why = core.list_folder(self.path)
  if not names then
    return nil, ("%s: %s"):format(self.path, why)
  end
  sweep(self, names)
  local list = {}
  for _, name in ipairs(names) do
    if name:sub(-#self.suffix) == self.suffix and name:sub(1, 1) ~= "." then
      list[#list + 1] = percent_encoding.decode(name:sub(1, -#self.suffix - 1))
    end
  end
  table.sort(list)
  return list
end

return M
