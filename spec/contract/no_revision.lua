-- Loaded before a script, removes the revision header from its requests: the
-- checks must fail for such a client.

local core = require "klaviyo.core"

local settings = core.settings

core.settings = function(options)
  local fields = {}
  for i = 1, #options.headers, 2 do
    if options.headers[i] ~= "revision" then
      fields[#fields + 1] = options.headers[i]
      fields[#fields + 1] = options.headers[i + 1]
    end
  end
  options.headers = fields
  return settings(options)
end
