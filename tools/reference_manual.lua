--- Reads docs/reference.md, which is written by hand, and generates the text
--- between its marks: the contents, and the fields of the classes that
--- `---@class` declares in the sources.

local fields = require "reference_fields"

local M = {}

local CONTENTS = "<!-- contents: made by tools/reference.lua -->\n"

-- Returns the anchor that GitHub generates for a heading.
local function anchor(heading)
  return "#" .. heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")
end

local function link(heading)
  return ("[%s](%s)"):format(heading, anchor(heading))
end

--- Returns the sections of the manual, in order. A section's names are those
--- in backquotes in its title, and the functions at the beginning of the rows
--- of its table.
---@param text string
---@return {title: string, text: string, names: string[]}[]
function M.sections(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do
    local level, title = line:match("^(##+) (.+)$")
    if title then
      local names = {}
      for name in title:gmatch("`([^`]+)`") do
        names[#names + 1] = name
      end
      list[#list + 1] = {
        level = #level, title = title, text = "", names = names,
      }
    elseif #list > 0 then
      local section = list[#list]
      section.text = section.text .. line .. "\n"
      section.names[#section.names + 1] = line:match("^| `([%w_.]+)%(")
    end
  end
  return list
end

local function contents(text)
  local out = {}
  for _, section in ipairs(M.sections(text)) do
    out[#out + 1] = ("%s- %s\n"):format(section.level == 2 and "" or "  ",
      link(section.title))
  end
  return table.concat(out)
end

local function between(text, first, last, made)
  local _, from = text:find(first, 1, true)
  local to = from and text:find(last, from, true)
  assert(to, "docs/reference.md has lost " .. first .. last)
  return text:sub(1, from) .. made .. text:sub(to)
end

--- Returns the manual's text with its contents and its tables of fields generated
--- again.
---@param text string
---@return string
function M.filled(text)
  text = between(text, CONTENTS, "<!-- /contents -->", contents(text))
  return (text:gsub("(<!%-%- fields of ([%w_.]+) %-%->\n).-(<!%-%- /fields %-%->)",
    function(first, class, last)
      return first .. "\n" .. fields.table(class) .. "\n\n" .. last
    end))
end

return M
