-- Lua 5.1's names, and the few of later versions that are used where present
std = "lua51"
max_line_length = 120
cache = false

read_globals = {
  "jit", "ngx",
  table = { fields = { "unpack", "pack", "move" } },
  math = { fields = { "type", "tointeger", "maxinteger", "mininteger" } },
  coroutine = { fields = { "close", "isyieldable" } },
  package = { fields = { "searchpath", "searchers" } },
  string = { fields = { "pack", "unpack" } },
  "utf8",
}

exclude_files = { "build", "types" }

-- bodies as the reference gives them, each whole on its line
files["examples/reference.lua"] = { max_line_length = false }
files["spec"] = { std = "+busted" }
files["lua/klaviyo/sandbox"] = { std = "+ngx_lua" }
files["lua/klaviyo/gateway"] = { globals = { "ngx" } }
files["lua/klaviyo/oauth/browser.lua"] = { globals = { "ngx" } }
files["lua/klaviyo/webhook/receiver.lua"] = { globals = { "ngx" } }
files["lua/klaviyo/metrics"] = { globals = { "ngx" } }
files["lua/klaviyo/operations/revisions"] = { max_line_length = false }
files[".luacheckrc"] = { std = "+luacheckrc" }
files["rockspec"] = { std = "+rockspec" }
