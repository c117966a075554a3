rockspec_format = "3.0"
package = "klaviyo-redis"
version = "scm-1"

source = {
  url = "git+https://github.com/klaviyo-lua/klaviyo.git",
}

description = {
  summary = "Rate limits of klaviyo that machines share on Redis",
  detailed = [[
    The setting rate_limit_file = "redis://..." makes all machines of an account
    count its rate limits together, and go on without Redis when it is away.
    klaviyo.redis.connection sends commands to Redis without blocking a thread.
  ]],
  homepage = "https://github.com/klaviyo-lua/klaviyo",
  license = "MIT",
  labels = { "api", "klaviyo", "openresty" },
}

-- LuaJIT is a Lua 5.1 to LuaRocks. PUC-Rio's Lua 5.1 and 5.2 are refused by
-- `require`, with a message that names the supported versions.
dependencies = {
  "lua >= 5.1",
  "klaviyo",
}

external_dependencies = {
  HIREDIS = { header = "hiredis/hiredis.h", library = "hiredis" },
  CURL = { library = "curl" },
}

-- As with klaviyo itself.
build = {
  type = "make",
  build_pass = false, -- installing builds
  install_target = "install-redis",
  install_variables = {
    OUT = "build/rock-objects",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    CURL_CFLAGS = "-I$(CURL_INCDIR)",
    CURL_LIBS = "-L$(CURL_LIBDIR) -lcurl",
    CRYPTO_CFLAGS = "",
    SQLITE_CFLAGS = "",
    HIREDIS_CFLAGS = "-I$(HIREDIS_INCDIR)",
    HIREDIS_LIBS = "-L$(HIREDIS_LIBDIR) -lhiredis",
    LUA_DIR = "$(LUADIR)",
    LIB_DIR = "$(LIBDIR)",
  },
}
