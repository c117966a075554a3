/*
** links.c - links_next by itself, for specs: the core calls it in pages.c only.
*/
#include <lauxlib.h>
#include <lua.h>

#include "api/links.h"

__attribute__((visibility("default"))) int luaopen_spec_links (lua_State *L);


/* next_link(page) -> link | false (no next page) | nil, "broken" */
static int next_link (lua_State *L) {
  size_t size;
  const char *page = luaL_checklstring(L, 1, &size);
  buffer out = {NULL, 0, 0};
  link_status status = links_next(&out, page, size);
  if (status == LINK_FOUND)
    lua_pushlstring(L, out.data, out.size);
  buffer_free(&out);
  switch (status) {
    case LINK_FOUND: return 1;
    case LINK_NONE: lua_pushboolean(L, 0); return 1;
    case LINK_BROKEN: lua_pushnil(L); lua_pushliteral(L, "broken"); return 2;
    case LINK_NO_MEMORY: break;
  }
  return luaL_error(L, "not enough memory");
}


int luaopen_spec_links (lua_State *L) {
  lua_pushcfunction(L, next_link);
  return 1;
}
