/*
** lua/l_response_body.c - the body of a response that stays in its C buffer.
**
** The pages of a collection are large, and most programs never read their
** bytes: a Lua string of each would be a tenth of the cost of a page, and most
** of that of raw resources. The userdata owns the buffer. It is freed with its
** page, so that two buffers serve any number of pages: Lua's collector does not
** see their size, and would free them late.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <string.h>

#include "http/response.h"

#define BODY "klaviyo.response_body"

typedef struct response_body {
  buffer buffer;
  size_t size;   /* stays when the buffer is freed */
  int readers;   /* functions that read the buffer now */
  bool is_freed; /* as soon as nothing reads it */
} response_body;


static response_body *check_body (lua_State *L, int index) {
  return luaL_checkudata(L, index, BODY);
}


void push_response_body (lua_State *L, buffer *bytes) {
  response_body *b = binding_new(L, BODY, sizeof(*b));
  b->buffer = *bytes;
  b->size = bytes->size;
  memset(bytes, 0, sizeof(*bytes));
}


bool is_text (lua_State *L, int index) {
  bool is_body;
  if (lua_type(L, index) == LUA_TSTRING)
    return true;
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
    return false;
  luaL_getmetatable(L, BODY);
  is_body = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_body;
}


const char *text_acquire (lua_State *L, int index, size_t *size) {
  response_body *b;
  if (lua_type(L, index) != LUA_TUSERDATA)
    return luaL_checklstring(L, index, size);
  b = check_body(L, index);
  if (b->is_freed)
    luaL_error(L, "the response body was freed");
  b->readers++;
  *size = b->size;
  return b->buffer.data;
}


void text_release (lua_State *L, int index) {
  response_body *b = lua_touserdata(L, index);
  if (b != NULL && --b->readers == 0 && b->is_freed)
    response_free_body(&b->buffer);
}


/* body:free(). May be called twice. */
static int l_response_body_free (lua_State *L) {
  response_body *b = check_body(L, 1);
  b->is_freed = true;
  if (b->readers == 0)
    response_free_body(&b->buffer);
  return 0;
}


/* A function that raised an error may have left its reader. */
static int l_response_body_gc (lua_State *L) {
  check_body(L, 1)->readers = 0;
  return l_response_body_free(L);
}


/* body:text() -> string | nil (it was freed) */
static int l_response_body_text (lua_State *L) {
  size_t size;
  const char *bytes;
  if (check_body(L, 1)->is_freed)
    return 0;
  bytes = text_acquire(L, 1, &size);
  lua_pushlstring(L, bytes, size);
  text_release(L, 1);
  return 1;
}


static int l_response_body_len (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_body(L, 1)->size);
  return 1;
}


void register_response_body (lua_State *L) {
  static const function class[] = {{"text", l_response_body_text},
                                   {"free", l_response_body_free},
                                   {"__len", l_response_body_len},
                                   {"__gc", l_response_body_gc},
                                   {NULL, NULL}};
  binding_class(L, BODY, class);
}
