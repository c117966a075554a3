/*
** core.c - the door: klaviyo.core, with the functions of every room of the
** upper floor.
*/
#include "binding.h"
#include "lua_build.h"
#include "rooms.h"

#include <curl/curl.h>


LUALIB_API int luaopen_klaviyo_core (lua_State *L);

/* LUALIB_API alone does not make a symbol visible under LuaJIT's headers. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
LUALIB_API int luaopen_klaviyo_core (lua_State *L) {
  const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  open_text(L);
  open_json(L);
  open_json_read(L);
  open_settings(L);
  open_ticket(L);
  open_pages(L);
  open_lane(L);
  open_port(L);
  open_hold(L);
  open_state(L);
  lua_pushstring(L, curl->version);
  lua_setfield(L, -2, "libcurl");
  set_build(L);
  return 1;
}
