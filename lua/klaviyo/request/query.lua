--- Builds the query of a request from the arguments of a call, and validates it
--- by the operation's record.

local core = require "klaviyo.core"
local int64 = require "klaviyo.values.int64"
local json = require "klaviyo.values.json"
local revision_lifecycle = require "klaviyo.operations.revision_lifecycle"
local revision_warning = require "klaviyo.operations.revision_warning"
local lazy_require = require "klaviyo.util.lazy_require"
local percent_encoding = require "klaviyo.util.percent_encoding"
local tables = require "klaviyo.util.tables"
local usage_error = require "klaviyo.util.usage_error"

local datetime = lazy_require "klaviyo.values.datetime"
local filter = lazy_require "klaviyo.values.filter"
local nearest_names = lazy_require "klaviyo.util.nearest_names"

local M = {}

local function scalar(value, what)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" and value - value == 0 then  -- no NaN, no infinity
    return core.number(value)
  elseif kind == "boolean"
      or kind == "table" and (datetime.is(value) or filter.is(value)) then
    return tostring(value)
  end
  return int64.digits(value) or usage_error.raise(
    "%s must be a string, a number or a boolean, not %s", what,
    usage_error.kind(value))
end

-- A list stays a list: the commas between its items must not be escaped.
local function listed(value, what)
  if type(value) ~= "table"
      or getmetatable(value) and not json.is_array(value) then
    return scalar(value, what)
  end
  local list = {}
  for i, item in ipairs(value) do
    list[i] = scalar(item, what)
  end
  if #list == 0 or next(value, #list) ~= nil then
    usage_error.raise("%s must be a list that is not empty", what)
  end
  return list
end

local function sorted_keys(t, what)
  if type(t) ~= "table" then
    usage_error.raise("%s must be a table, not %s", what, usage_error.kind(t))
  end
  local keys = {}
  for key in pairs(t) do
    if type(key) ~= "string" then
      usage_error.raise("%s must be a table with names as keys", what)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function text_of(value)
  return type(value) == "table" and table.concat(value, ",") or value
end

