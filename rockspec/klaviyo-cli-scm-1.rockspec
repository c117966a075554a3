rockspec_format = "3.0"
package = "klaviyo-cli"
version = "scm-1"

source = {
  url = "git+https://github.com/klaviyo-lua/klaviyo.git",
}

description = {
  summary = "The command klaviyo: the Klaviyo API from the shell",
  detailed = [[
    Every operation of the API as a command, with tables, JSON Lines and CSV;
    exports and imports of any size that resume; reports; a sandbox.
  ]],
  homepage = "https://github.com/klaviyo-lua/klaviyo",
  license = "MIT",
  labels = { "api", "klaviyo", "commandline" },
}

-- LuaJIT is a Lua 5.1 to LuaRocks. PUC-Rio's Lua 5.1 and 5.2 are refused by
-- `require`, with a message that names the supported versions.
dependencies = {
  "lua >= 5.1",
  "klaviyo",
  "argparse >= 0.7.1",
}

build = {
  type = "make",
  build_pass = false, -- nothing is compiled
  install_target = "install-cli",
  install_variables = {
    LUA_DIR = "$(LUADIR)",
    BIN_DIR = "$(BINDIR)",
    MAN_DIR = "$(PREFIX)/doc",
  },
}
