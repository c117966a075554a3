--- What klaviyo.metrics shows of an outbox, read from its folder: any process may
--- ask, not only one that uses the outbox.

local folder = require "klaviyo.outbox.folder"

local M = {}

local function now()
  return type(ngx) == "table" and ngx.now and ngx.now() or os.time()
end

--- Returns the samples of an outbox.
---@param path string  of its folder
---@return klaviyo.metrics.Sample[]  with the name of their family
function M.samples(path)
  local waiting, bytes, oldest = folder.totals(path)
  local function sample(name, value)
    return {name = name, values = {path}, value = value}
  end
  return {
    sample("klaviyo_outbox_rows", waiting),
    sample("klaviyo_outbox_bytes", bytes),
    sample("klaviyo_outbox_oldest_age_seconds",
      oldest and math.max(now() - oldest / 1000, 0) or 0),
  }
end

return M
