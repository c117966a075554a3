/*
** lua/l_settings.c - core.settings: the settings that the requests of a client
** share.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <stdint.h>
#include <string.h>

#define SETTINGS "klaviyo.settings"
#define MAX_DEADLINE 1e9
#define MAX_RETRIES 1000000
#define MAX_RESPONSE ((lua_Number)(SIZE_MAX / 2)) /* it fits a size_t */


settings *check_settings (lua_State *L, int index) {
  settings **self = luaL_checkudata(L, index, SETTINGS);
  if (*self == NULL)
    luaL_error(L, "the settings are closed");
  return *self;
}


static long milliseconds (lua_State *L, const char *name) {
  lua_Number seconds;
  lua_getfield(L, 1, name);
  seconds = luaL_checknumber(L, -1);
  lua_pop(L, 1);
  if (!(seconds > 0))
    luaL_error(L, "%s must be more than 0", name);
  return binding_ms(seconds);
}


static lua_Number number (lua_State *L, const char *name, lua_Number most) {
  lua_Number value;
  lua_getfield(L, 1, name);
  value = luaL_checknumber(L, -1);
  lua_pop(L, 1);
  if (!(value >= 0))
    luaL_error(L, "%s must not be negative", name);
  return value < most ? value : most;
}


static char *text (lua_State *L, const char *name) {
  size_t size;
  const char *value;
  char *copy = NULL;
  lua_getfield(L, 1, name);
  value = lua_tolstring(L, -1, &size);
  if (value != NULL) {
    copy = text_copy(value, size);
    if (copy == NULL)
      binding_no_memory(L);
  }
  lua_pop(L, 1);
  return copy;
}


/* Returns NULL, or what is wrong with the header field 'name'. */
static const char *header_error (lua_State *L, header_status status) {
  switch (status) {
    case HEADER_OK: break;
    case HEADER_NO_MEMORY: binding_no_memory(L); break;
    case HEADER_BAD_NAME: return "is not a header field name";
    case HEADER_BAD_VALUE: return "contains a control character";
  }
  return NULL;
}


/* Adds header fields from a flat list: name, value, name, value. If a field is
** invalid, pushes its name and returns what is wrong. */
static const char *add_headers (lua_State *L, settings *s) {
  int i;
  lua_getfield(L, 1, "headers");
  luaL_checktype(L, -1, LUA_TTABLE);
  for (i = 1;; i += 2) {
    size_t size, name_size;
    const char *name, *value, *bad;
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1))
      break;
    lua_rawgeti(L, -2, i + 1);
    name = luaL_checklstring(L, -2, &name_size);
    value = luaL_checklstring(L, -1, &size);
    if (strlen(name) != name_size)
      bad = header_error(L, HEADER_BAD_NAME);
    else
      bad = header_error(L, settings_add(s, name, value, size));
    if (bad != NULL) {
      lua_pop(L, 1);
      return bad;
    }
    lua_pop(L, 2);
  }
  lua_pop(L, 2);
  return NULL;
}


/*
** core.settings{headers = {name, value, ...}, content_type =, timeout =,
** connect_timeout =, deadline = (seconds; 0: none), retries =,
** max_response_bytes =, proxy =, ca_file =} -> settings | nil, name of an
** invalid header field, reason
*/
static int l_settings (lua_State *L) {
  settings *s, **self;
  const char *bad;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  self = binding_new(L, SETTINGS, sizeof(*self));
  s = *self = settings_new();
  if (s == NULL)
    return binding_no_memory(L);
  s->timeout_ms = milliseconds(L, "timeout");
  s->connect_timeout_ms = milliseconds(L, "connect_timeout");
  s->deadline_ms = binding_ms(number(L, "deadline", MAX_DEADLINE));
  s->retries = (int)number(L, "retries", MAX_RETRIES);
  s->max_response_bytes = (size_t)number(L, "max_response_bytes", MAX_RESPONSE);
  s->proxy = text(L, "proxy");
  s->ca_file = text(L, "ca_file");
  bad = add_headers(L, s);
  if (bad != NULL) {
    lua_pushnil(L);
    lua_insert(L, -2);
    lua_pushstring(L, bad);
    return 3;
  }
  lua_getfield(L, 1, "content_type");
  bad = header_error(L, settings_finish(s, luaL_checkstring(L, -1)));
  lua_pop(L, 1);
  if (bad == NULL)
    return 1;
  lua_pushnil(L);
  lua_pushliteral(L, "Content-Type");
  lua_pushstring(L, bad);
  return 3;
}


static int l_settings_gc (lua_State *L) {
  settings **self = luaL_checkudata(L, 1, SETTINGS);
  settings_release(*self);
  *self = NULL;
  return 0;
}


/* Does not show the values: the API key is one of them. */
static int l_settings_tostring (lua_State *L) {
  lua_pushliteral(L, SETTINGS);
  return 1;
}


void register_settings (lua_State *L) {
  static const function class[] = {{"__gc", l_settings_gc},
                                   {"__tostring", l_settings_tostring},
                                   {NULL, NULL}};
  static const function functions[] = {{"settings", l_settings}, {NULL, NULL}};
  binding_class(L, SETTINGS, class);
  binding_functions(L, functions);
}
