-- For specs that measure time: a busy machine delays anything now and then, but
-- not three times in a row.
--
--   it("returns at once", measured(function() … end))

local TRIES = 3

--- Returns a function that runs `fn` until its assertions hold, at most three times.
---@param fn function what it needs, it sets up itself: nothing else runs between two tries
---@param between function|nil called before each further try
---@return function fn for busted's `it`
return function(fn, between)
  return function()
    local ok, failure
    for try = 1, TRIES do
      if try > 1 and between then
        between()
      end
      ok, failure = pcall(fn)
      if ok then
        return
      end
    end
    error(failure, 0)
  end
end
