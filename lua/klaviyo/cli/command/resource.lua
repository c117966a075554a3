--- The commands of the resources: every operation of the revision, as the table of
--- operations has it.

local arguments = require "klaviyo.cli.arguments"
local dry_run = require "klaviyo.cli.dry_run"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"
local output = require "klaviyo.cli.output"

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

--- Returns the names of the resources of the revision, sorted.
---@param context klaviyo.cli.Context
---@param is_public boolean|nil
---@return string[]
function M.names(context, is_public)
  local known, names = {}, {}
  for _, op in ipairs(klaviyo.operations.list {revision = context:revision()}) do
    local name = hyphened(op.resource)
    if (op.public or false) == (is_public or false) and not known[name] then
      known[name] = true
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

-- Parsers -------------------------------------------------------------------------

local SUMMARY = {
  list = "List %s", get = "Show one of %s", create = "Create one of %s",
  update = "Change one of %s", delete = "Delete one of %s",
  ids = "List the ids of %s", add = "Add %s", replace = "Replace %s",
  remove = "Remove %s",
}

local function words_of(name)
  return (name:gsub("[_-]", " "))
end

local function summary_of(op)
  local text = SUMMARY[op.verbs[1]]
  if text and not op.action then
    return text:format(words_of(op.relation or op.resource))
  end
  local verb = words_of(op.verbs[1])
  return verb:sub(1, 1):upper() .. verb:sub(2) .. ": " .. words_of(op.id)
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
      :description("The id" .. (op.relation and " of the one of "
        .. words_of(op.resource) or "") .. ".")
  end
  add_body_arguments(parser, facts)
  add_query_options(parser, facts)
  add_page_options(parser, facts)
  local get_help = parser.get_help
  function parser:get_help()
    return get_help(self) .. "\n\n" .. manual.text(facts,
      context.terminal.stdout and context.terminal:width() or 80)
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
end

