/*
** outbox/l_tokens.c - klaviyo.outbox.store.tokens: the tokens of accounts, in a
** file of SQLite. Each function returns nil, what and why if it fails; what is
** "none", "busy", "full", "damaged", "foreign", "unsafe" or "failed".
*/
#include "outbox/l_store.h"

#include <string.h>

#include <lauxlib.h>

#include "outbox/tokens.h"

#define WHY_SIZE 1024
#define BUFFER "klaviyo.outbox.buffer"


static int collect (lua_State *L) {
  buffer_free(luaL_checkudata(L, 1, BUFFER));
  return 0;
}


/* A buffer that Lua owns: pushing its text may raise. */
static buffer *new_buffer (lua_State *L) {
  buffer *b = lua_newuserdata(L, sizeof(*b));
  memset(b, 0, sizeof(*b));
  luaL_getmetatable(L, BUFFER);
  lua_setmetatable(L, -2);
  return b;
}


static store_text account_of (lua_State *L) {
  store_text account;
  account.data = luaL_checklstring(L, 2, &account.size);
  return account;
}


/* tokens.load(path, account) -> text */
static int load (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  store_text account = account_of(L);
  char why[WHY_SIZE];
  buffer *text = new_buffer(L);
  store_status status = tokens_load(path, account, text, why, sizeof(why));
  if (status != STORE_OK)
    return l_store_fail(L, status, why);
  lua_pushlstring(L, text->size > 0 ? text->data : "", text->size);
  return 1;
}


/* tokens.save(path, account, text | nil) -> true */
static int save (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  store_text account = account_of(L);
  char why[WHY_SIZE];
  store_text text = {NULL, 0};
  store_status status;
  if (!lua_isnoneornil(L, 3))
    text.data = luaL_checklstring(L, 3, &text.size);
  status = tokens_save(path, account, text, why, sizeof(why));
  if (status != STORE_OK)
    return l_store_fail(L, status, why);
  lua_pushboolean(L, 1);
  return 1;
}


/* tokens.list(path) -> the names of the accounts, in order */
static int list (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  char why[WHY_SIZE];
  buffer *names = new_buffer(L);
  store_status status = tokens_list(path, names, why, sizeof(why));
  size_t at = 0;
  int n = 0;
  if (status != STORE_OK)
    return l_store_fail(L, status, why);
  lua_newtable(L);
  while (at < names->size) {
    const char *name = names->data + at;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, ++n);
    at += strlen(name) + 1;
  }
  return 1;
}


void register_tokens (lua_State *L) {
  luaL_newmetatable(L, BUFFER);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushcfunction(L, load);
  lua_setfield(L, -2, "load");
  lua_pushcfunction(L, save);
  lua_setfield(L, -2, "save");
  lua_pushcfunction(L, list);
  lua_setfield(L, -2, "list");
  lua_setfield(L, -2, "tokens");
}
