-- Calls every operation by the command line of its sample: the one that --help
-- shows. Prints a line for each failure.
--
--   lua5.4 spec/contract/cli.lua revision base_url

local cli = require "klaviyo.cli"
local klaviyo = require "klaviyo"
local manual = require "klaviyo.cli.manual"

local revision, base_url = arg[1], arg[2]

local ENVIRONMENT = {KLAVIYO_API_KEY = "contract", KLAVIYO_BASE_URL = base_url,
  XDG_CONFIG_HOME = "/nonexistent"}

-- A file for what the command writes.
local function sink()
  local parts = {}
  return {
    write = function(self, ...)
      for i = 1, select("#", ...) do
        parts[#parts + 1] = (select(i, ...))
      end
      return self
    end,
    flush = function()
      return true
    end,
    text = function()
      return table.concat(parts)
    end,
  }
end

local function run(words)
  local out, err = sink(), sink()
  local status = cli.main(words, {
    stdout = out, stderr = err, stdin = io.stdin,
    getenv = function(name)
      return ENVIRONMENT[name]
    end,
    terminal = {stdin = false, stdout = false, stderr = false, columns = 80},
    settings = {pacing = false, retries = 0, rate_limit_file = false},
  })
  return status, err.text(), out.text()
end

-- Returns the words of the example in the help of an operation's command.
local function example_of(op)
  local words = manual.words(op)
  words[#words + 1] = "--help"
  words[#words + 1] = "--revision=" .. revision
  local _, _, help = run(words)
  local line = assert(help:match("\nExample:\n   klaviyo ([^\n]*)\n"),
    op.id .. " has no example")
  local out = {}
  -- the words of a shell: plain ones, and quoted ones
  local at = 1
  while at <= #line do
    local word, stop = {}, at
    while stop <= #line and line:sub(stop, stop) ~= " " do
      local quoted, after = line:match("^'([^']*)'()", stop)
      if quoted then
        word[#word + 1], stop = quoted, after
      elseif line:sub(stop, stop) == "\\" then
        word[#word + 1], stop = line:sub(stop + 1, stop + 1), stop + 2
      else
        word[#word + 1], stop = line:sub(stop, stop), stop + 1
      end
    end
    out[#out + 1] = table.concat(word)
    at = stop + 1
  end
  return out
end

for _, op in ipairs(klaviyo.operations.list {revision = revision}) do
  local words = example_of(op)
  for i, word in ipairs(words) do
    words[i] = word == "file=logo.png" and "file=" .. arg[0] or word
  end
  for _, word in ipairs {"--yes", "--revision", revision} do
    words[#words + 1] = word
  end
  local status, err = run(words)
  if status ~= 0 then
    print(("%s: exit status %d: %s"):format(op.id, status, (err:gsub("\n", " "))))
  end
end
