--- Iterates over many profiles, or imports them:  scale.lua TASK RECORDS PART URL
---
--- TASK is iterate or import.
---
--- Waits for a line of input before each part of the records, and prints a line after
--- it: the processor time that it took in microseconds, and the resident memory in
--- kilobytes. The last line is the number of records. Without input it ends early.

local klaviyo = require "klaviyo"

local task, records, part, url = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]

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

-- Returns a function to call after each record; it returns their number.
local function counter()
  wait_for_line()
  local count, began = 0, os.clock()
  return function()
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
end

local tasks = {}

function tasks.iterate()
  for _ in client.profiles:each {limit = 1000} do end  -- the first connection
  local add, count = counter(), 0
  for profile in client.profiles:each {limit = records} do
    assert(profile.attributes.email)
    count = add()
  end
  return count
end

function tasks.import()
  local add, count = counter(), 0
  local function next_record()
    if count == records then
      return nil
    end
    count = add()
    return {
      email = ("somebody.%d@example.com"):format(count), first_name = "Sarah", last_name = "Mason",
      location = {city = "New York", country = "United States", zip = "10017"},
      properties = {plan = "gold", visits = count, interests = {"shoes", "bags"}},
    }
  end
  local report, err = client.profiles:import(next_record)
  assert(report, err)
  assert(report.failed == 0, "records failed")
  return report.completed
end

print(("%d"):format(tasks[task]()))
