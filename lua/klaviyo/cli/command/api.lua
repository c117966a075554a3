--- klaviyo api: any request, by its path or by the id of an operation.

local dry_run = require "klaviyo.cli.dry_run"
local exit_status = require "klaviyo.cli.exit_status"
local klaviyo = require "klaviyo"
local output = require "klaviyo.cli.output"
local resource = require "klaviyo.cli.command.resource"
local sorted_keys = require "klaviyo.cli.sorted_keys"
local suggest = require "klaviyo.cli.suggest"

local M = {}

function M.configure(parser)
  parser:argument("request"):argname("[METHOD] PATH|OPERATION"):args("1-2")
    :description("A path such as /api/profiles, a link of a response, or the id of "
      .. "an operation. Default of METHOD: GET, or POST with -d.")
  parser:argument("parameters"):argname("NAME=VALUE"):args("*")
    :description("Parameters in the path of an operation: id=01ABC.")
  parser:option("-q --query"):argname("NAME=VALUE"):count("*")
    :description("A parameter of the query, such as 'page[size]=5'.")
  parser:option("-d --data"):argname("JSON")
    :description("The body: JSON, @FILE, or - for standard input.")
  parser:option("-H --header"):argname("NAME=VALUE"):count("*")
    :description("A header field.")
  parser:flag("--paginate"):description("Follow the links to all pages, and write "
    .. "their records as list does.")
  parser:flag("-i --include-headers")
    :description("Write the status and the header fields before the body.")
end

local METHODS = {GET = true, POST = true, PATCH = true, PUT = true, DELETE = true,
  HEAD = true}

-- Returns the method, the path or operation, and the other words.
local function split(context, parsed)
  local words = {}
  for _, list in ipairs {parsed.request, parsed.parameters} do
    for _, word in ipairs(list) do
      words[#words + 1] = word
    end
  end
  local method = METHODS[words[1]:upper()] and table.remove(words, 1):upper()
  local target = table.remove(words, 1)
  if not target then
    context:usage("api needs a path, or the id of an operation")
  end
  return method, target, words
end

local function pairs_of(context, list, option)
  local out, is_empty = {}, true
  for _, text in ipairs(list or {}) do
    local name, value = text:match("^([^=]+)=(.*)$")
    if not name then
      context:usage('%s takes NAME=VALUE, not "%s"', option, text)
    elseif out[name] then
      context:usage("%s has %s twice", option, name)
    end
    out[name], is_empty = value, false
  end
  return not is_empty and out or nil
end

local function body_of(context, parsed)
  local text = parsed.data
  if not text then
    return nil
  elseif text == "-" or text:sub(1, 1) == "@" then
    text = context:read_file(text == "-" and text or text:sub(2))
  end
  if klaviyo.json.decode(text) == nil then
    context:usage("the body is not JSON")
  end
  return text
end

-- Returns the facts of an operation, or ends the command.
local function operation_of(context, name)
  local names = {}
  for _, op in ipairs(klaviyo.operations.list {revision = context:revision()}) do
    names[#names + 1] = op.id
    if op.id == name then
      return op
    end
    for _, alias in ipairs(op.aliases) do
      if alias == name then
        return op
      end
    end
  end
  context:usage('%s has no operation "%s"%s; a path begins with /',
    context:revision(), name, suggest.text(name, names))
end

-- Returns a request as client:request takes it, and the operation, if one is named.
local function request_of(context, parsed)
  local method, target, words = split(context, parsed)
  local request = {
    query = pairs_of(context, parsed.query, "--query"),
    headers = pairs_of(context, parsed.header, "--header"),
    body = body_of(context, parsed),
  }
  if target:find("^%a[%w+.-]*://") or target:sub(1, 1) == "/" then
    if #words > 0 then
      context:usage('"%s" is too much; the query is -q NAME=VALUE', words[1])
    end
    local path, query = target:match("^(/[^?]*)%?(.*)$")
    if path then
      context:usage("pass the query of a path as -q NAME=VALUE: -q %s",
        (query:match("^[^&]*")))
    end
    if target:sub(1, 1) == "/" and not target:find("^/api/")
        and not target:find("^/client/") then
      target = "/api" .. target
    end
    request.method = method or request.body and "POST" or "GET"
    request.path = target
    return request
  end
  local op = operation_of(context, target)
  if method and method ~= op.method then
    context:usage("%s is a %s, not a %s", op.id, op.method, method)
  end
  for name, value in pairs(pairs_of(context, words, op.id) or {}) do
    request[name] = value
  end
  return request, op
end

-- Output ------------------------------------------------------------------------

local function write_head(context, response)
  context:out(("HTTP %d\n"):format(response.status))
  for _, name in ipairs(sorted_keys(response.headers)) do
    context:out(("%s: %s\n"):format(name, tostring(response.headers[name])))
  end
  context:out("\n")
end

local function write_body(context, body)
  if body == nil or body == "" then
    return
  end
  local format = context.arguments.output
  local is_pretty = format == "json" or not format and context.terminal.stdout
  if is_pretty and klaviyo.json.decode(body) ~= nil then
    output.write_json(context, body)
  else
    context:out(body .. (body:sub(-1) == "\n" and "" or "\n"))
  end
end

local function write_response(context, parsed, response)
  if not response then
    return
  end
  if parsed.include_headers then
    write_head(context, response)
  end
  write_body(context, response.body)
end

local function once(context, parsed, client, request, op)
  local document, err
  if op then
    document, err = client:call(op.id, request)
  else
    document, err = client:request(request)
  end
  if not document then
    write_response(context, parsed, err.response)
    return context:error(err)
  end
  write_response(context, parsed, document.response)
  return exit_status.OK
end

local function is_list(data)
  return type(data) == "table" and klaviyo.json.is_array(data)
end

-- Returns the document of one page, or nil and an error.
local function page_of(client, request, op)
  if op then
    return client:call(op.id, request)
  end
  return client:request(request)
end

-- Writes the records of all pages.
local function paginate(context, client, request, op)
  local writer = context:records {is_document = true}
  local known, err = {}, nil
  while request do
    local document
    document, err = page_of(client, request, op)
    if not document then
      break
    end
    for _, record in ipairs(is_list(document.data) and document.data
        or {document.data}) do
      writer:add(record, document)
    end
    local link = type(document.links) == "table" and document.links.next
    if type(link) == "string" and known[link] then
      context:fail(exit_status.REFUSED,
        "the link to the next page leads to a page that was read before")
    end
    known[link or 1] = true
    request = type(link) == "string"
      and {path = link, headers = request.headers} or nil
    op = nil
  end
  writer:finish()
  return err and context:error(err) or exit_status.OK
end

local function show(context, client, request, op)
  local built, err
  if op then
    built, err = client:build(op.id, request)
  else
    built, err = client:build(request)
  end
  if not built then
    error(err, 0)
  end
  dry_run.show(context, built)
  return exit_status.OK
end

--- Makes the request.
---@param context klaviyo.cli.Context
---@param parsed table
---@return integer
function M.run(context, parsed)
  local request, op = request_of(context, parsed)
  local question = resource.question {method = op and op.method or request.method,
    path = op and op.path or request.path}
  if question then
    context:confirm(question)
  end
  local client = context:client()
  if context.arguments.dry_run then
    return show(context, client, request, op)
  elseif parsed.paginate then
    return paginate(context, client, request, op)
  end
  return once(context, parsed, client, request, op)
end

return M
