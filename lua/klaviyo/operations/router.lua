--- Finds the operation for a request. Servers (the gateway, the sandbox) need it.

local M = {}

local Router = {}
Router.__index = Router

local function segments_of(path)
  local segments = {}
  for segment in path:gsub("/$", ""):gmatch("/([^/]*)") do
    segments[#segments + 1] = segment
  end
  return segments
end

-- A template, with the number of its literal segments.
local function template_of(path)
  local template = {path = path, segments = segments_of(path), literal = 0}
  for _, segment in ipairs(template.segments) do
    if segment:sub(1, 1) ~= "{" then
      template.literal = template.literal + 1
    end
  end
  return template
end

local function more_literal(a, b)
  if a.literal ~= b.literal then
    return a.literal > b.literal
  end
  return a.path < b.path
end

--- Returns a router for operations.
---@param lines table<string, string> id → line of a revision file
function M.new(lines)
  local ids = {} -- path template → method → id
  local templates = {} -- by number of segments, literal ones first
  for id, text in pairs(lines) do
    local method, path = text:match("^(%u+) (%S+)")
    if not ids[path] then
      ids[path] = {}
      local template = template_of(path)
      local list = templates[#template.segments] or {}
      templates[#template.segments] = list
      list[#list + 1] = template
    end
    ids[path][method] = id
  end
  for _, list in pairs(templates) do
    table.sort(list, more_literal)
  end
  return setmetatable({ids = ids, templates = templates}, Router)
end

local function match(template, segments)
  local params = {}
  for i, segment in ipairs(template.segments) do
    local name = segment:match("^{(.*)}$")
    if name then
      params[name] = segments[i]
    elseif segment ~= segments[i] then
      return nil
    end
  end
  return params
end

--- Returns the id of an operation and the path's parameters, as the revision's
--- `route` does.
---@return string|nil id
---@return table params
function Router:route(method, path)
  local segments = segments_of(path)
  local allowed, added = {}, {}
  for _, template in ipairs(self.templates[#segments] or {}) do
    local params = match(template, segments)
    if params then
      local ids = self.ids[template.path]
      if ids[method] then
        return ids[method], params
      end
      for other in pairs(ids) do
        if not added[other] then
          added[other] = true
          allowed[#allowed + 1] = other
        end
      end
    end
  end
  table.sort(allowed)
  return nil, allowed
end

return M
