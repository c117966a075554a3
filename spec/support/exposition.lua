-- Reads Prometheus' text format 0.0.4, and fails where it is not as it must be.

local script = require "spec.support.script"

local M = {}

local SUFFIXES = {histogram = {"_bucket", "_sum", "_count"}}

local Exposition = {}
Exposition.__index = Exposition

-- Reads {name="value",…}; returns a table of the labels.
local function labels_of(text, line)
  local labels, at = {}, 1
  while at <= #text do
    local name, from = text:match('^([%a_][%w_]*)="()', at)
    assert(name, "no label: " .. line)
    local value = {}
    while text:sub(from, from) ~= '"' do
      local char = text:sub(from, from)
      assert(char ~= "" and char ~= "\n", "no end of a value: " .. line)
      if char == "\\" then
        char = ({["\\"] = "\\", ['"'] = '"', n = "\n"})[text:sub(from + 1, from + 1)]
        assert(char, "no such escape: " .. line)
        from = from + 1
      end
      value[#value + 1], from = char, from + 1
    end
    assert(labels[name] == nil, "a label twice: " .. line)
    labels[name] = table.concat(value)
    at = text:match("^,()", from + 1) or #text + 1
    assert(at <= #text or from == #text, "no end of the labels: " .. line)
  end
  return labels
end

local function add_sample(self, family, line)
  local name, rest = line:match("^([%a_:][%w_:]*)(.*)$")
  assert(name, "no sample: " .. line)
  local labels, value = rest:match("^{(.*)} (%S+)$")
  value = value or rest:match("^ (%S+)$")
  assert(value and tonumber((value:gsub("^%+Inf$", "1e999"))), "no value: " .. line)
  local belongs = name == family.name and not SUFFIXES[family.type]
  for _, suffix in ipairs(SUFFIXES[family.type] or {}) do
    belongs = belongs or name == family.name .. suffix
  end
  assert(belongs, "of another family: " .. line)
  local key = line:match("^(.*) %S+$")
  assert(not self.values[key], "twice: " .. line)
  self.values[key] = tonumber(value)
  self.samples[#self.samples + 1] = {
    name = name, labels = labels_of(labels or "", line), value = tonumber(value),
  }
end

-- The counts of a histogram grow with its bounds, and the last one is its count.
local function check_histograms(self)
  for name, family in pairs(self.families) do
    local last = {}
    for _, sample in ipairs(family.type == "histogram" and self.samples or {}) do
      local id = sample.labels.operation
      if sample.name == name .. "_bucket" then
        assert(sample.value >= (last[id] or 0), "not cumulative: " .. name)
        last[id] = sample.value
      elseif sample.name == name .. "_count" then
        assert(sample.value == last[id], "not the last bucket: " .. name)
      end
    end
  end
end

--- Reads a text. The result's `values` are by series; `families` by name.
---@param text string
function M.read(text)
  local self = setmetatable({values = {}, samples = {}, families = {}}, Exposition)
  local family
  assert(text:sub(-1) == "\n", "no newline at the end")
  for line in text:gmatch("([^\n]*)\n") do
    local name, help = line:match("^# HELP (%S+) (.+)$")
    local typed, kind = line:match("^# TYPE (%S+) (%l+)$")
    if name then
      assert(not self.families[name], "a family twice: " .. name)
      family = {name = name, help = help}
      self.families[name] = family
    elseif typed then
      assert(family and family.name == typed and not family.type, "no HELP: " .. line)
      family.type = kind
    else
      assert(family and family.type, "no family: " .. line)
      add_sample(self, family, line)
    end
  end
  check_histograms(self)
  return self
end

--- Adds the samples of a name whose labels have these values.
---@param name string
---@param labels table|nil
---@return number
function Exposition:sum(name, labels)
  local sum = 0
  for _, sample in ipairs(self.samples) do
    local matches = sample.name == name
    for label, value in pairs(labels or {}) do
      matches = matches and sample.labels[label] == value
    end
    sum = sum + (matches and sample.value or 0)
  end
  return sum
end

--- Checks a text by promtool. Returns why it is not checked, or nil.
---@param text string
---@return string|nil
function M.check(text)
  local path = script.shell("PATH=$PATH:build/promtool command -v promtool"):match("^%S+")
  if not path then
    return "promtool is not there: tools/promtool.sh fetches it"
  end
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  local output, status = script.shell(path .. " check metrics <" .. name)
  os.remove(name)
  assert(status == 0 and not output:find("%S"), "promtool: " .. output)
end

return M
