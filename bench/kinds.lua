--- The kinds of subjects, and what each is compared with.

local M = {}

--- Returns "ours", "reference" or "peer".
---@param name string  of a subject
---@return string
function M.kind_of(name)
  if name:find "^klaviyo, " or name == "klaviyo" or name == "track" or name == "outbox" or name == "submit" then
    return "ours"
  elseif name:find "cjson" or name:find "^libcurl" or name:find "^wrk" or name == "no calls" or name:find "before$" then
    return "reference"
  end
  return "peer"
end

local REFERENCES = {decode = "lua-cjson, LUA", start = "libcurl, linked, LUA", ping = "no calls",
  track = "NAME, before"}

--- Returns the subject that a subject is compared with, or nil for references. Other
--- clients run under LuaJIT, or are compared with it.
---@param workload string
---@param name string
---@return string|nil
function M.reference_of(workload, name)
  if M.kind_of(name) == "reference" then
    return nil
  end
  local reference = REFERENCES[workload] or "libcurl + cjson, LUA"
  return (reference:gsub("NAME", name):gsub("LUA", name:match "(Lua 5%.4)$" or "LuaJIT"))
end

return M
