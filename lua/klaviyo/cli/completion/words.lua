--- What can be completed: lists of words by what stands before them.

local klaviyo = require "klaviyo"
local sorted_keys = require "klaviyo.cli.sorted_keys"
local tree = require "klaviyo.cli.tree"

local M = {}

-- Words that the script finds when they are needed.
M.ACCOUNTS, M.FILES, M.OPERATIONS = "@accounts", "@files", "@operations"

local BY_VALUE = {FILE = M.FILES, FOLDER = M.FILES, OPERATION = M.OPERATIONS,
  ["PATH|OPERATION"] = M.OPERATIONS}

local function names_of(list)
  local names = {}
  for i, one in ipairs(list) do
    names[i] = one.name
  end
  return names
end

local BY_PATH = {["auth switch"] = {M.ACCOUNTS}, operation = {M.OPERATIONS},
  api = {M.OPERATIONS}}

-- Puts texts with the same words together: {words = {key, …}}, in order.
local function grouped(list)
  local by_words, groups = {}, {}
  for _, one in ipairs(list) do
    local words = table.concat(one.words, " ")
    if not by_words[words] then
      by_words[words] = {words = words, keys = {}}
      groups[#groups + 1] = by_words[words]
    end
    table.insert(by_words[words].keys, one.key)
  end
  return groups
end

local function revisions()
  local dates = {}
  for i, one in ipairs(klaviyo.revisions()) do
    dates[i] = one.date
  end
  return dates
end

local function operations(context)
  local ids = {}
  for i, one in ipairs(klaviyo.operations.list {revision = context:revision()}) do
    ids[i] = one.id
  end
  table.sort(ids)
  return ids
end

-- Adds the words of an option's values, by its name.
local function add_values(values, option)
  local words = option.choices or option.value and {BY_VALUE[option.value]} or {}
  for _, name in ipairs(option.names) do
    local known = values[name] or {}
    values[name] = known
    for _, word in ipairs(words) do
      known[word] = true
    end
    known.takes_value = known.takes_value or option.value ~= nil
  end
end

local function values_of(values)
  local list = {}
  for _, name in ipairs(sorted_keys(values)) do
    local words = values[name]
    if words.takes_value then
      words.takes_value = nil
      list[#list + 1] = {key = name, words = sorted_keys(words)}
    end
  end
  return list
end

-- Returns the resources that can be listed.
local function resources_of(root)
  local names = {}
  for _, node in ipairs(root.commands) do
    for _, child in ipairs(node.commands) do
      if child.path == node.path .. " list" and node.name ~= "auth" then
        names[#names + 1] = node.name
      end
    end
  end
  return names
end

local function arguments_of(node, root)
  if node.path == "export" then
    return resources_of(root)
  end
  for _, argument in ipairs(node.arguments) do
    if argument.choices or BY_VALUE[argument.name] then
      return argument.choices or {BY_VALUE[argument.name]}
    end
  end
  return BY_PATH[node.path]
end

--- Returns all words.
---@param context klaviyo.cli.Context
---@param parser table  of the whole command line
---@return table  {commands, options, arguments, values: {words: string, keys: string[]}[], …}
function M.of(context, parser)
  local root = tree.of(parser)
  local commands, options, arguments, values = {}, {}, {}, {}
  tree.each(root, function(node)
    local names = {}
    for _, option in ipairs(node.options) do
      add_values(values, option)
      for _, name in ipairs(option.names) do
        names[#names + 1] = name
      end
    end
    if node.path ~= "" then
      options[#options + 1] = {key = node.path, words = names}
    end
    if #node.commands > 0 then
      commands[#commands + 1] = {key = node.path, words = names_of(node.commands)}
    end
    local words = arguments_of(node, root)
    if words then
      arguments[#arguments + 1] = {key = node.path, words = words}
    end
  end)
  values["--account"] = {takes_value = true, [M.ACCOUNTS] = true}
  values["--revision"] = {takes_value = true}
  for _, date in ipairs(revisions()) do
    values["--revision"][date] = true
  end
  local everywhere = {}
  for _, option in ipairs(root.options) do
    for _, name in ipairs(option.names) do
      everywhere[#everywhere + 1] = name
    end
  end
  return {
    commands = grouped(commands), options = grouped(options),
    arguments = grouped(arguments), values = grouped(values_of(values)),
    everywhere = table.concat(everywhere, " "),
    operations = table.concat(operations(context), " "),
  }
end

return M
