--- Calls the operation of a resource that the command line names: see
--- klaviyo.cli.resource_parser.

local arguments = require "klaviyo.cli.arguments"
local dry_run = require "klaviyo.cli.dry_run"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"
local output = require "klaviyo.cli.output"

local M = {}

local unpack = table.unpack or unpack  -- luacheck: ignore 113

local function underscored(name)
  return (name:gsub("%-", "_"))
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
  if facts.filter_required and not args.filter then
    context:usage("%s needs a filter: --where %s",
      table.concat(manual.words(facts), " "), manual.sample_filter(facts))
  end
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
  args.limit = limit
  local pages = context:client():pages(facts.id, args)
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
