rockspec_format = "3.0"
package = "klaviyo"
version = "scm-1"

source = {
  url = "git+https://github.com/klaviyo-lua/klaviyo.git",
}

description = {
  summary = "The Klaviyo API for Lua 5.3 to 5.5 and LuaJIT/OpenResty, on a thin C core",
  detailed = [[
    Every operation of the Klaviyo API, by several revisions, over libcurl:
    kept-alive HTTP/2 connections, pagination that never holds more than a
    page, errors whole, and a sandbox on nginx to test against.
  ]],
  homepage = "https://github.com/klaviyo-lua/klaviyo",
  license = "MIT",
  labels = { "http", "api", "klaviyo", "openresty" },
}

-- LuaJIT is a Lua 5.1 to LuaRocks. PUC-Rio's Lua 5.1 and 5.2 are refused by
-- `require`, with a message that names the supported versions.
dependencies = {
  "lua >= 5.1",
  "lua-cjson >= 2.1.0",
}

-- By library alone: LuaRocks does not look for headers in the multiarch
-- directory where Debian keeps some of theirs.
external_dependencies = {
  CURL = { library = "curl" },
  CRYPTO = { library = "crypto" },
}

-- By make, because LuaRocks' own builder cannot hide symbols or pass the
-- version, and the core needs both.
build = {
  type = "make",
  build_pass = false, -- installing builds
  copy_directories = { "types" },
  install_variables = {
    OUT = "build/rock-objects",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    CURL_CFLAGS = "-I$(CURL_INCDIR)",
    CURL_LIBS = "-L$(CURL_LIBDIR) -lcurl",
    CRYPTO_CFLAGS = "-I$(CRYPTO_INCDIR)",
    CRYPTO_LIBS = "-L$(CRYPTO_LIBDIR) -lcrypto",
    LUA_DIR = "$(LUADIR)",
    LIB_DIR = "$(LIBDIR)",
  },
}

test = {
  type = "busted",
}
