--- klaviyo find: lists, segments, metrics, flows, templates and campaigns by name.

local exit_status = require "klaviyo.cli.exit_status"
local suggest = require "klaviyo.cli.suggest"

local M = {}

-- What is searched, in the order of the output. A list of campaigns is of one
-- channel.
local KINDS = {
  {name = "lists", operation = "get_lists", type = "list"},
  {name = "segments", operation = "get_segments", type = "segment"},
  {name = "metrics", operation = "get_metrics", type = "metric"},
  {name = "flows", operation = "get_flows", type = "flow"},
  {name = "templates", operation = "get_templates", type = "template"},
  {name = "campaigns", operation = "get_campaigns", type = "campaign",
    filter = 'equals(messages.channel,"email")'},
  {name = "campaigns", operation = "get_campaigns", type = "campaign",
    filter = 'equals(messages.channel,"sms")'},
}

local function names_of_kinds()
  local names = {}
  for _, kind in ipairs(KINDS) do
    if names[#names] ~= kind.name then
      names[#names + 1] = kind.name
    end
  end
  return names
end

function M.configure(parser)
  parser:description("Finds " .. table.concat(names_of_kinds(), ", ")
    .. " whose name contains some words, in any case, and shows their ids.")
  parser:argument("words"):argname("WORD"):args("+")
    :description("All of them must be in the name, or one must be the id.")
  parser:option("--in"):argname("KINDS"):target("kinds")
    :description("Search only these, such as lists,segments.")
end

-- Returns the kinds to search.
local function chosen(context, text)
  if not text then
    return KINDS
  end
  local known, wanted, list = names_of_kinds(), {}, {}
  local all = "," .. table.concat(known, ",") .. ","
  for name in text:gmatch("[^,%s]+") do
    if not all:find("," .. name .. ",", 1, true) then
      context:usage('--in: unknown kind "%s"%s; there are %s', name,
        suggest.text(name, known), table.concat(known, ", "))
    end
    wanted[name] = true
  end
  for _, kind in ipairs(KINDS) do
    if wanted[kind.name] then
      list[#list + 1] = kind
    end
  end
  return list
end

local function contains_all(name, words)
  local text = name:lower()
  for _, word in ipairs(words) do
    if not text:find(word:lower(), 1, true) then
      return false
    end
  end
  return true
end

-- Returns how well a resource fits: 1 is the id or the whole name, 2 the start of
-- the name; nil: not at all.
local function rank(resource, words)
  local name = (resource.attributes or {}).name
  name = type(name) == "string" and name or ""
  local wanted = table.concat(words, " "):lower()
  if resource.id == words[1] or name:lower() == wanted then
    return 1, name
  elseif contains_all(name, words) then
    return name:lower():sub(1, #wanted) == wanted and 2 or 3, name
  end
end

-- Returns the records of one kind; or nil and an error.
local function search(client, kind, words)
  local list = {}
  local it = client:each(kind.operation, {
    filter = kind.filter, fields = {[kind.type] = {"name"}},
  })
  local resource, err = it:next()
  while resource do
    local order, name = rank(resource, words)
    if order then
      list[#list + 1] = {order = order, type = kind.type, id = resource.id, name = name}
    end
    resource, err = it:next()
  end
  if err then
    return nil, err
  end
  return list
end

local function sort(list)
  table.sort(list, function(a, b)
    if a.order ~= b.order then
      return a.order < b.order
    elseif a.name ~= b.name then
      return a.name < b.name
    end
    return a.id < b.id
  end)
end

function M.run(context, arguments)
  local client, words = context:client(), arguments.words
  local kinds = chosen(context, arguments.kinds)
  local writer = context:records {columns = {"type", "id", "name"}}
  local failed, worst = 0, exit_status.OK
  for list, err in client:map(kinds, function(kind)
    return search(client, kind, words)
  end, {concurrency = #kinds}) do
    if list then
      sort(list)
      for _, one in ipairs(list) do
        writer:add {type = one.type, id = one.id, name = one.name}
      end
    else
      failed = failed + 1
      worst = math.max(worst, context:error(err))
    end
  end
  writer:finish()
  if writer.count == 0 and failed == 0 then
    context:note(('nothing is named "%s"'):format(table.concat(words, " ")))
  end
  if failed > 0 and failed < #kinds then
    return exit_status.SOME_FAILED
  end
  return worst
end

return M
