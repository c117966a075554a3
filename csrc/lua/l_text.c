/*
** lua/l_text.c - core.url, core.escape, core.rebase, core.is_base,
** core.next_link, core.header_fields, core.rate_limit, core.retry_after.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <string.h>

#include "http/headers.h"
#include "api/url.h"


static const char *text_at (lua_State *L, int index, size_t *size) {
  const char *text = lua_tolstring(L, index, size);
  if (text == NULL)
    luaL_error(L, "string expected, got %s", luaL_typename(L, index));
  return text;
}


/* {======================================================
** core.url(base, template, values, query)
** -> url | nil, the name of the value that cannot stand in a path
** ======================================================= */

/* Adds the path segment for a "{name}" of a template. */
static url_status add_value (lua_State *L, buffer *out, const char *name,
                             size_t name_size) {
  url_status status = URL_BAD;
  size_t size;
  const char *value;
  lua_pushlstring(L, name, name_size);
  lua_rawget(L, 3);
  value = lua_tolstring(L, -1, &size);
  if (value != NULL)
    status = url_add_segment(out, value, size);
  lua_pop(L, 1);
  return status;
}


/* Adds the path. Returns false, with the name of the invalid value pushed. */
static bool add_path (lua_State *L, buffer *out, const char *at) {
  const char *open;
  url_status status;
  while ((open = strchr(at, '{')) != NULL) {
    const char *close = strchr(open, '}');
    size_t size;
    if (close == NULL)
      break;
    size = (size_t)(close - open) - 1;
    if (!buffer_add(out, at, (size_t)(open - at)))
      binding_no_memory(L);
    status = add_value(L, out, open + 1, size);
    if (status == URL_NO_MEMORY)
      binding_no_memory(L);
    if (status != URL_OK) {
      lua_pushlstring(L, open + 1, size);
      return false;
    }
    at = close + 1;
  }
  if (!buffer_add_text(out, at))
    binding_no_memory(L);
  return true;
}


static bool add_list (lua_State *L, buffer *out, int index) {
  int i;
  for (i = 1;; i++) {
    size_t size;
    const char *text;
    bool ok;
    lua_rawgeti(L, index, i);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      return true;
    }
    text = text_at(L, -1, &size);
    ok = (i == 1 || buffer_add_byte(out, ',')) && url_escape(out, text, size);
    lua_pop(L, 1);
    if (!ok)
      return false;
  }
}


/* Adds the query from a flat list: name, value, name, value. A value may be a
** list itself. */
static void add_query (lua_State *L, buffer *out, int index) {
  int i;
  char separator = '?';
  for (i = 1;; i += 2) {
    size_t size;
    const char *text;
    bool ok;
    lua_rawgeti(L, index, i);
    if (lua_isnil(L, -1))
      break;
    text = text_at(L, -1, &size);
    ok = buffer_add_byte(out, separator) && url_escape(out, text, size) &&
         buffer_add_byte(out, '=');
    lua_rawgeti(L, index, i + 1);
    if (lua_istable(L, -1))
      ok = ok && add_list(L, out, lua_gettop(L));
    else {
      text = text_at(L, -1, &size);
      ok = ok && url_escape(out, text, size);
    }
    lua_pop(L, 2);
    if (!ok)
      binding_no_memory(L);
    separator = '&';
  }
  lua_pop(L, 1);
}


