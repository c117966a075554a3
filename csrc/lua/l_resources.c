/*
** lua/l_resources.c - core.resources: the resources of a page as their texts.
**
** Their texts are cut out of the page one by one, as the program asks for them:
** no table is built, and at most one text is a Lua string that is not used yet.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <string.h>

#include "api/resources.h"

#define RESOURCES "klaviyo.resources"


resources *check_resources (lua_State *L, int index) {
  return luaL_checkudata(L, index, RESOURCES);
}


/* core.resources() -> resources, for decode */
static int l_resources (lua_State *L) {
  binding_new(L, RESOURCES, sizeof(resources));
  return 1;
}


/* resources:count() -> integer | nil (there are other values, too) */
static int l_resources_count (lua_State *L) {
  const resources *r = check_resources(L, 1);
  if (r->has_others)
    return 0;
  lua_pushinteger(L, (lua_Integer)resources_count(r));
  return 1;
}


static void push_string (lua_State *L, const char *text, span s) {
  json_text string;
  buffer *out;
  string.bytes = text + s.at;
  string.size = s.size;
  string.has_escapes = memchr(string.bytes, '\\', s.size) != NULL;
  if (!string.has_escapes) {
    lua_pushlstring(L, string.bytes, string.size);
    return;
  }
  out = binding_scratch(L);
  if (!json_unescape(out, &string))
    binding_no_memory(L);
  binding_push(L, out);
  lua_insert(L, -2);
  binding_give_back(L, lua_gettop(L));
  lua_pop(L, 1);
}


/* resources:get(bytes, i) -> text, id, type | nil. 'bytes' is the text that was
** decoded, or its response body. */
static int l_resources_get (lua_State *L) {
  const resources *r = check_resources(L, 1);
  lua_Integer i = luaL_checkinteger(L, 3);
  size_t size;
  const char *text = text_acquire(L, 2, &size);
  resource one;
  lua_settop(L, 3);
  if (i < 1 || (size_t)i > resources_count(r)) {
    text_release(L, 2);
    return luaL_error(L, "no such resource");
  }
  one = *resources_get(r, (size_t)i - 1);
  if (one.text.at + one.text.size > size) {
    text_release(L, 2);
    return luaL_error(L, "the resources are those of another text");
  }
  lua_pushlstring(L, text + one.text.at, one.text.size);
  push_string(L, text, one.id);
  if (one.has_type)
    push_string(L, text, one.type);
  else
    lua_pushnil(L);
  text_release(L, 2);
  return 3;
}


static int l_resources_gc (lua_State *L) {
  resources_free(check_resources(L, 1));
  return 0;
}


void register_resources (lua_State *L) {
  static const function class[] = {{"count", l_resources_count},
                                   {"get", l_resources_get},
                                   {"__gc", l_resources_gc},
                                   {NULL, NULL}};
  static const function functions[] = {{"resources", l_resources},
                                       {NULL, NULL}};
  binding_class(L, RESOURCES, class);
  binding_functions(L, functions);
}
