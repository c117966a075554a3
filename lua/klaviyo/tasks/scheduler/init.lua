--- How tasks wait: by a loop of our own, or as light threads of nginx. Which
--- of them is found out at every call: what is loaded by one may be used by
--- the other.

local lazy_require = require "klaviyo.util.lazy_require"
local own = require "klaviyo.tasks.scheduler.builtin"

local nginx = lazy_require "klaviyo.tasks.scheduler.nginx"

local M = {
  MAX_BLOCK = own.MAX_BLOCK,
  is_interrupt = own.is_interrupt,
}

-- ready, start, inside, enclosing, is_on_stack, park, drop, ready_at,
-- ready_when, port, stands_still; and what is for the outside of tasks, which
-- nginx has not.
for name, of_own in pairs(own) do
  if M[name] == nil then
    M[name] = function(a, b, c)
      if type(ngx) == "table" then
        return nginx[name](a, b, c)
      end
      return of_own(a, b, c)
    end
  end
end

return M
