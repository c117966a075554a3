--- Makes the catalogue of one revision from its OpenAPI document:
--
--   lua5.4 tools/catalogue.lua SPEC.json lua/klaviyo/operations/revisions
--
-- writes DATE.lua there, and schemas/DATE.lua, which nobody loads who sends
-- no documents. A revision's files hold what differs from the revision before
-- it, as far as that one is catalogued (lua/klaviyo/operations/revisions/index.lua), so
-- regenerate in the order of time. Names and figures are taken, no prose.

local home = arg[0]:match("^(.*)[/\\][^/\\]*$") or "."
package.path = home .. "/?.lua;" .. home .. "/../lua/?.lua;" .. home .. "/../lua/?/init.lua;" .. package.path

local json = require "cjson"
local keys = require "klaviyo.util.tables"
local operations = require "catalogue_operation"
local schemas = require "catalogue_schema"

json.decode_max_depth(1000)

-- The lists of sparse fields, named by their type: the list that most
-- operations have is named by the type alone, others have a number as well.
local function field_lists(spec)
  local by_type = {}
  for _, item in pairs(spec.paths) do
    for _, operation in pairs(item) do
      for _, parameter in ipairs(operation.parameters or {}) do
        local kind = parameter.name:match("^fields%[(.+)%]$")
        if kind then
          local text = schemas.words(parameter.schema.items.enum)
          local uses = by_type[kind] or {}
          by_type[kind] = uses
          uses[text] = (uses[text] or 0) + 1
        end
      end
    end
  end
  local lists = {lines = {}, names = {}}
  for kind, uses in pairs(by_type) do
    local texts = keys.sorted(uses)
    table.sort(texts, function(a, b)
      if uses[a] ~= uses[b] then
        return uses[a] > uses[b]
      end
      return a < b
    end)
    for i, text in ipairs(texts) do
      local name = i == 1 and kind or kind .. "." .. i
      lists.lines[name] = text
      lists.names[kind .. "=" .. text] = name
    end
  end
  function lists:name(kind, values)
    return self.names[kind .. "=" .. schemas.words(values)]
  end
  return lists
end

local METHODS = {get = true, post = true, patch = true, delete = true,
  put = true}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return json.decode(text)
end

local function sections(spec)
  local writer = schemas.new(spec)
  local lists = field_lists(spec)
  local lines = {}
  for path, item in pairs(spec.paths) do
    for method, operation in pairs(item) do
      assert(METHODS[method], method)
      lines[operation.operationId] = operations.line(writer, method, path,
        operation, lists)
    end
  end
  return {operations = lines, fields = lists.lines, schemas = writer.lines}
end

-- What the revision before holds, section by section, or nothing.
local function predecessor(date)
  local index = require "klaviyo.operations.revisions.index"
  local before
  for _, known in ipairs(index) do
    if known < date then
      before = known
    end
  end
  if not before then
    return nil, {operations = {}, fields = {}, schemas = {}}
  end
  return before, require("klaviyo.operations").load(before):lines()
end

-- The lines of a section that differ, as one long string.
local function section(out, prefix, lines, before)
  out[#out + 1] = prefix .. "[=["
  for _, key in ipairs(keys.sorted(lines)) do
    if lines[key] ~= before[key] then
      out[#out + 1] = key .. " " .. lines[key]
    end
  end
  for _, key in ipairs(keys.sorted(before)) do
    if not lines[key] then
      out[#out + 1] = key .. " -"
    end
  end
  out[#out + 1] = "]=]"
end

local function header(what, date, before)
  return {
    ("-- %s of %s%s."):format(what, date,
      before and ": what differs from " .. before or ""),
    "-- Made by tools/catalogue.lua: edit that, not this. The notation:",
    "-- klaviyo/operations/format.lua.",
  }
end

local function write(path, out)
  local file = assert(io.open(path, "w"))
  file:write(table.concat(out, "\n"), "\n")
  file:close()
  print(path)
end

local usage = "usage: catalogue.lua SPEC.json DIRECTORY"
local spec = read(assert(arg[1], usage))
local directory = assert(arg[2], usage)
local date = spec.info.version
local now = sections(spec)
local before, then_ = predecessor(date)

local out = header("The API", date, before)
out[#out + 1] = ("return {\n  date = %q,"):format(date)
if before then
  out[#out + 1] = ("  follows = %q,"):format(before)
end
for _, name in ipairs {"operations", "fields"} do
  section(out, ("  %s = "):format(name), now[name], then_[name])
  out[#out] = out[#out] .. ","
end
out[#out + 1] = "}"
write(("%s/%s.lua"):format(directory, date), out)

out = header("The request documents", date, before)
section(out, "return ", now.schemas, then_.schemas)
write(("%s/schemas/%s.lua"):format(directory, date), out)
