/*
** lua/core.c - luaopen_klaviyo_core: registers the functions of all bindings in
** the module klaviyo.core.
*/
#include "lua/binding.h"
#include "lua/build.h"
#include "lua/bindings.h"

#include "http/libcurl.h"


OPEN_API int luaopen_klaviyo_core (lua_State *L);

OPEN_API int luaopen_klaviyo_core (lua_State *L) {
  if (libcurl_is_too_old()) {
    lua_pushfstring(L,
                    "klaviyo needs libcurl " LIBCURL_MINIMUM
                    " or later, but this process has loaded %s: install a "
                    "later one",
                    libcurl_version());
    return lua_error(L);
  }
  lua_newtable(L);
  register_text(L);
  register_json(L);
  register_json_read(L);
  register_json_paths(L);
  register_resources(L);
  register_response_body(L);
  register_document(L);
  register_settings(L);
  register_ticket(L);
  register_pages(L);
  register_ratelimit(L);
  register_completion_queue(L);
  register_file_lock(L);
  register_folder(L);
  register_state(L);
  register_metrics(L);
  lua_pushstring(L, libcurl_version());
  lua_setfield(L, -2, "libcurl");
  lua_pushstring(L, libcurl_tls());
  lua_setfield(L, -2, "libcurl_tls");
  lua_pushboolean(L, libcurl_has_http2());
  lua_setfield(L, -2, "libcurl_http2");
  set_build(L);
  keep_loaded();
  return 1;
}
