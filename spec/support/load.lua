-- Requests of several callers to a gateway at the same time, sent by curl.

local script = require "spec.support.script"

local M = {}

-- curl sends only what is before the "#", and makes a URL of each number.
local MANY = "timeout %g curl -s -Z --parallel-max %d -m 60 --noproxy '*' -o /dev/null "
  .. "-H 'Authorization: Bearer %s' '%s/klaviyo%s#[1-1000000]' >/dev/null 2>&1 &\n"

local EVERY = "(for i in $(seq %d); do curl -s -m 60 --noproxy '*' -o /dev/null -H 'Authorization: Bearer %s' "
  .. "-w '%d %s %%{time_total}\\n' '%s/klaviyo%s' & sleep %g; done; wait) &\n"

-- Counts the answers by caller and status, as the access log shows them.
local function read_log(logs, result)
  for name, status in logs:gmatch("%S+ 127%.0%.0%.1 (%S+) GET %S+ (%d+) ") do
    local one, number = result[name], tonumber(status)
    if one then
      one.status[number] = (one.status[number] or 0) + 1
    end
  end
end

--- Sends requests to gateways at the same time, and returns for each what its callers experience.
---@param seconds number
---@param runs {gateway: table, callers: table[]}[]  a caller is {name =, parallel = the number of requests at a time}
---  or {name =, every = seconds}; its name is its token, too
---@param path string|nil
---@return table<string, {times: number[], status: table<integer, integer>}>[]  by name: the sorted times of the
---  requests of a caller with `every`, the statuses of all
function M.run(seconds, runs, path)
  path = path or "/api/lists"
  local words, results = {}, {}
  for i, run in ipairs(runs) do
    results[i] = {}
    for _, caller in ipairs(run.callers) do
      results[i][caller.name] = { times = {}, status = {} }
      words[#words + 1] = caller.parallel
        and MANY:format(seconds, caller.parallel, caller.name, run.gateway.base_url, path)
        or EVERY:format(math.floor(seconds / caller.every), caller.name, i, caller.name, run.gateway.base_url, path,
          caller.every)
    end
  end
  local text = script.shell(table.concat(words) .. "wait")
  for number, name, time in text:gmatch("(%d+) (%S+) ([%d.]+)\n") do
    table.insert(results[tonumber(number)][name].times, tonumber(time))
  end
  for i, run in ipairs(runs) do
    for _, one in pairs(results[i]) do
      table.sort(one.times)
    end
    read_log(run.gateway:logs(), results[i])
  end
  return results
end

--- Returns the time that a part of the answers needed at most.
---@param times number[]
---@param part number  such as 0.99
function M.percentile(times, part)
  return times[math.max(1, math.ceil(#times * part))]
end

return M
