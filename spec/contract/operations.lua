-- Sends the cases of a file through the client, one after another.
--
--   lua5.4 spec/contract/operations.lua cases.json base_url picture.png key
--     [auth_scheme]
--
-- Prints a line for each case that failed: its number, a tab, and the error.

package.path = arg[0]:match("^(.*)/") .. "/?.lua;" .. package.path

local cjson = require "cjson"
local klaviyo = require "klaviyo"
local methods = require "methods"

local unpack = table.unpack or unpack  -- luacheck: ignore 113

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

local work, picture = cjson.decode(read(arg[1])), arg[3]

-- The day on which the revision was released: Klaviyo serves it, and no later one.
require("klaviyo.operations.revision_lifecycle").set_today(work.revision:sub(1, 10))

local client = klaviyo.new {
  api_key = arg[4],
  auth_scheme = arg[5],
  base_url = arg[2],
  revision = work.revision,
  on_warning = function() end,
  pacing = false,
  retries = 0,
}

local function term(t)
  local build, value = klaviyo.filter[t.operator:gsub("-", "_")], t.value
  if t.operator == "has" then
    return build(t.field)
  elseif t.date then
    value = type(value) == "table" and {klaviyo.datetime(value[1])}
      or klaviyo.datetime(value)
  end
  return build(t.field, value)
end

local function arguments(case)
  local args = {}
  for name, value in pairs(case.args) do
    args[name] = value
  end
  if type(args.filter) == "table" then
    local list = {}
    for i, t in ipairs(args.filter) do
      list[i] = term(t)
    end
    args.filter = klaviyo.filter.all(unpack(list))
  end
  return args
end

-- A file to upload can be passed in three forms.
local FILES = {
  path = function()
    return picture
  end,
  data = function()
    return {data = read(picture), filename = "picture.png"}
  end,
  reader = function()
    local file = assert(io.open(picture, "rb"))
    return {filename = "picture.png", reader = function()
      return file:read(7)
    end}
  end,
}

local function send(case)
  case.revision = work.revision
  if case.upload then
    case.flat.file = FILES[case.upload]()
  end
  local headers = {["User-Agent"] = "case/" .. case.n}
  for name, value in pairs(case.headers) do
    headers[name] = value
  end
  return methods.call(client, case, arguments(case), {headers = headers})
end

for _, case in ipairs(work.cases) do
  local ok, doc, err = pcall(send, case)
  if not ok or not doc then
    print(case.n .. "\t" .. tostring(not ok and doc or err)
      :gsub("^%S+:%d+: ", ""):gsub("%s+", " "))
  end
end
