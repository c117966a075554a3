/*
** lua/l_json.c - core.encode, core.quote, core.number: Lua values as JSON.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "json/writer.h"
#include "lua/body.h"
#include "lua/json_encode.h"

#define MAX_DEPTH 1000
#define MAX_INSERTED 16    /* names sorted by insertion */
#define MAX_STACK_DEPTH 20 /* deeper members use a table, not the stack */
#define MAX_SHOWN_KEYS 20

#define SCRATCH (JSON_OTHER + 1) /* the stack index of the scratch buffer */

typedef struct member {
  const char *name;
  size_t size;
  int at; /* where the value is: a stack slot, or a list index */
} member;

static void check_memory (lua_State *L, bool ok) {
  if (!ok)
    binding_no_memory(L);
}


static void add_byte (lua_State *L, buffer *out, char byte) {
  check_memory(L, buffer_add_byte(out, byte));
}


/* {======================================================
** Refusals: each pushes a message and is false, up to core.encode
** ======================================================= */

/* Adds the key at this depth of the path to 'at'. */
static void add_key (lua_State *L, buffer *out, const json_level *at,
                     int depth) {
  char digits[JSON_NUMBER_SIZE];
  while (at->up != NULL && at->depth > depth)
    at = at->up;
  if (at->index > 0) {
    add_byte(L, out, '[');
    check_memory(L, buffer_add(out, digits, json_integer(digits, at->index)));
    add_byte(L, out, ']');
  }
  else if (at->name != NULL) {
    if (out->size > 0)
      add_byte(L, out, '.');
    check_memory(L, buffer_add(out, at->name, at->size));
  }
}


/* Replaces the output by an error message with the path. Returns false. */
static bool fail_at (lua_State *L, buffer *out, const json_level *at,
                     const char *format, ...) {
  va_list values;
  int depth;
  out->size = 0;
  for (depth = 1; at != NULL && depth <= at->depth; depth++)
    add_key(L, out, at, depth);
  if (out->size == 0)
    check_memory(L, buffer_add_text(out, "JSON"));
  check_memory(L, buffer_add_text(out, ": "));
  luaL_checkstack(L, 5, "too many values to encode");
  binding_push(L, out);
  va_start(values, format);
  lua_pushvfstring(L, format, values);
  va_end(values);
  lua_concat(L, 2);
  return false;
}


/* Returns a key as text, without converting it in place. */
static const char *shown (lua_State *L, int index) {
  if (lua_isboolean(L, index))
    return lua_toboolean(L, index) ? "true" : "false";
  lua_pushvalue(L, index);
  return lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1);
}


static bool refuse_deep (lua_State *L, buffer *out, const json_level *at) {
  const json_level *one = at, *again = NULL;
  do {
    const json_level *above = one->up;
    while (above != NULL && above->table != one->table)
      above = above->up;
    if (above != NULL)
      again = one;
    one = one->up;
  } while (one != NULL);
  if (again != NULL)
    return fail_at(L, out, again->up, "the table contains itself");
  while (at->up != NULL && at->depth > MAX_SHOWN_KEYS)
    at = at->up;
  return fail_at(L, out, at, "nested deeper than %d", MAX_DEPTH);
}

/* }====================================================== */


/* {======================================================
** Scalars
** ======================================================= */

static bool write_string (lua_State *L, buffer *out, int value,
                          const json_level *at) {
  size_t size, bad;
  const char *text = lua_tolstring(L, value, &size);
  switch (json_string(out, text, size, &bad)) {
    case JSON_OK: return true;
    case JSON_NOT_UTF8: break;
    case JSON_NO_MEMORY: binding_no_memory(L);
  }
  return fail_at(L, out, at, "not UTF-8 (byte %d of %d)", (int)bad, (int)size);
}


/* Writes a number and returns its size; 0: it is not finite. */
static size_t number_text (lua_State *L, int value, char *text) {
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, value))
    return json_integer(text, lua_tointeger(L, value));
#endif
  return json_double(text, lua_tonumber(L, value));
}


static bool write_number (lua_State *L, buffer *out, int value,
                          const json_level *at) {
  char text[JSON_NUMBER_SIZE];
  size_t size = number_text(L, value, text);
  if (size == 0)
    return fail_at(L, out, at, "%s is not a JSON number", shown(L, value));
  check_memory(L, buffer_add(out, text, size));
  return true;
}


