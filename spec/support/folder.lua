--- Folders for one spec, removed after it.
---
---   local folders = require("spec.support.folder").here(after_each)
---   local path = folders.new()        -- exists, and is empty

local shell = require "klaviyo.sandbox.shell"

local M = {}

---@param after function busted's `after_each` or `teardown`
---@return {new: fun(): string}
function M.here(after)
  local made = {}
  after(function()
    for _, path in ipairs(made) do
      shell.run("umount -l " .. path .. "; chmod -R u+rwx " .. path .. "; rm -rf " .. path)
    end
    made = {}
  end)
  return {
    new = function()
      local ok, path = shell.run('mktemp -d "${TMPDIR:-/tmp}/klaviyo-spec.XXXXXX"')
      assert(ok, path)
      made[#made + 1] = path:gsub("%s+$", "")
      return made[#made]
    end,
  }
end

return M