--- Adds the operations of a resource to its parser.
---@param parser table
---@param context klaviyo.cli.Context
---@param operations klaviyo.openapi.Route[]
function M.configure(parser, context, operations)
  local relations, order = {}, {}
  for _, op in ipairs(operations) do
    if not op.relation then
      add_operation(parser, context, op)
    elseif not relations[op.relation] then
      relations[op.relation] = {}
      order[#order + 1] = op.relation
    end
    if op.relation then
      table.insert(relations[op.relation], op)
    end
  end
  local listed = {}
  for i, relation in ipairs(order) do
    local of = words_of(operations[1].resource)
    local one = parser:command(hyphened(relation)):target("word")
      :summary(("%s of %s"):format(words_of(relation), of))
      :description(("The %s of one of %s."):format(words_of(relation), of))
    listed[i] = one
    for _, op in ipairs(relations[relation]) do
      add_operation(one, context, op)
    end
  end
  if #listed > 0 then
    parser:group("Relations", unpack(listed))
  end
end

-- Arguments -----------------------------------------------------------------------

-- Adds "a,b" of the main type, or "profile=a,b", to sparse fieldsets.
local function add_fields(context, families, facts, texts, option)
  for _, text in ipairs(texts or {}) do
    local kind, names = text:match("^([%w_-]+)=(.*)$")
    kind = kind or facts.type or families[1].type
    names = arguments.names(names or text)
    if #names == 0 then
      context:usage("%s needs names", option)
    end
    local key = underscored(kind)
    families.chosen[key] = families.chosen[key] or {}
    for _, name in ipairs(names) do
      table.insert(families.chosen[key], name)
    end
  end
  return next(families.chosen) and families.chosen or nil
end

local function whole(context, text, option)
  if text == nil then
    return nil
  elseif not text:find("^%d+$") then
    context:usage('%s takes a whole number, not "%s"', option, text)
  end
  return tonumber(text)
end

local function headers_of(context, list)
  local headers
  for _, text in ipairs(list or {}) do
    local name, value = text:match("^([%w-]+)[=:]%s*(.*)$")
    if not name then
      context:usage('--header takes NAME=VALUE, not "%s"', text)
    end
    headers = headers or {}
    headers[name] = value
  end
  return headers
end

local function families(list)
  return setmetatable({chosen = {}}, {__index = list})
end

-- Returns the arguments of a call, without its body.
local function args_of(context, facts, parsed)
  local args = {id = parsed.id, headers = headers_of(context, parsed.header)}
  args.filter = arguments.filter(context, facts, parsed)
  args.sort = parsed.sort
  args.include = parsed.include
  args.fields = add_fields(context, families(facts.fields), facts, parsed.fields,
    "--fields")
  args.additional_fields = add_fields(context, families(facts.additional_fields),
    facts, parsed.additional_fields, "--additional-fields")
  for _, parameter in ipairs(facts.parameters) do
    local value = parsed["parameter_" .. parameter.name]
    if value ~= nil and parameter.name == "company_id" then
      args.company_id = value
    elseif value ~= nil then
      args.query = args.query or {}
      args.query[parameter.name] = value
    end
  end
  local size = whole(context, parsed.page_size, "--page-size")
  if size or parsed.cursor then
    args.page = {size = size, cursor = parsed.cursor}
  end
  return args
end

-- Risk ----------------------------------------------------------------------------

-- Operations that ask first: paths, and the question.
local RISKY = {
  {"POST /api/campaign%-send%-jobs", "Send the campaign now?"},
  {"POST /api/campaign%-message%-schedule", "Schedule the message to be sent?"},
  {"POST /api/profile%-suppression%-bulk%-create%-jobs", "Suppress these profiles?"},
  {"POST /api/profile%-merge", "Merge these profiles? It cannot be undone."},
  {"POST /api/data%-privacy%-deletion%-jobs",
    "Delete all data of this person? It cannot be undone."},
  {"POST /api/profile%-subscription%-bulk%-delete%-jobs",
    "Unsubscribe these profiles?"},
  {"POST /api/catalog%-%l+%-bulk%-delete%-jobs", "Delete these records?"},
}

--- Returns the question that is asked before an operation, or nil.
---@param op {method: string, path: string}
---@param id string|nil
---@return string|nil
function M.question(op, id)
  if op.method == "DELETE" and not op.path:find("/relationships/", 1, true) then
    return ("Delete %s of %s?"):format(id and '"' .. id .. '"' or "it",
      op.path:match("^/%l+/([^/]+)"))
  end
  local route = op.method .. " " .. op.path
  for _, risky in ipairs(RISKY) do
    if route:find("^" .. risky[1] .. "$") then
      return risky[2]
    end
  end
end

-- Calls ---------------------------------------------------------------------------

-- Returns a client that can call an operation: one without a key for the /client
-- API, if the public key is known.
local function client_of(context, facts, parsed)
  if facts.public then
    local needs_key = false
    for _, parameter in ipairs(facts.parameters) do
      needs_key = needs_key or parameter.name == "company_id" and parameter.required
    end
    return context:public_client(parsed.parameter_company_id, needs_key)
  end
  return context:client()
end

local function show_request(context, client, facts, args)
  local request, err = client:build(facts.id, args)
  if not request then
    error(err, 0)
  end
  local is_form = facts.body and facts.body.style == "multipart"
  dry_run.show(context, request, is_form and args.body or nil)
end

local is_list = klaviyo.json.is_array

-- Writes the document of a response.
local function write_document(context, facts, document)
  local data = document.data
  if data == nil or data == klaviyo.null then
    local status = document.response and document.response.status
    if status == 200 and next(document) then
      context:out(klaviyo.json.encode(document) .. "\n")
    else
      context:note(("%s: done (%s)"):format(facts.id, tostring(status)))
    end
    return
  elseif output.format(context) == "json" then
    output.write_json(context, document.response.body)
    return
  end
  local writer = context:records {is_single = not is_list(data)}
  for _, record in ipairs(is_list(data) and data or {data}) do
    writer:add(record)
  end
  writer:finish()
end

local function call(context, client, facts, args)
  if context.arguments.dry_run then
    show_request(context, client, facts, args)
    return exit_status.OK
  end
  local question = M.question(facts, args.id)
  if question then
    context:confirm(question)
  end
  local document, err = client:call(facts.id, args)
  if not document then
    return context:error(err)
  end
  write_document(context, facts, document)
  return exit_status.OK
end

-- Adds the records that an iterator returns; returns the error that ended it.
local function add_all(writer, iterator)
  while true do
    local value, second, third, page = iterator:next()
    if value == nil then
      return second
    elseif writer.takes_raw then
      writer:add_raw(value, second, third, page)
    else
      writer:add(value, second)
    end
  end
end

-- Writes one page; says how to get more.
local function write_page(client, facts, args, writer)
  args.limit = 1
  local pages = client:pages(facts.id, args)
  local page, err = pages:next()
  if not page then
    return err
  end
  for _, record in ipairs(page.data) do
    if writer.takes_raw then
      writer:add_raw(record.text, record.id, record.type, page)
    else
      writer:add(record, page)
    end
  end
  if type(page.links) == "table" and type(page.links.next) == "string" then
    writer.more = ("these are the first %d; --all shows all, --limit N more")
      :format(writer.count)
  end
end

local function list(context, facts, parsed, args)
  local client = client_of(context, facts, parsed)
  local limit = whole(context, parsed.limit, "--limit")
  local is_one_page = not parsed.all and not limit
  local size = is_one_page and facts.page.default
    or limit and facts.page.max and limit < facts.page.max
      and math.max(limit, facts.page.min or 1)
  if size and not (args.page and args.page.size) then
    args.page = args.page or {}
    args.page.size = size
  end
  if context.arguments.dry_run then
    show_request(context, client, facts, args)
    return exit_status.OK
  end
  local writer = context:records {is_document = true}
  args.raw = writer.takes_raw or nil
  local err
  if is_one_page then
    err = write_page(client, facts, args, writer)
  else
    args.limit = limit
    err = add_all(writer, (client:each(facts.id, args)))
  end
  writer:finish()
  if err then
    return context:error(err)
  elseif args.include and output.format(context) ~= "json" then
    context:note("--output json shows the included resources, too")
  end
  if writer.more then
    context:note(writer.more)
  end
end

-- Reports: the pages of a POST, each one document.
local function list_documents(context, facts, args, limit)
  local pages = context:client():pages(facts.id, {body = args.body, limit = limit})
  while true do
    local page, err = pages:next()
    if err then
      return context:error(err)
    elseif not page then
      return exit_status.OK
    end
    write_document(context, facts, page)
  end
end

-- A list of ids is sent in parts, as long as an operation takes them.
local MAX_IDS = 1000

local function send_ids(context, facts, parsed, args)
  local ids = arguments.ids(context, parsed.ids)
  local is_replaced = facts.verbs[1] == "replace"
  if #ids == 0 then
    if is_replaced or #parsed.ids == 0 then
      context:usage("%s needs ids", table.concat(manual.words(facts), " "))
    end
    context:note("there are no ids; nothing was sent")
    return exit_status.OK
  end
  local client = client_of(context, facts, parsed)
  local size = is_replaced and #ids or facts.body.max or MAX_IDS
  for first = 1, #ids, size do
    args.body = client:document(facts.id,
      {unpack(ids, first, math.min(first + size - 1, #ids))})
    local status = call(context, client, facts, args)
    if status ~= exit_status.OK then
      if first > 1 then
        context:note(("the first %d ids were sent"):format(first - 1))
      end
      return status
    end
  end
  return exit_status.OK
end

-- Puts the id of the path into the document, where its schema has one.
local function with_id(context, facts, flat, id)
  local member = id and klaviyo.operations.member(facts.id, "id",
    {revision = facts.revision})
  if not member then
    return flat
  elseif flat.id ~= nil and flat.id ~= id then
    context:usage('the id is "%s" as an argument and "%s" in the document', id,
      tostring(flat.id))
  end
  flat.id = id
  return flat
end

local function send(context, facts, parsed, args)
  local client = client_of(context, facts, parsed)
  local flat, document = arguments.body(context, facts.id, parsed.values or {})
  if facts.body.style == "multipart" then
    args.body = flat
  else
    args.body = document
      or client:document(facts.id, with_id(context, facts, flat, args.id))
  end
  local limit = whole(context, parsed.limit, "--limit")
  if facts.page and (parsed.all or limit) and not context.arguments.dry_run then
    return list_documents(context, facts, args, limit)
  end
  return call(context, client, facts, args)
end

--- Calls the operation that the command line names.
---@param context klaviyo.cli.Context
---@param parsed table  its arguments
---@return integer|nil
function M.run(context, parsed)
  local facts = klaviyo.operations.get(parsed.operation_id,
    {revision = context:revision()})
  local args = args_of(context, facts, parsed)
  if facts.body and facts.body.many then
    return send_ids(context, facts, parsed, args)
  elseif facts.body then
    return send(context, facts, parsed, args)
  elseif facts.page and facts.method == "GET" then
    return list(context, facts, parsed, args)
  end
  return call(context, client_of(context, facts, parsed), facts, args)
end

return M