/* Writes a value of another type: the text that the caller's function
** returns. */
static bool write_other (lua_State *L, buffer *out, int value,
                         const json_level *at) {
  const char *kind = luaL_typename(L, value), *text;
  size_t size;
  if (lua_rawequal(L, value, JSON_EMPTY) && !lua_isnil(L, value)) {
    check_memory(L, buffer_add_text(out, "[]"));
    return true;
  }
  if (!lua_isfunction(L, JSON_OTHER))
    return fail_at(L, out, at, "a %s cannot be written as JSON", kind);
  lua_pushvalue(L, JSON_OTHER);
  lua_pushvalue(L, value);
  lua_call(L, 1, 1);
  text = lua_tolstring(L, -1, &size);
  if (text == NULL)
    return fail_at(L, out, at, "a %s cannot be written as JSON", kind);
  check_memory(L, buffer_add(out, text, size));
  lua_pop(L, 1);
  return true;
}

/* }====================================================== */


/* {======================================================
** Tables: in each other, MAX_DEPTH at the most
** NOLINTBEGIN(misc-no-recursion)
** ======================================================= */

/* Returns the length of a list; -1, with an error, if its keys are not 1 to its
** length. */
static int count_list (lua_State *L, buffer *out, int table,
                       const json_level *up) {
  lua_Number last = 0;
  int count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_Number key;
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
      fail_at(L, out, up, "a list has the key %s", shown(L, -1));
      return -1;
    }
    key = lua_tonumber(L, -1);
    if (!(key >= 1 && key < INT_MAX && (lua_Number)(int)key == key))
      last = INT_MAX;
    else if (key > last)
      last = key;
    count++;
  }
  if (last == count)
    return count;
  fail_at(L, out, up,
          "a list has holes (use klaviyo.null for a missing value)");
  return -1;
}


static bool write_list (lua_State *L, buffer *out, int table,
                        json_level *here) {
  int count = count_list(L, out, table, here->up), i;
  if (count < 0)
    return false;
  add_byte(L, out, '[');
  for (i = 1; i <= count; i++) {
    if (i > 1)
      add_byte(L, out, ',');
    lua_rawgeti(L, table, i);
    here->index = i;
    if (!json_encode_value(L, out, lua_gettop(L), here))
      return false;
    lua_pop(L, 1);
  }
  add_byte(L, out, ']');
  return true;
}


static int compare (const void *left, const void *right) {
  const member *a = left, *b = right;
  int order = memcmp(a->name, b->name, a->size < b->size ? a->size : b->size);
  if (order != 0 || a->size == b->size)
    return order;
  return a->size < b->size ? -1 : 1;
}


static bool write_member (lua_State *L, buffer *out, const member *m, int value,
                          json_level *here) {
  size_t bad;
  switch (json_string(out, m->name, m->size, &bad)) {
    case JSON_OK: break;
    case JSON_NOT_UTF8:
      return fail_at(L, out, here->up, "a key is not UTF-8 (byte %d)",
                     (int)bad);
    case JSON_NO_MEMORY: binding_no_memory(L);
  }
  add_byte(L, out, ':');
  here->name = m->name;
  here->size = m->size;
  return json_encode_value(L, out, value, here);
}


static bool check_name (lua_State *L, buffer *out, int name, json_level *here) {
  if (lua_type(L, name) == LUA_TSTRING)
    return true;
  return fail_at(L, out, here->up, "an object's keys are strings, not %s (%s)",
                 luaL_typename(L, name), shown(L, name));
}


/* Writes an object with many members, whose names are kept in a Lua list
** because the stack is limited. */
static bool write_many (lua_State *L, buffer *out, int table,
                        json_level *here) {
  int count = 0, list, i;
  member *members;
  lua_newtable(L);
  list = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) { /* list name value */
    if (!check_name(L, out, list + 1, here))
      return false;
    lua_rawseti(L, list, 2 * count + 2);
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, 2 * count + 1);
    count++;
  }
  members = lua_newuserdata(L, sizeof(*members) * (size_t)count);
  for (i = 0; i < count; i++) {
    lua_rawgeti(L, list, 2 * i + 1);
    members[i].name = lua_tolstring(L, -1, &members[i].size);
    members[i].at = 2 * i + 2;
    lua_pop(L, 1);
  }
  qsort(members, (size_t)count, sizeof(*members), compare);
  add_byte(L, out, '{');
  for (i = 0; i < count; i++) {
    if (i > 0)
      add_byte(L, out, ',');
    lua_rawgeti(L, list, members[i].at);
    if (!write_member(L, out, &members[i], list + 2, here))
      return false;
    lua_pop(L, 1);
  }
  add_byte(L, out, '}');
  return true;
}