static int l_url (lua_State *L) {
  const char *base = luaL_checkstring(L, 1);
  const char *template = luaL_checkstring(L, 2);
  buffer *out;
  lua_settop(L, 4);
  if (!lua_istable(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  out = binding_scratch(L); /* slot 5 */
  if (!buffer_add_text(out, base))
    return binding_no_memory(L);
  if (!add_path(L, out, template)) {
    binding_give_back(L, 5);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (lua_istable(L, 4))
    add_query(L, out, 4);
  binding_push(L, out);
  binding_give_back(L, 5);
  return 1;
}

/* }====================================================== */


static int l_escape (lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  buffer *out;
  lua_settop(L, 1);
  out = binding_scratch(L);
  if (!url_escape(out, text, size))
    return binding_no_memory(L);
  binding_push(L, out);
  binding_give_back(L, 2);
  return 1;
}


static int l_is_base (lua_State *L) {
  bool ok;
  lua_pushboolean(L, url_is_base(luaL_checkstring(L, 1), &ok));
  return ok ? 1 : binding_no_memory(L);
}


/* core.rebase(base, link) -> URL | nil, "bad" | "foreign" */
static int l_rebase (lua_State *L) {
  size_t size;
  const char *base = luaL_checkstring(L, 1);
  const char *link = luaL_checklstring(L, 2, &size);
  buffer *out;
  url_status status;
  lua_settop(L, 2);
  out = binding_scratch(L);
  status = url_rebase(out, base, link, size);
  if (status == URL_OK)
    binding_push(L, out);
  binding_give_back(L, 3);
  switch (status) {
    case URL_OK: break;
    case URL_BAD: return binding_refuse(L, "bad");
    case URL_FOREIGN: return binding_refuse(L, "foreign");
    case URL_NO_MEMORY: return binding_no_memory(L);
  }
  return 1;
}


static void push_lower (lua_State *L, buffer *out, const char *text,
                        size_t size) {
  size_t i;
  out->size = 0;
  if (!buffer_add(out, text, size))
    binding_no_memory(L);
  for (i = 0; i < size; i++)
    if (out->data[i] >= 'A' && out->data[i] <= 'Z')
      out->data[i] = (char)(out->data[i] - 'A' + 'a');
  binding_push(L, out);
}


/* core.header_fields(block) -> {[lower-case name] = value}. A field that occurs
** several times becomes one comma-separated value (RFC 9110). */
static int l_header_fields (lua_State *L) {
  size_t size, at = 0;
  const char *block = luaL_checklstring(L, 1, &size);
  header_field field;
  buffer *out;
  lua_settop(L, 1);
  out = binding_scratch(L);
  lua_newtable(L);
  while (headers_next(block, size, &at, &field)) {
    push_lower(L, out, field.name, field.name_size);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3); /* table name old */
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushlstring(L, field.value, field.value_size);
    }
    else {
      lua_pushliteral(L, ", ");
      lua_pushlstring(L, field.value, field.value_size);
      lua_concat(L, 3);
    }
    lua_rawset(L, -3);
  }
  binding_give_back(L, 2);
  return 1;
}


static void set_figure (lua_State *L, const char *name, long value) {
  if (value < 0)
    return;
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}


/* core.rate_limit(block) -> {limit =, remaining =, reset =, windows = {{limit
** =, seconds =}, ...}} | nil */
static int l_rate_limit (lua_State *L) {
  size_t size;
  const char *block = luaL_checklstring(L, 1, &size);
  rate_limit found;
  int i;
  if (!headers_rate_limit(block, size, &found))
    return 0;
  lua_newtable(L);
  set_figure(L, "limit", found.limit);
  set_figure(L, "remaining", found.remaining);
  set_figure(L, "reset", found.reset);
  lua_newtable(L);
  for (i = 0; i < found.windows; i++) {
    lua_newtable(L);
    set_figure(L, "limit", found.window[i].limit);
    set_figure(L, "seconds", found.window[i].seconds);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "windows");
  return 1;
}


static int l_retry_after (lua_State *L) {
  size_t size;
  const char *block = luaL_checklstring(L, 1, &size);
  long seconds = headers_retry_after(block, size);
  if (seconds < 0)
    return 0;
  lua_pushinteger(L, (lua_Integer)seconds);
  return 1;
}


void register_text (lua_State *L) {
  static const function functions[] = {{"url", l_url},
                                       {"escape", l_escape},
                                       {"is_base", l_is_base},
                                       {"rebase", l_rebase},
                                       {"header_fields", l_header_fields},
                                       {"rate_limit", l_rate_limit},
                                       {"retry_after", l_retry_after},
                                       {NULL, NULL}};
  binding_functions(L, functions);
}
