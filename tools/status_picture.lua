-- Takes the pictures of the status page for the documentation, with headless
-- Chromium: docs/status-light.png and docs/status-dark.png.
--
--   make status-picture

package.path = "./?.lua;" .. package.path
local browser = require "spec.support.browser"
local page = require "klaviyo.metrics.status.page"
local samples_of = require "spec.support.status_samples"

local MAX_BYTES = 150000
local WIDTH, SCALE = 1280, 0.65

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local missing = browser.missing()
if missing then
  io.stderr:write("status-picture: ", missing, "\n")
  os.exit(1)
end

local samples, details = samples_of.hour()
local path = os.tmpname() .. ".html"
write(path, page.render(samples, details, {now = samples_of.NOW + 4, host = "shop-1", refresh = true}))
local tab = browser.start()
for _, scheme in ipairs {"light", "dark"} do
  tab:emulate {width = WIDTH, height = 800, scheme = scheme}
  tab:open("file://" .. path)
  local picture = tab:screenshot(nil, SCALE)
  local name = ("docs/status-%s.png"):format(scheme)
  write(name, picture)
  print(("%s: %d bytes"):format(name, #picture))
  assert(#picture <= MAX_BYTES, "the picture is too large")
end
tab:stop()
os.remove(path)
os.remove((path:gsub("%.html$", "")))
