--- What a document is refused for, in words. Each gives nil and a table: `text`,
-- or `unknown` with `what` it is and the names `allowed`. A refusal is carried
-- up rather than raised where it is found, since a union may have a branch that
-- fits. `how.operation` is the operation's name.

local M = {}

--- A place within a flat table, as a caller writes it: with underscores.
function M.below(path, name)
  name = tostring(name):gsub("-", "_")
  return path == "" and name or path .. "." .. name
end

--- Adds names to a list as callers write them.
function M.add_names(out, names)
  for name in pairs(names or {}) do
    out[#out + 1] = (name:gsub("-", "_"))
  end
end

--- A value that is not what it must be.
function M.wrong(how, path, fmt, ...)
  local where = path == "" and ": " or ": " .. path .. " "
  return nil, {text = how.operation .. where .. fmt:format(...)}
end

--- A name that does not exist.
function M.unknown(how, path, what, name, allowed)
  what = what .. " of " .. how.operation
  if path ~= "" then
    what = what .. ", in " .. path .. ":"
  end
  return nil, {unknown = tostring(name), what = what, allowed = allowed}
end

--- Names that are required and not there.
function M.missing(how, path, names)
  table.sort(names)
  local where = path == "" and "" or " in " .. path
  return nil, {text = ("%s needs %s%s"):format(how.operation,
    table.concat(names, ", "), where)}
end

return M
