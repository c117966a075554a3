-- Runs specs that mostly wait at the same time: each is a task, and all have
-- ended before the first one is reported. Call it after the setup that they
-- need, and use it in the same `describe`; they must not have a before_each.
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
