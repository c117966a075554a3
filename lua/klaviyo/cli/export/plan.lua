--- What an export reads: the operation, its arguments, the format of the file, and
--- what must be the same when it goes on later.

local klaviyo = require "klaviyo"
local shell = require "klaviyo.cli.shell"

local words = require "klaviyo.cli.arguments"
local format = require "klaviyo.cli.export.format"
local download = require "klaviyo.cli.export.download"
local windows = require "klaviyo.cli.export.windows"

local M = {}

---@class klaviyo.cli.ExportPlan
---@field resource string
---@field operation string
---@field args table  of each request
---@field format "jsonl"|"csv"
---@field compress boolean
---@field limit integer|nil
---@field header string|nil
---@field concurrency integer
---@field is_windowed boolean  whether it is divided into windows of time
---@field identity table<string, string>  options that must not change
local Plan = {}
Plan.__index = Plan

-- Returns the items of "a,b"; nil for none.
local function names_of(text)
  local list = text and words.names(text) or {}
  return #list > 0 and list or nil
end

-- Operations --------------------------------------------------------------------

local MEMBERS = {list = "get_profiles_for_list", segment = "get_profiles_for_segment"}

-- Returns the operations that have a list of resources and need no id, by the name
-- of what they list.
local function exportable(revision)
  local by_name, names = {}, {}
  for _, route in ipairs(klaviyo.operations.list {revision = revision}) do
    if route.method == "GET" and route.many and not route.public
        and #route.path_params == 0 then
      local name = route.path:match("^/api/(.*)$"):gsub("/", "-")
      by_name[name], names[#names + 1] = route.id, name
    end
  end
  table.sort(names)
  return by_name, names
end

--- Returns the names of what can be exported, in order.
---@param revision string
---@return string[]
function M.names(revision)
  local _, names = exportable(revision)
  return names
end

local function operation_of(context, arguments, revision)
  local name = arguments.resource:gsub("_", "-")
  for option, operation in pairs(MEMBERS) do
    if arguments[option] and name ~= "profiles" then
      context:usage("--%s is an option of: klaviyo export profiles", option)
    elseif arguments[option] then
      return operation, name
    end
  end
  local by_name, names = exportable(revision)
  if not by_name[name] then
    context:usage('%s cannot be exported%s; these can: %s', arguments.resource,
      require("klaviyo.cli.suggest").text(name, names), table.concat(names, ", "))
  end
  return by_name[name], name
end

-- The format ----------------------------------------------------------------------

local EXTENSIONS = {csv = "csv", jsonl = "jsonl", ndjson = "jsonl"}

-- Returns the format and whether the file is compressed.
local function format_of(context, arguments)
  local file, wanted = arguments.file, context.arguments.output
  local plain = file:gsub("%.gz$", "")
  if wanted == "table" or wanted == "json" then
    context:usage("a file of an export is jsonl or csv, not %s", wanted)
  end
  return wanted or EXTENSIONS[plain:match("%.(%w+)$")] or "jsonl", plain ~= file
end

local function names_for(families, kind)
  for _, family in ipairs(families) do
    if family.type == kind then
      return family.names
    end
  end
  return {}
end

-- Returns the attributes that the operation returns if nothing is asked for.
local function attributes_of(facts)
  local is_additional, list = {}, {}
  for _, name in ipairs(names_for(facts.additional_fields, facts.type)) do
    is_additional[name] = true
  end
  for _, name in ipairs(names_for(facts.fields, facts.type)) do
    if not is_additional[name:match("^[^.]*")] then
      list[#list + 1] = name
    end
  end
  return list
end

-- Returns the columns of CSV: those of --columns or --fields, or else all
-- attributes, without those that have members of their own.
local function columns_of(context, arguments, facts)
  local columns = names_of(context.arguments.columns)
  if columns then
    return columns
  end
  local fields, has_members = names_of(arguments.fields), {}
  if not fields then
    fields = attributes_of(facts)
    for _, name in ipairs(names_of(arguments.additional_fields) or {}) do
      fields[#fields + 1] = name
    end
  end
  for _, name in ipairs(fields) do
    local owner = name:match("^(.*)%.")
    while owner do
      has_members[owner] = true
      owner = owner:match("^(.*)%.")
    end
  end
  columns = {"id"}
  for _, name in ipairs(not arguments.fields and format.LINKS[facts.type] or {}) do
    columns[#columns + 1] = name
  end
  for _, name in ipairs(fields) do
    if not has_members[name] and name ~= "id" then
      columns[#columns + 1] = name
    end
  end
  return columns
end

-- Arguments -----------------------------------------------------------------------

local function check_times(context, self, arguments, filter)
  if self.operation ~= "get_events" then
    for _, option in ipairs {"since", "until"} do
      if arguments[option] then
        context:usage("--%s is an option of: klaviyo export events", option)
      end
    end
    return
  end
  local has_time = filter and (filter:find("(datetime,", 1, true)
    or filter:find("(timestamp,", 1, true))
  if has_time and (arguments.since or arguments["until"]) then
    context:usage("choose the time of events either by --since and --until, or by "
      .. "a condition")
  end
  self.is_windowed = not has_time and not arguments.sort
  if not self.is_windowed and (arguments.since or arguments["until"]) then
    context:usage("--since and --until do not go with --sort")
  end
  for option, member in pairs {since = "from", ["until"] = "to"} do
    self[member] = arguments[option]
      and words.datetime(context, arguments[option]).epoch
  end
  if self.from and self.to and self.from >= self.to then
    context:usage("--since must be before --until")
  end
end

local IDENTITY = {"list", "segment", "fields", "additional_fields",
  "include", "sort", "limit", "since", "until"}

local function option_of(name)
  return (name:gsub("_", "-"))
end

-- Returns what must not change between the runs of an export, by option.
local function identity_of(context, arguments, self)
  local account = context:account()
  local identity = {
    resource = self.resource, format = self.format,
    revision = context:revision(),
    ["base-url"] = context.arguments.base_url
      or context.getenv "KLAVIYO_BASE_URL" or account and account.base_url,
    account = account and (account.name or account.source),
    columns = context.arguments.columns,
  }
  for _, option in ipairs(IDENTITY) do
    identity[option_of(option)] = arguments[option]
      and tostring(arguments[option])
  end
  for _, option in ipairs {"where", "filter"} do
    if #arguments[option] > 0 then
      identity[option] = table.concat(arguments[option], ", ")
    end
  end
  return identity
end

--- Returns the plan of an export. Ends the command if its arguments are wrong.
---@param context klaviyo.cli.Context
---@param arguments table
---@return klaviyo.cli.ExportPlan
function M.new(context, arguments)
  local revision = context:revision()
  local self = setmetatable({
    is_windowed = false, concurrency = arguments.concurrency or 4,
    limit = arguments.limit,
  }, Plan)
  self.operation, self.resource = operation_of(context, arguments, revision)
  self.format, self.compress = format_of(context, arguments)
  local facts = klaviyo.operations.get(self.operation, {revision = revision})
  local own
  if self.format == "csv" then
    if arguments.include then
      context:usage("rows of CSV cannot hold included resources; use JSON Lines")
    end
    own = format.rows(columns_of(context, arguments, facts), facts.type)
  else
    own = format.lines()
  end
  self.own_format, self.header = own, own.header
  local filter = words.filter(context, facts, arguments)
  filter = filter and tostring(filter)
  if facts.filter_required and not filter then
    local field = facts.filters[1].name
    for _, one in ipairs(facts.filters) do
      field = one.name:find("channel", 1, true) and one.name or field
    end
    context:usage("%s are exported by a condition, such as --where %s=email",
      self.resource, field)
  end
  self.args = {
    id = arguments.list or arguments.segment, filter = filter,
    sort = names_of(arguments.sort), include = names_of(arguments.include),
    fields = arguments.fields and {[facts.type] = names_of(arguments.fields)},
    additional_fields = arguments.additional_fields
      and {[facts.type] = names_of(arguments.additional_fields)},
    raw = own.args.raw, only = own.args.only,
  }
  check_times(context, self, arguments, filter)
  self.identity = identity_of(context, arguments, self)
  return self
end

--- Returns the text of a page for the file, and the number of its records.
function Plan:text_of(page, most)
  return self.own_format:text_of(page, most)
end

--- Returns the arguments of the first request, for a check. The time of the first
--- event is not known yet.
---@return table
function Plan:first_arguments()
  local to = self.to or os.time()
  local span = self.is_windowed and (self.from or self.to)
    and {from = math.floor(self.from or 0), to = math.floor(to), count = 1} or nil
  local args = download.arguments(self, span, 1)
  -- these are options of iterators
  args.raw, args.only = nil, nil
  return args
end

--- Returns the windows of time of an export of events, or nil: it has none, or
--- there is no event.
---@param client klaviyo.Client
---@return table|nil windows
---@return klaviyo.Error|nil err
function Plan:windows(client)
  if not self.is_windowed then
    return nil
  end
  local from, to = self.from, self.to or os.time() + 1
  if not from then
    local first, err = client.events:first {sort = "datetime",
      filter = self.args.filter, only = {"attributes.datetime"}}
    if err then
      return nil, err
    end
    from = first and klaviyo.datetime(first.attributes.datetime).epoch or to
  end
  local own = windows.of(math.min(from, to), to)
  own.count = self.limit and 1 or own.count
  return own
end

--- Returns the number of records, or nil if the API does not tell it.
---@param client klaviyo.Client
---@return integer|nil
function Plan:total(client)
  for kind in pairs(MEMBERS) do
    if self.identity[kind] and not self.args.filter then
      local doc = client:call("get_" .. kind, {
        id = self.args.id, additional_fields = {[kind] = {"profile_count"}},
      })
      local count = doc and doc.data.attributes.profile_count
      if type(count) == "number" then
        return self.limit and math.min(self.limit, count) or count
      end
    end
  end
  return self.limit
end

-- Going on ------------------------------------------------------------------------

--- Returns in which options an earlier run differs, as text; nil if it does not.
---@param earlier table<string, string>
---@return string|nil
function Plan:difference(earlier)
  local names, list = {}, {}
  for _, own in ipairs {self.identity, earlier} do
    for name in pairs(own) do
      names[name] = true
    end
  end
  for name in pairs(names) do
    local before, now = earlier[name], self.identity[name]
    if before ~= now then
      list[#list + 1] = ("%s was %s and is now %s"):format(
        name == "resource" and "what is exported"
          or name == "format" and "the format" or "--" .. name,
        before or "not set", now or "not set")
    end
  end
  table.sort(list)
  return #list > 0 and table.concat(list, "; ") or nil
end

--- Returns the command that goes on with this export.
---@param context klaviyo.cli.Context
---@param arguments table
---@return string
function Plan:command(context, arguments)
  local line = {"klaviyo export", shell.word(self.resource)}
  local function add(name, value)
    line[#line + 1] = ("--%s %s"):format(option_of(name), shell.word(tostring(value)))
  end
  for _, name in ipairs {"account", "base_url", "revision", "output", "columns"} do
    if context.arguments[name] then
      add(name, context.arguments[name])
    end
  end
  for _, name in ipairs(IDENTITY) do
    if arguments[name] then
      add(name, arguments[name])
    end
  end
  for _, name in ipairs {"where", "filter"} do
    for _, value in ipairs(arguments[name]) do
      add(name, value)
    end
  end
  line[#line + 1] = "-o " .. shell.word(arguments.file)
  if arguments.force then
    line[#line + 1] = "--force"
  end
  line[#line + 1] = "--resume"
  return table.concat(line, " ")
end

return M
