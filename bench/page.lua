--- Writes the figures of a full run of the benchmark into docs/benchmarks.md.

local M = {}

local BEGIN = "<!-- bench: written by make bench -->\n"
local END = "<!-- /bench -->"

local COLUMNS = {
  {"libcurl, in C", "libcurl"},
  {"… + lua-cjson, 5.4 / JIT", "libcurl + cjson, Lua 5.4", "libcurl + cjson, LuaJIT"},
  {"**klaviyo**, 5.4 / JIT", "klaviyo, Lua 5.4", "klaviyo, LuaJIT", bold = true},
  {"lua-curl", "lua-curl"},
  {"lua-http", "lua-http"},
  {"LuaSocket", "LuaSocket"},
  {"klaviyo-api", "klaviyo-api (node)"},
}

-- The title, the workload, the figure, and the factor for the title's unit.
local ROWS = {
  {"GET of 1 KB", "get", "cpu", 1e6},
  {"GET of a page, 100 profiles, 100 KB", "page", "cpu", 1e6},
  {"POST of an event", "post", "cpu", 1e6},
  {"GET of 1 KB over TLS", "tls", "cpu", 1e6},
  {"iteration over 1,000 pages, a page", "iterate", "cpu", 1e6},
  {"POSTs, 100 at a time, 50 ms each", "posts", "cpu", 1e6},
  {"start to first response, ms of wall time", "first", "wall", 1e3, digits = true},
  {"MB resident after 10,000 GETs", "get", "rss", 1 / 1024, digits = true},
  {"MB at most over 100,000 profiles", "iterate", "peak", 1 / 1024, digits = true},
}

-- 966 → "966", 1210.4 → "1,210"; with digits 9.64 → "9.6"
local function written(figure, digits)
  if digits and figure < 100 then
    return ("%.1f"):format(figure)
  end
  local text = ("%.0f"):format(figure)
  return (text:gsub("^(%d+)(%d%d%d)$", "%1,%2"))
end

local function row(cells)
  return "| " .. table.concat(cells, " | ") .. " |\n"
end

--- Returns the table of all figures in Markdown.
---@param figure fun(workload: string, subject: string, what: string): number|nil  a median
---@return string
function M.table(figure)
  local heads, rules = {"µs of processor time a call"}, {"---"}
  for _, column in ipairs(COLUMNS) do
    heads[#heads + 1] = column[1]
    rules[#rules + 1] = "---"
  end
  local out = {row(heads), row(rules)}
  for _, line in ipairs(ROWS) do
    local cells = {line[1]}
    for _, column in ipairs(COLUMNS) do
      local parts = {}
      for i = 2, #column do
        local value = figure(line[2], column[i], line[3])
        parts[#parts + 1] = value and written(value * line[4], line.digits)
      end
      local text = table.concat(parts, " / ")
      cells[#cells + 1] = column.bold and text ~= "" and "**" .. text .. "**"
        or text
    end
    out[#out + 1] = row(cells)
  end
  return table.concat(out)
end

--- Returns the page's text with new figures.
---@param text string  of docs/benchmarks.md
---@param system string  the description of the machine and the clients
---@param figures string  what M.table returned
---@return string
function M.filled(text, system, figures)
  local _, from = text:find(BEGIN, 1, true)
  local to = from and text:find(END, from, true)
  assert(to, "docs/benchmarks.md has lost the marks around its table")
  return ("%s\n%s\n\n%s\n%s"):format(text:sub(1, from), system, figures,
    text:sub(to))
end

return M
