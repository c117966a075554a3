--- The libcurl that this process uses.

local core = require "klaviyo.core"

local M = {}

--- Returns the version of libcurl, its TLS library ("OpenSSL/3.0.15"; nil: it has
--- none) and whether it supports HTTP/2.
---@return {version: string, tls: string|nil, http2: boolean}
function M.libcurl()
  return {version = core.libcurl, tls = core.libcurl_tls, http2 = core.libcurl_http2}
end

return M
