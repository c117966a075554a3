-- Imports a CSV file as profiles, and tells of every record that is refused.
-- Killed in the middle, it goes on where it was when it is run again.
--
--   lua5.4 examples/import_csv.lua                      a file of its own making
--   lua5.4 examples/import_csv.lua FILE [LIST_ID]       into a sandbox
--   LIVE=1 KLAVIYO_API_KEY=pk_… lua5.4 … FILE [LIST_ID]  for real

local klaviyo = require "klaviyo"

local live = (os.getenv "LIVE" or "") ~= ""
local path, list_id = ...

-- Reading CSV ----------------------------------------------------------------

-- A field in double quotes may hold commas, line ends and, doubled, quotes.
local function fields_of(text)
  local fields, at = {}, 1
  repeat
    local field, stop
    if text:sub(at, at) == '"' then
      stop = at + 1
      while true do
        stop = text:find('"', stop, true)
        if text:sub(stop + 1, stop + 1) ~= '"' then
          break
        end
        stop = stop + 2
      end
      field = text:sub(at + 1, stop - 1):gsub('""', '"')
      at = stop + 1
    else
      stop = text:find(",", at, true) or #text + 1
      field, at = text:sub(at, stop - 1), stop
    end
    fields[#fields + 1] = field
    local more = text:sub(at, at) == ","
    at = at + 1
  until not more
  return fields
end

local function quotes_in(text)
  return select(2, text:gsub('"', ""))
end

-- One record after the other, and the line that it begins on.
local function csv(file)
  local number = 0
  return function()
    local text
    repeat
      text = file:read("*l")
      number = number + 1
    until text ~= "" and text ~= "\r"
    if not text then
      return nil
    end
    local first = number
    while quotes_in(text) % 2 == 1 do  -- the record goes on in the next line
      local more = file:read("*l")
      if not more then
        error(("line %d: a quote is not closed"):format(first), 0)
      end
      text, number = text .. "\n" .. more, number + 1
    end
    return fields_of((text:gsub("\r$", ""))), first
  end
end

-- Profiles out of it ---------------------------------------------------------

local ATTRIBUTES = {
  email = true, phone_number = true, external_id = true, first_name = true,
  last_name = true, organization = true, title = true, image = true,
  locale = true,
}

-- Which line a record came from: records come back as the tables they were.
local line_of = setmetatable({}, {__mode = "k"})

-- Columns that a profile has no attribute for become properties.
local function profiles_of(file)
  local next_fields = csv(file)
  local names = next_fields() or {}
  names[1] = names[1] and names[1]:gsub("^\239\187\191", "")
  return function()
    local fields, line = next_fields()
    if not fields then
      return nil
    end
    local profile = {}
    for i, value in ipairs(fields) do
      local name = names[i]
      if name and value ~= "" then
        if ATTRIBUTES[name] then
          profile[name] = value
        else
          profile.properties = profile.properties or {}
          profile.properties[name] = value
        end
      end
    end
    line_of[profile] = line
    return profile
  end
end

-- The import -----------------------------------------------------------------

local function make_a_file()
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write("email,first_name,plan,note\n")
  for i = 1, 2500 do
    local bad = i % 500 == 0
    file:write(("customer%d%s,Ada,%s,\"likes \"\"blue\"\", and\nred\"\n")
      :format(i, bad and "" or "@example.com", i % 3 == 0 and "gold" or ""))
  end
  file:close()
  return name
end

local function progress(p)
  io.stderr:write(("\r%d done, %d failed, %.0f a second%s   "):format(p.done,
    p.failed, p.rate, p.left and (", %.0f s left"):format(p.left) or ""))
end

local server, client
if live then
  client = klaviyo.new()
else
  server = assert(klaviyo.sandbox.start())
  -- every sandbox has this key: what others used of its limits is not ours
  client = klaviyo.new {
    api_key = server.key, base_url = server.base_url, budget = false,
  }
end

local own = not path
path = path or make_a_file()
local file = assert(io.open(path, "rb"))

local result, err = client.profiles:import(profiles_of(file), {
  list = list_id,
  journal = live and path .. ".journal" or nil,
  progress = progress,
})
io.stderr:write("\n")
file:close()
if own then
  os.remove(path)
end

if not result then
  print("stopped: " .. err)
  result = err.result
end
for failure in result:failures() do
  local line = line_of[failure.record]
  print(("%s: %s"):format(line and "line " .. line
    or "record " .. tostring(failure.position), failure.errors[1].detail))
end
print(("%d completed, %d failed, %d unknown, %d skipped"):format(
  result.completed, result.failed, result.unknown, result.skipped))

if server then
  server:stop()
end
os.exit(not err and (own or result.failed + result.unknown == 0))
