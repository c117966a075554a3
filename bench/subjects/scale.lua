--- Iterates over many profiles, or imports them:
---
---   scale.lua iterate|import RECORDS EACH PART URL
---
--- A loop or an import has EACH records; they are repeated until there are RECORDS.
--- Before each PART of the records, a line of input is read, and after it a line is
--- printed: the processor time of the part in microseconds, and the resident memory
--- in kilobytes. The last line is the number of records. Without input it ends early.

local klaviyo = require "klaviyo"

local task, records, each, part, url = arg[1], tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4]), arg[5]

local client = klaviyo.new {
  base_url = url, api_key = "pk_bench", proxy = "", pacing = false, on_warning = function() end,
}

local function resident_kb()
  local file = assert(io.open("/proc/self/statm", "rb"))
  local pages = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  return tonumber(pages) * 4
end

local function wait_for_line()
  if not io.read() then
    os.exit(0)
  end
end

local count, began = 0, 0

-- Counts a record, and returns the number of records.
local function add()
  count = count + 1
  if count % part == 0 then
    print(("%.0f %d"):format((os.clock() - began) * 1e6, resident_kb()))
    io.stdout:flush()
    if count < records then
      wait_for_line()
    end
    began = os.clock()
  end
  return count
end

local tasks = {}

function tasks.iterate()
  local found = 0
  for profile in client.profiles:each {limit = math.min(each, records - count)} do
    assert(profile.attributes.email)
    add()
    found = found + 1
  end
  return found
end

function tasks.import()
  local left = math.min(each, records - count)
  local function next_record()
    if left == 0 then
      return nil
    end
    left = left - 1
    local number = add()
    return {
      email = ("somebody.%d@example.com"):format(number), first_name = "Sarah", last_name = "Mason",
      location = {city = "New York", country = "United States", zip = "10017"},
      properties = {plan = "gold", visits = number, interests = {"shoes", "bags"}},
    }
  end
  local report, err = client.profiles:import(next_record)
  assert(report, err)
  assert(report.failed == 0, "records failed")
  return report.completed
end

wait_for_line()
began = os.clock()
local done = 0
while count < records do
  done = done + tasks[task]()
end
print(("%d"):format(done))