-- Adds a parameter. The same value a second time is ignored; another value is
-- an error.
local function add(pairs_, name, value)
  for i = 1, #pairs_, 2 do
    if pairs_[i] == name then
      if text_of(pairs_[i + 1]) ~= text_of(value) then
        usage_error.raise("conflicting values for the parameter %s (%s and %s)",
          name, usage_error.shown(text_of(pairs_[i + 1])),
          usage_error.shown(text_of(value)))
      end
      return
    end
  end
  pairs_[#pairs_ + 1] = name
  pairs_[#pairs_ + 1] = value
end

-- Whether query = {…} has a parameter.
local function in_query(args, name)
  return type(args.query) == "table" and args.query[name] ~= nil
end

-- What a query is validated by: the operation and, if that would refuse it, the
-- same operation in the revision that Klaviyo serves. `lenient`
-- (validate = false) turns validation off.
---@class klaviyo.Rules
---@field op table
---@field api klaviyo.Api
---@field settings klaviyo.Settings
---@field differing table|false|nil  the operation in the revision that answers, if it differs
---@field counterpart table|false
---@field lenient boolean
local Rules = {}

function Rules.__index(rules, key)
  if key == "counterpart" then
    local counterpart = rules.api:counterpart(rules.op) or false
    rawset(rules, "counterpart", counterpart)
    return counterpart
  end
end

-- Whether `test` holds for the operation in either revision.
local function either(rules, test, ...)
  return test(rules.op, ...) or rules.counterpart and test(rules.counterpart, ...)
end

local function has_parameter(op, name)
  return op.query[name] ~= nil
end

-- Returns whether a name that neither revision has may be sent: the service may
-- know it, if its revision is later than the newest one of the library. A name
-- that is nearly a known one is a misspelling.
local function may_be_new(rules, what, name, known)
  if not rules.api.asked.is_lenient or nearest_names.nearest(name, known) then
    return false
  end
  revision_warning.unchecked(rules.settings, rules.api, rules.op, what, name)
  return true
end

local function takes(rules, name)
  if not rules.lenient and not either(rules, has_parameter, name)
      and not may_be_new(rules, "parameter", name, rules.op.query) then
    usage_error.raise("%s does not take %s", rules.op.id, name)
  end
end

-- The union of what `list` finds in both revisions, for a message.
local function all(rules, list, ...)
  local known = list({}, rules.op, ...)
  return rules.counterpart and list(known, rules.counterpart, ...) or known
end

local function add_values(known, op, name)
  for _, value in ipairs(op.query[name] and op.query[name].values or {}) do
    known[value] = true
  end
  return known
end

local function has_value(op, name, value)
  local rule = op.query[name]
  if rule and not rule.values then
    return true
  end
  for _, known in ipairs(rule and rule.values or {}) do
    if known == value then
      return true
    end
  end
  return false
end

-- "a,b" is a list, too.
local function parted(value)
  if type(value) ~= "string" then
    return value
  end
  local list = {}
  for item in value:gmatch("[^,]+") do
    list[#list + 1] = item
  end
  return list
end

local function add_listed(pairs_, rules, name, value, what)
  local list = listed(parted(value), what)
  for _, item in ipairs(rules.lenient and {} or list) do
    if not either(rules, has_value, name, item)
        and not may_be_new(rules, what, item, all(rules, add_values, name)) then
      usage_error.unknown(("%s of %s"):format(what, rules.op.id), item,
        all(rules, add_values, name))
    end
  end
  add(pairs_, name, list)
end

local function add_types(known, op, family)
  for name in pairs(op.query) do
    if name:sub(1, #family + 1) == family .. "[" then
      known[name:sub(#family + 2, -2)] = true
    end
  end
  return known
end

-- fields = {profile = {"email"}} is fields[profile]=email.
local function add_family(pairs_, rules, argument, value)
  local family = argument:gsub("_", "-")
  for _, key in ipairs(sorted_keys(value, argument)) do
    local name = ("%s[%s]"):format(family, (key:gsub("_", "-")))
    if not rules.lenient and not either(rules, has_parameter, name)
        and not may_be_new(rules, "parameter", name, rules.op.query) then
      usage_error.unknown(("type for %s of %s"):format(argument, rules.op.id),
        key, all(rules, add_types, family))
    end
    add_listed(pairs_, rules, name, value[key], argument .. "." .. key)
  end
end

local function largest(op)
  return op and op.page and op.page.size and op.page.size.max
end

local function has_size(op, size)
  local limits = op.page and op.page.size
  return limits and limits.max and type(size) == "number"
    and size >= 1 and size <= limits.max and size % 1 == 0
end

-- The largest page of either revision.
local function largest_of(rules)
  return math.max(largest(rules.op) or 0, largest(rules.counterpart) or 0)
end

local function add_page(pairs_, rules, page)
  local style = rules.op.page
  if style and style.style == "body" then
    usage_error.raise("%s takes its page in its document, as the attributes "
      .. "page_size and page_cursor", rules.op.id)
  end
  for _, key in ipairs(sorted_keys(page, "page")) do
    local name = ("page[%s]"):format(key)
    if key == "cursor" and style and style.param == "page_cursor" then
      name = style.param
    end
    -- Klaviyo's description names page[number], its OpenAPI parameters do not
    if not (style and style.param == name) and not rules.lenient
        and not either(rules, has_parameter, name)
        and not may_be_new(rules, "parameter", name, rules.op.query) then
      local known = sorted_keys(all(rules, add_types, "page"), "page")
      usage_error.raise("%s does not take %s%s", rules.op.id, name, known[1]
        and ", but page." .. table.concat(known, " and page.") or "")
    end
    if key == "size" and not rules.lenient
        and not either(rules, has_size, page.size) then
      usage_error.raise("page.size of %s must be a whole number from 1 to %d, "
        .. "not %s", rules.op.id, largest_of(rules), usage_error.shown(page.size))
    end
    add(pairs_, name, scalar(page[key], "page." .. key))
  end
end

local function has_field(op, field)
  local filters = op.filter and op.filter.fields
  return not filters or filters[field] ~= nil
end

local function has_operator(op, field, operator)
  local filters = op.filter and op.filter.fields
  for _, known in ipairs(filters and filters[field] or {}) do
    if known == operator then
      return true
    end
  end
  return not filters
end

local function add_fields(known, op)
  for field in pairs(op.filter and op.filter.fields or {}) do
    known[field] = true
  end
  return known
end

local function add_operators(known, op, field)
  local filters = op.filter and op.filter.fields or {}
  for _, operator in ipairs(filters[field] or {}) do
    known[operator] = true
  end
  return known
end

local function check_term(rules, term)
  if not either(rules, has_field, term.field) then
    local known = all(rules, add_fields)
    if may_be_new(rules, "filter field", term.field, known) then
      return
    end
    usage_error.unknown("filter field of " .. rules.op.id, term.field, known)
  end
  if not either(rules, has_operator, term.field, term.operator)
      and not may_be_new(rules, "filter operator", term.operator,
        all(rules, add_operators, term.field)) then
    usage_error.unknown(("filter operator for %s of %s"):format(term.field,
      rules.op.id), term.operator, all(rules, add_operators, term.field))
  end
end

local function add_filter(pairs_, rules, value)
  takes(rules, "filter")
  if type(value) ~= "string" and not filter.is(value) then
    usage_error.raise("filter must be a string or a klaviyo.filter, not %s",
      usage_error.kind(value))
  end
  if not rules.lenient then
    for _, term in ipairs(filter.terms(value) or {}) do
      check_term(rules, term)
    end
  end
  add(pairs_, "filter", tostring(value))
end

local function requires(op, name)
  return op.query[name] ~= nil and op.query[name].required
end

local required_of = setmetatable({}, {__mode = "k"})

-- Most operations have no required parameter.
local function required(op)
  local names = required_of[op]
  if not names then
    names = {}
    for name in pairs(op.query) do
      if requires(op, name) then
        names[#names + 1] = name
      end
    end
    required_of[op] = names
  end
  return names
end

local function is_given(pairs_, name)
  for i = 1, #pairs_, 2 do
    if pairs_[i] == name then
      return true
    end
  end
  return false
end

-- An example of a filter that the operation takes, for a message.
local function sample_of(op)
  local fields = op.filter and op.filter.fields or {}
  if fields["messages.channel"] then
    return ', such as klaviyo.filter.equals("messages.channel", "email")'
  end
  local names = tables.sorted(fields)
  return names[1] and (", such as klaviyo.filter.%s(%q, …)"):format(
    (fields[names[1]][1]:gsub("%-", "_")), names[1]) or ""
end

-- A parameter is missing only if both revisions require it.
local function check_required(rules, pairs_)
  for _, name in ipairs(required(rules.op)) do
    if not is_given(pairs_, name)
        and not (rules.differing and not requires(rules.differing, name)) then
      usage_error.raise("%s needs %s%s", rules.op.id, name,
        name == "filter" and sample_of(rules.op) or "")
    end
  end
end

local function largest_size(op, api)
  local size, other = largest(op), largest(api:counterpart(op))
  return size and other and math.min(size, other) or size
end

--- Returns the page size of an iterator whose caller sets none: the largest that
--- both revisions take.
---@param op table
---@param api klaviyo.Api
---@param args table
---@return integer|nil
function M.largest_size(op, api, args)
  if in_query(args, "page[size]") then
    return nil
  end
  local today = os.time() < revision_lifecycle.next_day
    and revision_lifecycle.daily[api] or api:today()
  local size = today.sizes[op]
  if size == nil then
    size = largest_size(op, api) or false
    today.sizes[op] = size
  end
  return size or nil
end

local FAMILIES, LISTS = {"fields", "additional_fields"}, {"include", "sort"}

local function write(rules, op, args, settings)
  local pairs_ = {}
  if args.filter ~= nil then
    add_filter(pairs_, rules, args.filter)
  end
  for _, name in ipairs(FAMILIES) do
    if args[name] ~= nil then
      add_family(pairs_, rules, name, args[name])
    end
  end
  for _, name in ipairs(LISTS) do
    if args[name] ~= nil then
      takes(rules, name)
      add_listed(pairs_, rules, name, args[name], name)
    end
  end
  if args.page ~= nil then
    add_page(pairs_, rules, args.page)
  end
  local company_id = args.company_id
  if company_id == nil and op.query.company_id
      and not in_query(args, "company_id") then
    company_id = settings.company_id
  end
  if company_id ~= nil then
    takes(rules, "company_id")
    add(pairs_, "company_id", scalar(company_id, "company_id"))
  end
  if args.query ~= nil then
    M.raw(args.query, pairs_)
  end
  if not rules.lenient then
    check_required(rules, pairs_)
  end
  return pairs_
end

-- What an operation of the revision that Klaviyo serves is validated by.
local SERVED_API = {
  asked = {is_lenient = false},
  counterpart = function() end,
}

-- Warns if the revision that Klaviyo serves refuses what the other one takes.
local function check_differing(rules, differing, args, settings)
  local text = usage_error.try(write, setmetatable({
    op = differing, api = SERVED_API, settings = settings, lenient = false,
  }, Rules), differing, args, settings)
  if text then
    revision_warning.differs(settings, rules.api, rules.op, text)
  end
end

--- Returns the parameters as a flat list for core.url: name, value, name, value.
---@param op table
---@param api klaviyo.Api
---@param args table
---@param settings klaviyo.Settings
---@param differing table|false  the operation in the revision that answers, if it
--- differs there
function M.write(op, api, args, settings, differing)
  local rules = setmetatable({
    op = op, api = api, settings = settings, differing = differing,
    lenient = settings.validate == false or op.is_open,
  }, Rules)
  local pairs_ = write(rules, op, args, settings)
  if differing and not rules.lenient then
    check_differing(rules, differing, args, settings)
  end
  return pairs_
end

--- Returns the parameters of a URL, decoded, as a flat list. If a name occurs
--- several times, the last value counts.
---@param url string
function M.of_url(url)
  local pairs_, at = {}, {}
  for item in (url:match("%?([^#]*)") or ""):gmatch("[^&]+") do
    local name, value = item:match("^([^=]*)=?(.*)$")
    name = percent_encoding.decode_form(name)
    at[name] = at[name] or #pairs_ + 1
    pairs_[at[name]] = name
    pairs_[at[name] + 1] = percent_encoding.decode_form(value)
  end
  return pairs_
end

--- Returns parameters that the caller names exactly:
--- query = {["exact[name]"] = value}.
---@param parameters table|nil
---@param pairs_ table|nil  a list to add to
function M.raw(parameters, pairs_)
  pairs_ = pairs_ or {}
  for _, name in ipairs(sorted_keys(parameters or {}, "query")) do
    add(pairs_, name, listed(parameters[name], "query." .. name))
  end
  return pairs_
end

return M
