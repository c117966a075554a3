-- Loaded before a script, makes its client forget the revision header: the
-- check that passes such a client is no check.

local core = require "klaviyo.core"

local settings = core.settings

core.settings = function(given)
  local fields = {}
  for i = 1, #given.headers, 2 do
    if given.headers[i] ~= "revision" then
      fields[#fields + 1] = given.headers[i]
      fields[#fields + 1] = given.headers[i + 1]
    end
  end
  given.headers = fields
  return settings(given)
end
