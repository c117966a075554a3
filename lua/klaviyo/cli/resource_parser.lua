--- The parsers of the resources: a command for each operation of the revision, as
--- the table of operations has it.

local arguments = require "klaviyo.cli.arguments"
local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"
local sorted_keys = require "klaviyo.cli.sorted_keys"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

local function hyphened(name)
  return (name:gsub("_", "-"))
end

local function underscored(name)
  return (name:gsub("%-", "_"))
end

--- Returns the operations of a resource; of the /client API for `is_public`.
---@param context klaviyo.cli.Context
---@param resource string  "catalog-items"
---@param is_public boolean|nil
---@return klaviyo.openapi.Route[]
function M.operations(context, resource, is_public)
  local list = {}
  for _, op in ipairs(klaviyo.operations.list {revision = context:revision(),
    resource = underscored(resource)}) do
    if (op.public or false) == (is_public or false) then
      list[#list + 1] = op
    end
  end
  return list
end

--- Returns the resources of the revision, sorted by name, with what can be done with
--- each: "create, get, list".
---@param context klaviyo.cli.Context
---@param is_public boolean|nil
---@return {name: string, summary: string}[]
function M.resources(context, is_public)
  local by_name, list = {}, {}
  for _, op in ipairs(klaviyo.operations.list {revision = context:revision()}) do
    if (op.public or false) == (is_public or false) then
      local name = hyphened(op.resource)
      local one = by_name[name]
      if not one then
        one = {name = name, words = {}}
        by_name[name], list[#list + 1] = one, one
      end
      local word = hyphened(op.relation or op.verbs[1])
      one.words[word] = true
    end
  end
  for _, one in ipairs(list) do
    one.summary = table.concat(sorted_keys(one.words), ", ")
  end
  table.sort(list, function(one, other)
    return one.name < other.name
  end)
  return list
end

--- Returns the names of the resources of the revision, sorted.
---@param context klaviyo.cli.Context
---@return string[]
function M.names(context)
  local names = {}
  for i, one in ipairs(M.resources(context)) do
    names[i] = one.name
  end
  return names
end

-- Parsers -------------------------------------------------------------------------

local SUMMARY = {
  list = "List %s", get = "Show %s", create = "Create %s", update = "Change %s",
  delete = "Delete %s",
}

local RELATED = {
  list = "List the %s of %s", get = "Show the %s of %s",
  ids = "List the ids of the %s of %s", add = "Add %s to %s",
  replace = "Replace the %s of %s", remove = "Remove %s from %s",
}

local function words_of(name)
  return (name:gsub("[_-]", " "))
end

-- "catalog_items" → "a catalog item"
local function one_of(name)
  local words = words_of(manual.singular(name))
  return (words:find("^[aeio]") and "an " or "a ") .. words
end

local function summary_of(op)
  local verb = op.verbs[1]
  if op.action then
    local words = words_of(op.id)
    return words:sub(1, 1):upper() .. words:sub(2)
  elseif op.relation then
    return RELATED[verb]:format(words_of(op.relation), one_of(op.resource))
  end
  return SUMMARY[verb]:format(verb == "list" and words_of(op.resource)
    or one_of(op.resource))
end

local function add_page_options(parser, facts)
  if not facts.page then
    return
  end
  parser:option("--limit"):argname("N"):description("The most records.")
  parser:flag("--all"):description("All records, of all pages.")
  if facts.page.style ~= "body" then
    if facts.page.max then
      parser:option("--page-size"):argname("N"):description("Records of a request.")
    end
    parser:option("--cursor"):argname("CURSOR")
      :description("Begin at the page of this cursor.")
  end
end

local function add_query_options(parser, facts)
  if #facts.filters > 0 then
    arguments.add_filter_options(parser)
  end
  if #facts.sorts > 0 then
    parser:option("--sort"):argname("NAME")
      :description("Sort by a name; --sort=-NAME for the other direction.")
  end
  if #facts.includes > 0 then
    parser:option("--include"):argname("NAMES")
      :description("Add related resources; they are in --output json.")
  end
  if #facts.fields > 0 then
    parser:option("--fields"):argname("NAMES"):count("*")
      :description("Ask for these attributes alone; TYPE=NAMES for included resources.")
  end
  if #facts.additional_fields > 0 then
    parser:option("--additional-fields"):argname("NAMES"):count("*")
      :description("Ask for these attributes, too.")
  end
  for _, parameter in ipairs(facts.parameters) do
    local description = parameter.kind .. "."
    if parameter.required and parameter.name == "company_id" then
      description = "The public key; default: that of the account."
    elseif parameter.required then
      description = description .. " Required."
    end
    parser:option("--" .. hyphened(parameter.name)):argname("VALUE")
      :target("parameter_" .. parameter.name):description(description)
  end
  for _, name in ipairs(facts.headers) do
    parser:option("--header"):argname("NAME=VALUE"):count("*")
      :description(("A header field: %s."):format(name))
  end
end

local function add_body_arguments(parser, facts)
  if not facts.body then
    return
  elseif facts.body.many then
    parser:argument("ids"):argname("ID"):args("*")
      :description("Ids; @FILE or - for a file or standard input with one in a line.")
  else
    parser:argument("values"):argname("NAME=VALUE"):args("*")
      :description("Attributes: NAME=VALUE, NAME:=JSON, @FILE.json, or - for JSON on "
        .. "standard input.")
  end
end

-- Gives a parser the arguments of an operation.
local function configure_operation(parser, context, op)
  local facts = klaviyo.operations.get(op.id, {revision = context:revision()})
  if #op.path_params > 0 then
    parser:argument("id"):argname(manual.id_name(op))
      :description(("The id of %s."):format(one_of(op.resource)))
  end
  add_body_arguments(parser, facts)
  add_query_options(parser, facts)
  add_page_options(parser, facts)
  local get_help = parser.get_help
  function parser:get_help()
    return get_help(self) .. "\n\n" .. manual.text(facts,
      context.terminal.stdout and context.terminal:width() or 80, true)
  end
end

-- Returns whether the words of the command line begin with these.
local function is_wanted(context, words)
  if not context.words then
    return true
  end
  for i, word in ipairs(words) do
    if underscored(context.words[i] or word) ~= underscored(word) then
      return false
    end
  end
  return true
end

local function add_operation(parent, context, op)
  local name = hyphened(op.verbs[1])
  local parser = parent:command(name):target("word"):summary(summary_of(op))
    :description(summary_of(op) .. ".")
  local words = manual.words(op)
  -- only help and manuals need the arguments of several operations
  if not context.words or is_wanted(context, words) and #context.words >= #words then
    configure_operation(parser, context, op)
    parser:action(function(result)
      result.operation_id = op.id
    end)
  end
  return parser
end

--- Adds the operations of a resource to its parser.
---@param parser table
---@param context klaviyo.cli.Context
---@param operations klaviyo.openapi.Route[]
function M.configure(parser, context, operations)
  local relations, order, own = {}, {}, {}
  for _, op in ipairs(operations) do
    if not op.relation then
      own[#own + 1] = add_operation(parser, context, op)
    elseif not relations[op.relation] then
      relations[op.relation] = {}
      order[#order + 1] = op.relation
    end
    if op.relation then
      table.insert(relations[op.relation], op)
    end
  end
  parser:group("Commands", unpack(own))
  local listed = {}
  for i, relation in ipairs(order) do
    local of = one_of(operations[1].resource)
    local one = parser:command(hyphened(relation)):target("word")
      :summary(("The %s of %s"):format(words_of(relation), of))
      :description(("The %s of %s."):format(words_of(relation), of))
    listed[i] = one
    for _, op in ipairs(relations[relation]) do
      add_operation(one, context, op)
    end
  end
  if #listed > 0 then
    parser:group("Relations", unpack(listed))
  end
end

return M
