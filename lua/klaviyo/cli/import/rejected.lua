--- Writes the file of rejected rows: their fields as they are in the source, the
--- line on which each begins, and why it was rejected. It reads the source a second
--- time, because an import keeps only the positions of the records that failed.

local klaviyo = require "klaviyo"
local mapping = require "klaviyo.cli.import.mapping"

local M = {}

-- How many reasons are kept in memory at once, and the size of the parts of the
-- source whose failures are counted to achieve that.
local MAX_KEPT, PART = 20000, 1000

--- Returns the errors of a failure as text.
---@param errors table[]|nil
---@return string
function M.reason(errors)
  local list = {}
  for _, object in ipairs(errors or {}) do
    local text = type(object) == "table"
      and (object.detail or object.title or object.code) or object
    if type(text) == "string" and text ~= "" then
      list[#list + 1] = text
    end
  end
  return #list > 0 and table.concat(list, "; ") or "no reason was given"
end

-- Counts the failures of each part. Returns the counts, and those that have no
-- position.
local function count_parts(failures)
  local parts, last, nameless = {}, 0, {}
  for failure in failures() do
    if failure.position then
      local part = math.floor((failure.position - 1) / PART) + 1
      parts[part] = (parts[part] or 0) + 1
      last = math.max(last, part)
    elseif #nameless < PART then
      nameless[#nameless + 1] = failure
    end
  end
  return parts, last, nameless
end

-- Returns a function that returns the reason of a position. Positions rise.
local function lookup(failures)
  local parts, last, nameless = count_parts(failures)
  local part, to, reasons = 0, 0, {}
  local function load(position)
    local from, count = to, 0
    repeat
      part = part + 1
      count = count + (parts[part] or 0)
    until part >= last or count + (parts[part + 1] or 0) > MAX_KEPT
    to = part >= last and math.huge or part * PART
    reasons = {}
    for failure in failures() do
      local at = failure.position
      if count > 0 and at and at > from and at <= to then
        reasons[at] = M.reason(failure.errors)
      end
    end
    return position
  end
  return function(position)
    while position > to do
      load(position)
    end
    return reasons[position]
  end, nameless
end

local function columns_of(input)
  local columns = {}
  for _, name in ipairs(input:columns()) do
    if name ~= mapping.LINE and name ~= mapping.ERROR then
      columns[#columns + 1] = name
    end
  end
  columns[#columns + 1] = mapping.LINE
  columns[#columns + 1] = mapping.ERROR
  return columns
end

-- Returns the fields of a row, without those that a former file of rejected rows
-- added.
local function fields_of(input, line, last_line, reason)
  local fields, all = {}, line and input:fields(line, last_line) or {}
  for i, name in ipairs(input:columns()) do
    if name ~= mapping.LINE and name ~= mapping.ERROR then
      fields[#fields + 1] = all[i] or ""
    end
  end
  fields[#fields + 1] = line or ""
  fields[#fields + 1] = reason
  return fields
end

local function write_all(out, input, failures)
  local reason_of, nameless = lookup(failures)
  local position, written = 0, 0
  local function write(fields)
    written = written + 1
    assert(out:write(klaviyo.csv.encode(fields)))
  end
  assert(out:write(klaviyo.csv.encode(columns_of(input))))
  while true do
    local record, second = input:next()
    if record == nil and second == nil then
      break
    end
    position = position + (record and 1 or 0)
    local reason = not record and second.message or reason_of(position)
    if reason then
      write(fields_of(input, record and second or second.line,
        not record and second.last_line or nil, reason))
    end
  end
  for _, failure in ipairs(nameless) do
    write(fields_of(input, nil, nil, ("%d records, of which the service does not "
      .. "say which: %s"):format(failure.count or 1, M.reason(failure.errors))))
  end
  return written
end

--- Writes the file. Returns the number of its rows, or nil and why it could not be
--- written.
---@param path string
---@param input table  of the source
---@param failures fun(): fun(): table|nil  `failures` of a result
---@return integer|nil
---@return string|nil
function M.write(path, input, failures)
  -- a device is written, not replaced
  local is_device = path:find("^/dev/") ~= nil
  local partial = is_device and path or path .. ".partial"
  local out, why = io.open(partial, "wb")
  if not out then
    return nil, why
  end
  local ok, written = pcall(function()
    assert(input:again(), input.source.name .. " cannot be read again")
    return write_all(out, input, failures)
  end)
  local closed, reason = out:close()
  if not ok then
    reason = tostring(written)
  elseif closed and not is_device then
    ok, reason = os.rename(partial, path)
  end
  if ok and closed then
    return written
  elseif not is_device then
    os.remove(partial)
  end
  return nil, reason
end

return M
