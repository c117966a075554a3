--- Generates the data files of one revision from its OpenAPI document:
---
---   lua5.4 tools/revision.lua DOCUMENT.json lua/klaviyo/operations/revisions [DATE]
---
--- writes DATE.lua there, and schemas/DATE.lua, which a program loads when it
--- sends a document. The files of a stable revision contain the differences from the
--- previous one in lua/klaviyo/operations/revisions/index.lua, so generate revisions
--- in the order of their dates. A beta revision follows its stable date. `make
--- revision` calls this tool, and updates what else names the revisions.
---
--- With a date, the document is that of a beta revision: the files contain the
--- operations of it that become stable on that date, as far as is known. They are
--- used until there is a document of that date.

local home = arg[0]:match("^(.*)[/\\][^/\\]*$") or "."
package.path = home .. "/../lua/?.lua;" .. home .. "/../lua/?/init.lua;" .. package.path

local documents = require "klaviyo.openapi.document"
local index = require "klaviyo.operations.revisions.index"
local operations = require "klaviyo.operations"
local sections = require "klaviyo.openapi.sections"
local tables = require "klaviyo.util.tables"

local usage = "usage: revision.lua DOCUMENT.json DIRECTORY [DATE]"
local path, directory, stable_date = arg[1], arg[2], arg[3]
assert(path and directory, usage)

local file = assert(io.open(path, "rb"))
local text = file:read("*a")
file:close()
local made, problem = documents.read(text)
if not made then
  error(path .. ": " .. problem, 0)
end

-- Returns the revision before a date that was made from a document, or nil.
local function before(date)
  local found
  for _, known in ipairs(index) do
    if known < date and not index.provisional[known] then
      found = known
    end
  end
  return found
end

-- The operations of the beta revision that become stable: their descriptions name
-- the date, or the changelog of the revision names their paths.
local STABLE_PATHS = {"^/api/brand%-", "^/api/text%-messaging%-"}

local function becomes_stable(line, description)
  for _, pattern in ipairs(STABLE_PATHS) do
    if line:match("^%u+ (%S+)"):find(pattern) then
      return true
    end
  end
  return description:find("released in GA in our " .. stable_date .. " revision", 1,
    true) ~= nil
end

local function descriptions()
  local by_id = {}
  for _, item in pairs(require("klaviyo.values.json").decode(text).paths) do
    for _, operation in pairs(item) do
      if type(operation) == "table" and operation.operationId then
        by_id[operation.operationId] = operation.description or ""
      end
    end
  end
  return by_id
end

local function list_of(lines)
  local list = {}
  for _, name in ipairs(tables.sorted(lines)) do
    list[#list + 1] = lines[name]
  end
  return list
end

-- Keeps the operations that become stable, under their stable names, and the lines
-- that they refer to.
local function keep_stable()
  local by_id, lines = descriptions(), {}
  for id, line in pairs(made.operations) do
    if becomes_stable(line, by_id[id]) then
      local name = id:gsub("_beta$", "")
      lines[name] = line:gsub(" alias=(%S+)", function(list)
        local others = {}
        for alias in list:gmatch("[^,]+") do
          others[#others + 1] = alias ~= name and alias or nil
        end
        return #others > 0 and " alias=" .. table.concat(others, ",") or ""
      end)
    end
  end
  made.operations = lines
  local used = table.concat(list_of(lines), "\n")
  for name in pairs(made.fields) do
    if not used:find("[=,]" .. name:gsub("%p", "%%%0") .. "%f[ ,\n]") then
      made.fields[name] = nil
    end
  end
end

-- Keeps the schemas that operations refer to, directly or through others.
local function keep_used_schemas()
  local kept = {}
  local function keep(line)
    for name in line:gmatch("%f[%w]%u%w*Beta") do
      if not kept[name] and made.schemas[name] then
        kept[name] = made.schemas[name]
        keep(kept[name])
      end
    end
  end
  for _, line in pairs(made.operations) do
    keep(line)
  end
  made.schemas = kept
end

if stable_date then
  keep_stable()
  keep_used_schemas()
  made.date = stable_date
end

local date = made.date
local is_beta = date:find("%.pre$") ~= nil
local follows
if is_beta then
  follows = operations.latest(date:match("^(.*)%.pre$"))
else
  follows = before(date)
end
local previous = follows and operations.revision(follows):lines()
  or {operations = {}, fields = {}, schemas = {}}

-- Returns the lines of a section that the previous revision does not have, and the
-- names that are removed.
local function differing(name)
  local lines, removed = {}, {}
  for key, line in pairs(made[name]) do
    if line ~= previous[name][key] then
      lines[key] = line
    end
  end
  if is_beta or stable_date then
    removed = name == "operations"
      and sections.replaced(previous.operations, made.operations) or {}
  else
    for _, key in ipairs(tables.sorted(previous[name])) do
      if not made[name][key] then
        removed[#removed + 1] = key
      end
    end
  end
  return lines, removed
end

-- Adds a long string, and before it its size, by which operations/revision_file.lua
-- reads it.
local function add_section(out, prefix, name)
  local lines, size = sections.list(differing(name)), 0
  for _, line in ipairs(lines) do
    size = size + #line + 1
  end
  out[#out + 1] = ("%s-- %d bytes"):format(prefix:match "^ *", size)
  out[#out + 1] = prefix .. "[=["
  for _, line in ipairs(lines) do
    out[#out + 1] = line
  end
  out[#out + 1] = "]=]"
end

local function header(what)
  return {
    ("-- %s of %s%s."):format(what, date,
      follows and ": the differences from " .. follows or ""),
    "-- Generated by tools/revision.lua: do not edit. The format is described in",
    "-- klaviyo/operations/format.lua.",
  }
end

local function write(name, out)
  local made_file = assert(io.open(name, "w"))
  made_file:write(table.concat(out, "\n"), "\n")
  made_file:close()
  print(name)
end

local out = header("The API")
out[#out + 1] = ("return {\n  date = %q,"):format(date)
if follows then
  out[#out + 1] = ("  follows = %q,"):format(follows)
end
for _, name in ipairs {"operations", "fields"} do
  add_section(out, ("  %s = "):format(name), name)
  out[#out] = out[#out] .. ","
end
out[#out + 1] = "}"
local file_name = date:gsub("%.", "-")  -- a module's name has no other dot
write(("%s/%s.lua"):format(directory, file_name), out)

out = header("The request documents")
add_section(out, "return ", "schemas")
write(("%s/schemas/%s.lua"):format(directory, file_name), out)
