--- The revisions that were made from OpenAPI documents, in files of the user: to read
--- one takes a tenth of the time. A file is named by the digest of its document, and
--- only its owner can read it. Without a folder, or with a full disk, a revision is
--- made again each time.

local core = require "klaviyo.core"
local json = require "klaviyo.values.json"
local lazy_require = require "klaviyo.util.lazy_require"
local version = require "klaviyo.version"

local digest = lazy_require "klaviyo.digest"

local M = {}

local FIELDS = {"date", "operations", "fields", "schemas"}

local function folder()
  local base = os.getenv "XDG_CACHE_HOME"
  if not base or base:sub(1, 1) ~= "/" then
    local home = os.getenv "HOME"
    base = home and home:sub(1, 1) == "/" and home .. "/.cache" or nil
  end
  return base, base and base .. "/klaviyo"
end

-- The format may change with the version of the library.
local function path_of(text)
  local _, own = folder()
  return own and ("%s/openapi-%s-%s.json"):format(own, version,
    digest.sha256(text):sub(1, 32))
end

local function is_data(data)
  if type(data) ~= "table" then
    return false
  end
  for _, name in ipairs(FIELDS) do
    if type(data[name]) ~= "string" then
      return false
    end
  end
  return data.follows == nil or type(data.follows) == "string"
end

--- Returns the data of the revision that was made from a document, or nil.
---@param text string  the document
---@return table|nil data
function M.read(text)
  local path = path_of(text)
  local file = path and io.open(path, "rb")
  if not file then
    return nil
  end
  local data = json.decode(file:read("*a") or "")
  file:close()
  return is_data(data) and data or nil
end

--- Keeps the data of a revision. A failure has no effect.
---@param text string  the document
---@param data table
function M.write(text, data)
  local base, own = folder()
  if not base then
    return
  end
  core.make_folder(base)
  core.make_folder(own)
  local path = path_of(text)
  -- the lock creates the file for its owner only, and lets one process write it
  local lock = core.file_lock(path .. ".new")
  if not lock then
    return
  end
  local file = lock:restrict() and io.open(path .. ".new", "wb")
  local written = file and file:write(json.encode(data))
  local closed = file and file:close()
  if written and closed then
    os.rename(path .. ".new", path)
  else
    os.remove(path .. ".new")
  end
  lock:release()
end

return M
