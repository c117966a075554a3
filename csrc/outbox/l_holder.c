/*
** outbox/l_holder.c - store.holder of klaviyo.outbox.store.
*/
#include <lua.h>
#include <lauxlib.h>

#include "outbox/holder.h"
#include "outbox/l_store.h"


/* store.holder(path of a lock file) -> whether a process holds the slot, and
** its id | nil */
static int l_holder (lua_State *L) {
  long pid;
  lua_pushboolean(L, slot_holder(luaL_checkstring(L, 1), &pid));
  if (pid > 0)
    lua_pushinteger(L, (lua_Integer)pid);
  else
    lua_pushnil(L);
  return 2;
}


void register_holder (lua_State *L) {
  lua_pushcfunction(L, l_holder);
  lua_setfield(L, -2, "holder");
}