static bool write_few (lua_State *L, buffer *out, int table, json_level *here) {
  member members[MAX_INSERTED];
  int count = 0, base = lua_gettop(L), i;
  lua_pushnil(L);
  while (lua_next(L, table)) { /* ... name value */
    member one;
    if (count == MAX_INSERTED) {
      lua_settop(L, base);
      return write_many(L, out, table, here);
    }
    one.at = lua_gettop(L);
    if (!check_name(L, out, one.at - 1, here))
      return false;
    one.name = lua_tolstring(L, one.at - 1, &one.size);
    for (i = count++; i > 0 && compare(&members[i - 1], &one) > 0; i--)
      members[i] = members[i - 1];
    members[i] = one;
    lua_pushvalue(L, one.at - 1);
  }
  add_byte(L, out, '{');
  for (i = 0; i < count; i++) {
    if (i > 0)
      add_byte(L, out, ',');
    if (!write_member(L, out, &members[i], members[i].at, here))
      return false;
  }
  add_byte(L, out, '}');
  return true;
}


/* What the metatable on the top says about its table. */
typedef enum kind { PLAIN, LIST, CONVERTED } kind;

static kind kind_of (lua_State *L) {
  if (lua_rawequal(L, -1, JSON_ARRAY) || lua_rawequal(L, -1, JSON_EMPTY_ARRAY))
    return LIST;
  lua_getfield(L, -1, "__tojson");
  return lua_toboolean(L, -1) ? CONVERTED : PLAIN;
}


static bool write_plain (lua_State *L, buffer *out, int table,
                         json_level *here) {
  bool has_first;
  lua_rawgeti(L, table, 1);
  has_first = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (has_first)
    return write_list(L, out, table, here);
  if (here->depth > MAX_STACK_DEPTH)
    return write_many(L, out, table, here);
  return write_few(L, out, table, here);
}


static bool write_table (lua_State *L, buffer *out, int table,
                         const json_level *up) {
  json_level here = {up, lua_topointer(L, table), 1, NULL, 0, 0};
  kind what = PLAIN;
  bool ok;
  int base = lua_gettop(L);
  if (up != NULL)
    here.depth += up->depth;
  if (here.depth > MAX_DEPTH)
    return refuse_deep(L, out, &here);
  luaL_checkstack(L, 2 * MAX_INSERTED + 8, "too many values to encode");
  if (lua_getmetatable(L, table))
    what = kind_of(L); /* metatable __tojson */
  if (what == CONVERTED) {
    lua_pushvalue(L, table);
    lua_call(L, 1, 1);
    ok = json_encode_value(L, out, base + 2, &here);
  }
  else {
    lua_settop(L, base);
    if (what == LIST)
      ok = write_list(L, out, table, &here);
    else
      ok = write_plain(L, out, table, &here);
  }
  if (ok)
    lua_settop(L, base);
  return ok;
}


bool json_encode_value (lua_State *L, buffer *out, int value,
                        const json_level *at) {
  switch (lua_type(L, value)) {
    case LUA_TSTRING: return write_string(L, out, value, at);
    case LUA_TNUMBER: return write_number(L, out, value, at);
    case LUA_TTABLE: return write_table(L, out, value, at);
    case LUA_TBOOLEAN:
      check_memory(
          L, buffer_add_text(out, lua_toboolean(L, value) ? "true" : "false"));
      return true;
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, value) == NULL) {
        check_memory(L, buffer_add_text(out, "null"));
        return true;
      }
      break;
    default: break;
  }
  return write_other(L, out, value, at);
}

/* NOLINTEND(misc-no-recursion)
** }====================================================== */


