rockspec_format = "3.0"
package = "klaviyo-outbox"
version = "scm-1"

source = {
  url = "git+https://github.com/klaviyo-lua/klaviyo.git",
}

description = {
  summary = "A durable outbox for klaviyo's events, in SQLite",
  detailed = [[
    Keeps tracked events in a file before it says yes, sends them in batches,
    and goes on after a crash: each is in effect once.
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
  SQLITE = { library = "sqlite3" },
}

-- As with klaviyo itself.
build = {
  type = "make",
  build_pass = false, -- installing builds
  install_target = "install-outbox",
  install_variables = {
    OUT = "build/rock-objects",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    CURL_CFLAGS = "",
    CRYPTO_CFLAGS = "",
    SQLITE_CFLAGS = "-I$(SQLITE_INCDIR)",
    SQLITE_LIBS = "-L$(SQLITE_LIBDIR) -lsqlite3",
    LUA_DIR = "$(LUADIR)",
    LIB_DIR = "$(LIBDIR)",
  },
}
