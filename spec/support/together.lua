-- Specs that do little but wait, all at the same time: each is a task, and all
-- have come to their end when the first of them says how it went. To be called
-- after what they need is set up, and used in the same `describe`; they have no
-- before_each of their own.
--
--   local together = require "spec.support.together" (it, setup)
--   together("waits a second", function() … end)

local klaviyo = require "klaviyo"

---@param it function busted's
---@param setup function busted's
---@return fun(name: string, fn: function) together in place of `it`
return function(it, setup)
  local all = {}
  setup(function()
    klaviyo.run(function()
      for _, one in ipairs(all) do
        klaviyo.spawn(function()
          one.good, one.raw_error = pcall(one.fn)
        end)
      end
    end)
  end)
  return function(name, fn)
    local one = { fn = fn }
    all[#all + 1] = one
    it(name, function()
      if not one.good then
        error(one.raw_error, 0)
      end
    end)
  end
end
