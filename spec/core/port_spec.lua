-- Where the ends of transfers are told.
local script = require "spec.support.script"

-- What a script prints in a world where nobody may write to a folder; nil where
-- there can be none.
local function without(folder, text)
  local hide = ("mount --bind %s %s && mount -o remount,ro,bind %s && exec "):format(folder, folder, folder)
  for _, unshare in ipairs { "unshare -m sh -c ", "unshare -rm sh -c " } do
    local _, status = script.shell(unshare .. script.quote(hide .. "true"))
    if status == 0 then
      return (script.shell(unshare .. script.quote(hide .. script.interpreter .. " -e " .. script.quote(text))))
    end
  end
end

describe("a port", function()
  it("has a door, though nobody may write to /tmp", function()
    local output = without("/tmp", [[
      local port = require("klaviyo.core").port()
      print(io.open("/tmp/klaviyo-spec", "w") == nil, port:listen())
    ]])
    if not output then
      return pending("worlds of one's own")
    end
    assert.matches("^true\tunix:/proc/self/fd/%d+\n$", output)
  end)
end)