/*
** core.encode(value, array_mt, empty_array_mt, empty_array, other) -> text |
** nil, message with the path. The metatables and 'empty_array' mark lists;
** other(value) returns the text of a value of any other type, or nil.
*/
static int l_encode (lua_State *L) {
  buffer *out;
  bool ok;
  lua_settop(L, JSON_OTHER);
  out = binding_scratch(L);
  ok = json_encode_value(L, out, JSON_VALUE, NULL);
  if (ok)
    binding_push(L, out);
  else {
    lua_pushnil(L);
    lua_insert(L, -2);
  }
  binding_give_back(L, SCRATCH);
  return ok ? 1 : 2;
}


void json_push_body (lua_State *L, const buffer *out) {
  body *made = lua_newuserdata(L, sizeof(*made) + out->size);
  made->size = out->size;
  memcpy(made->bytes, out->data, out->size);
  luaL_getmetatable(L, BODY);
  lua_setmetatable(L, -2);
}


/*
** core.encode_body(value, array_mt, empty_array_mt, empty_array, other) -> body
** | nil, message with the path. As core.encode; tostring(body) is the text.
*/
static int l_encode_body (lua_State *L) {
  buffer *out;
  lua_settop(L, JSON_OTHER);
  out = binding_scratch(L);
  if (!json_encode_value(L, out, JSON_VALUE, NULL)) {
    lua_pushnil(L);
    lua_insert(L, -2);
    binding_give_back(L, SCRATCH);
    return 2;
  }
  json_push_body(L, out);
  binding_give_back(L, SCRATCH);
  return 1;
}


static int l_body_text (lua_State *L) {
  const body *b = luaL_checkudata(L, 1, BODY);
  lua_pushlstring(L, b->bytes, b->size);
  return 1;
}


static int l_body_size (lua_State *L) {
  const body *b = luaL_checkudata(L, 1, BODY);
  lua_pushinteger(L, (lua_Integer)b->size);
  return 1;
}


const char *opt_body (lua_State *L, int index, size_t *size) {
  const body *b;
  if (lua_type(L, index) != LUA_TUSERDATA)
    return luaL_optlstring(L, index, NULL, size);
  b = luaL_checkudata(L, index, BODY);
  *size = b->size;
  return b->bytes;
}


/* core.join(string | body, ...) -> body. All of their bytes in this order. */
static int l_join (lua_State *L) {
  int count = lua_gettop(L), i;
  buffer *out = binding_scratch(L);
  for (i = 1; i <= count; i++) {
    size_t size = 0;
    const char *bytes = opt_body(L, i, &size);
    if (bytes != NULL)
      check_memory(L, buffer_add(out, bytes, size));
  }
  json_push_body(L, out);
  binding_give_back(L, count + 1);
  return 1;
}


/* core.quote(string) -> text | nil, position of the first byte that is not
** UTF-8 */
static int l_quote (lua_State *L) {
  size_t size, bad;
  const char *text = luaL_checklstring(L, 1, &size);
  buffer *out;
  json_status status;
  lua_settop(L, 1);
  out = binding_scratch(L);
  status = json_string(out, text, size, &bad);
  if (status == JSON_NO_MEMORY)
    return binding_no_memory(L);
  if (status == JSON_OK)
    binding_push(L, out);
  binding_give_back(L, 2);
  if (status == JSON_OK)
    return 1;
  lua_pushnil(L);
  lua_pushinteger(L, (lua_Integer)bad);
  return 2;
}


/* core.number(number) -> text | nil (not finite) */
static int l_number (lua_State *L) {
  char text[JSON_NUMBER_SIZE];
  size_t size;
  luaL_checktype(L, 1, LUA_TNUMBER);
  size = number_text(L, 1, text);
  if (size == 0)
    return 0;
  lua_pushlstring(L, text, size);
  return 1;
}


void register_json (lua_State *L) {
  static const function class[] = {
      {"__tostring", l_body_text}, {"__len", l_body_size}, {NULL, NULL}};
  static const function functions[] = {
      {"encode", l_encode}, {"encode_body", l_encode_body}, {"join", l_join},
      {"quote", l_quote},   {"number", l_number},           {NULL, NULL}};
  binding_class(L, BODY, class);
  binding_functions(L, functions);
}
