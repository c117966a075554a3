--- docs/reference.md is written by hand, but for what stands between marks: its
--- contents, and the fields of what `---@class` declares in the sources.

local fields = require "reference_fields"

local M = {}

local CONTENTS = "<!-- contents: made by tools/reference.lua -->\n"

-- As GitHub names a heading.
local function anchor(heading)
  return "#" .. heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")
end

local function link(heading)
  return ("[%s](%s)"):format(heading, anchor(heading))
end

--- The sections of the manual, in order.
---@param text string
---@return {title: string, text: string, names: string[]}[]  names: what the title puts in backquotes
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
      list[#list].text = list[#list].text .. line .. "\n"
    end
  end
  return list
end

local function contents(text)
  local out, items = {}, nil
  for _, section in ipairs(M.sections(text)) do
    if section.level == 2 then
      items = {}
      out[#out + 1] = {"- " .. link(section.title), items}
    else
      items[#items + 1] = link(section.title)
    end
  end
  for i, chapter in ipairs(out) do
    out[i] = chapter[1] .. (#chapter[2] > 0 and ": "
      .. table.concat(chapter[2], ", ") or "")
  end
  return table.concat(out, "\n") .. "\n"
end

local function between(text, first, last, made)
  local _, from = text:find(first, 1, true)
  local to = from and text:find(last, from, true)
  assert(to, "docs/reference.md has lost " .. first .. last)
  return text:sub(1, from) .. made .. text:sub(to)
end

--- The manual's text, with what is between marks made anew.
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
