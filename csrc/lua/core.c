/*
** lua/core.c - luaopen_klaviyo_core: registers the functions of all bindings in
** the module klaviyo.core.
*/
#include "lua/binding.h"
#include "lua/build.h"
#include "lua/bindings.h"

#include <curl/curl.h>


OPEN_API int luaopen_klaviyo_core (lua_State *L);

OPEN_API int luaopen_klaviyo_core (lua_State *L) {
  const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  register_text(L);
  register_json(L);
  register_json_read(L);
  register_settings(L);
  register_ticket(L);
  register_pages(L);
  register_ratelimit(L);
  register_completion_queue(L);
  register_file_lock(L);
  register_state(L);
  lua_pushstring(L, curl->version);
  lua_setfield(L, -2, "libcurl");
  set_build(L);
  return 1;
}
