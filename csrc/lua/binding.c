/*
** lua/binding.c - helpers shared by the files of the binding layer.
*/
#include "lua/binding.h"

#include <string.h>

#define SCRATCH "klaviyo.scratch"
#define MAX_KEPT 1048576 /* a larger scratch buffer is freed after use */
#define MAX_SECONDS 1000000


void binding_serials (lua_State *L, const long *serials, size_t count) {
  size_t i;
  lua_createtable(L, (int)count, 0);
  for (i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)serials[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}


/* A constant message needs no further memory in luaL_error. */
int binding_no_memory (lua_State *L) {
  return luaL_error(L, "not enough memory");
}


int binding_refuse (lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}


long binding_ms (lua_Number seconds) {
  if (!(seconds > 0)) /* also NaN */
    return 0;
  if (seconds > MAX_SECONDS)
    seconds = MAX_SECONDS;
  return (long)(seconds * 1000 + 0.999);
}


void *binding_new (lua_State *L, const char *class, size_t size) {
  void *self = lua_newuserdata(L, size);
  memset(self, 0, size);
  luaL_getmetatable(L, class);
  lua_setmetatable(L, -2);
  return self;
}


void binding_push (lua_State *L, const buffer *b) {
  lua_pushlstring(L, b->size > 0 ? b->data : "", b->size);
}


typedef struct scratch {
  buffer buffer;
  bool finalized; /* by lua_close; other finalizers may still call */
} scratch;


static int free_scratch (lua_State *L) {
  scratch *s = luaL_checkudata(L, 1, SCRATCH);
  buffer_free(&s->buffer);
  s->finalized = true;
  return 0;
}


static scratch *new_scratch (lua_State *L) {
  scratch *s;
  if (luaL_newmetatable(L, SCRATCH)) {
    lua_pushcfunction(L, free_scratch);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  s = binding_new(L, SCRATCH, sizeof(*s));
  return s;
}


buffer *binding_scratch (lua_State *L) {
  scratch *s;
  lua_pushvalue(L, lua_upvalueindex(1));
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return &new_scratch(L)->buffer;
  }
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(1));
  s = lua_touserdata(L, -1);
  s->buffer.size = 0;
  return &s->buffer;
}


void binding_give_back (lua_State *L, int index) {
  scratch *s = lua_touserdata(L, index);
  if (s->finalized || s->buffer.room > MAX_KEPT)
    buffer_free(&s->buffer);
  lua_pushvalue(L, index);
  lua_replace(L, lua_upvalueindex(1));
}


void binding_functions (lua_State *L, const function *list) {
  for (; list->name != NULL; list++) {
    lua_pushnil(L);
    lua_pushcclosure(L, list->call, 1);
    lua_setfield(L, -2, list->name);
  }
}


void binding_class (lua_State *L, const char *class, const function *list) {
  luaL_newmetatable(L, class);
  binding_functions(L, list);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, class);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}
