/*
** lua/l_json_read.c - core.decoder: JSON as Lua values.
**
** The members of an object or list stay on the stack until it ends, so that its
** table is created at the right size. If there are many, or if much of the
** stack is used, they are moved to the table in portions.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <string.h>

#include "json/paths.h"
#include "json/reader.h"

#define PATHS_CLASS "klaviyo.json_paths"
#define NAMES 512            /* cached member names; a power of two */
#define MAX_NAME 31          /* longest cached name, in bytes */
#define MAX_PENDING 256      /* values of one table that stay on the stack */
#define MAX_STACK_SLOTS 2000 /* above this slot no values stay on the stack */
#define STACK_CHUNK 64       /* stack slots requested at a time */

/*
** A response repeats the same names, so recent names are cached in slots chosen
** by their bytes; their Lua strings are in a table. The first and last bytes of
** a name, with its size, identify a name of up to 16 bytes.
*/
typedef struct ends_of_name {
  uint64_t first, last;
} ends_of_name;

typedef struct kept_name {
  ends_of_name ends;
  unsigned char room; /* size + 1; 0: empty */
  char middle[MAX_NAME - 16];
} kept_name;

/* The stack slots of decode. Those from NAME_BYTES to BIG have the upvalues
** after the scratch buffer, which is the first one. */
enum stack_slot {
  TEXT = 1,
  PATHS,
  RESOURCES,
  NAME_BYTES,
  NAME_STRINGS,
  ARRAY,
  BIG,
  SCRATCH
};

#define UPVALUE(slot) ((slot)-2)
#define UPVALUES UPVALUE(BIG)

/* An object or list that is being read. */
typedef struct level {
  int base;    /* the slot for its table; its values are above it */
  int pending; /* values on the stack */
  int length;  /* values in the table */
  int wanted;  /* its node in the paths, or JSON_WHOLE */
  bool is_list;
  bool has_table;
} level;

typedef struct decoding {
  json_reader json;
  kept_name *names;
  buffer *scratch;
  const json_paths *paths;          /* NULL: all members */
  resources *resources;             /* NULL: those of "data" are built, too */
  const unsigned char *object;      /* start of the one whose text is wanted */
  int room;                         /* the highest slot that may be used */
  level levels[JSON_MAX_DEPTH + 1]; /* the first is the text itself */
} decoding;


/* {======================================================
** Names and scalars: each pushes one value
** ======================================================= */

static void push_unescaped (lua_State *L, buffer *scratch,
                            const json_text *text) {
  scratch->size = 0;
  if (!json_unescape(scratch, text))
    binding_no_memory(L);
  binding_push(L, scratch);
}


static ends_of_name ends_of (const char *name, size_t size) {
  ends_of_name ends = {0, 0};
  if (size >= 8) {
    memcpy(&ends.first, name, 8);
    memcpy(&ends.last, name + size - 8, 8);
  }
  else if (size >= 4) {
    uint32_t half;
    memcpy(&half, name, 4);
    ends.first = half;
    memcpy(&half, name + size - 4, 4);
    ends.last = half;
  }
  else if (size > 0) {
    ends.first = (unsigned char)name[0];
    ends.last = (unsigned)(unsigned char)name[size / 2] << 8 |
                (unsigned char)name[size - 1];
  }
  return ends;
}


static unsigned slot_of (const ends_of_name *ends, size_t size) {
  uint64_t mixed = ends->first ^ ends->last << 1 ^ size;
  return (unsigned)(mixed * UINT64_C(0x9E3779B97F4A7C15) >> 40) & (NAMES - 1);
}


static bool is_kept (const kept_name *kept, const ends_of_name *ends,
                     const json_text *name) {
  return kept->room == name->size + 1 && kept->ends.first == ends->first &&
         kept->ends.last == ends->last &&
         (name->size <= 16 ||
          memcmp(kept->middle, name->bytes + 8, name->size - 16) == 0);
}


/* A finalizer may run a decoder, too: nothing allocates between the comparison
** and reading the string, or between writing the string and its entry. */
static void push_name (lua_State *L, decoding *d) {
  const json_text *name = &d->json.name;
  ends_of_name ends;
  kept_name *kept;
  unsigned at;
  if (name->has_escapes) {
    push_unescaped(L, d->scratch, name);
    return;
  }
  if (name->size > MAX_NAME) {
    lua_pushlstring(L, name->bytes, name->size);
    return;
  }
  ends = ends_of(name->bytes, name->size);
  at = slot_of(&ends, name->size);
  kept = &d->names[at];
  if (is_kept(kept, &ends, name)) {
    lua_rawgeti(L, NAME_STRINGS, (int)at + 1);
    return;
  }
  lua_pushlstring(L, name->bytes, name->size);
  lua_pushvalue(L, -1);
  lua_rawseti(L, NAME_STRINGS, (int)at + 1); /* this slot is in use already */
  kept->room = (unsigned char)(name->size + 1);
  kept->ends = ends;
  if (name->size > 16)
    memcpy(kept->middle, name->bytes + 8, name->size - 16);
}


/* Pushes a 64-bit integer: the result of the caller's function, which gets two
** halves; or else the nearest number. */
#if LUA_VERSION_NUM < 503
static void push_big (lua_State *L, uint64_t bits, bool is_signed) {
  if (lua_isnil(L, BIG)) {
    lua_pushnumber(L, is_signed ? (lua_Number)(int64_t)bits : (lua_Number)bits);
    return;
  }
  lua_pushvalue(L, BIG);
  lua_pushnumber(L, (lua_Number)(bits >> 32));
  lua_pushnumber(L, (lua_Number)(bits & 0xFFFFFFFF));
  lua_pushboolean(L, is_signed);
  lua_call(L, 3, 1);
}
#endif


static void push_integer (lua_State *L, int64_t value) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)value);
#else
  if (value >= -INT64_C(9007199254740992) && value <= INT64_C(9007199254740992))
    lua_pushnumber(L, (lua_Number)value);
  else
    push_big(L, (uint64_t)value, true);
#endif
}


static void push_unsigned (lua_State *L, uint64_t value) {
#if LUA_VERSION_NUM >= 503
  lua_pushnumber(L, (lua_Number)value);
#else
  push_big(L, value, false);
#endif
}


static void push_string (lua_State *L, decoding *d) {
  const json_text *string = &d->json.string;
  if (string->has_escapes)
    push_unescaped(L, d->scratch, string);
  else
    lua_pushlstring(L, string->bytes, string->size);
}


static void push_scalar (lua_State *L, decoding *d, json_kind kind) {
  switch (kind) {
    case JSON_STRING: push_string(L, d); break;
    case JSON_INTEGER: push_integer(L, d->json.number.integer); break;
    case JSON_UNSIGNED: push_unsigned(L, d->json.number.natural); break;
    case JSON_DOUBLE: lua_pushnumber(L, d->json.number.real); break;
    case JSON_TRUE:
    case JSON_FALSE: lua_pushboolean(L, kind == JSON_TRUE); break;
    case JSON_NULL:
    case JSON_ERROR:
    case JSON_END:
    case JSON_CLOSE:
    case JSON_OBJECT:
    case JSON_LIST: lua_pushlightuserdata(L, NULL); break;
  }
}

/* }====================================================== */


/* {======================================================
** Tables
** ======================================================= */

static void make_table (lua_State *L, level *at) {
  if (at->is_list) {
    lua_createtable(L, at->pending, 0);
    lua_pushvalue(L, ARRAY);
    lua_setmetatable(L, -2);
  }
  else
    lua_createtable(L, 0, at->pending);
  lua_replace(L, at->base);
  at->has_table = true;
}


/* Moves values from the stack to the table, and leaves the table on the top. A
** list grows after its last element; the first portion was preallocated. */
static void flush (lua_State *L, level *at) {
  int i, slot = at->base + 1;
  bool has_room = !at->has_table;
  if (!at->has_table)
    make_table(L, at);
  if (at->is_list && has_room)
    for (i = at->pending; i > 0; i--)
      lua_rawseti(L, at->base, i);
  else if (at->is_list)
    for (i = 1; i <= at->pending; i++, slot++) {
      lua_pushvalue(L, slot);
      lua_rawseti(L, at->base, at->length + i);
    }
  else
    for (i = 0; i < at->pending; i++, slot += 2) {
      lua_pushvalue(L, slot);
      lua_pushvalue(L, slot + 1);
      lua_rawset(L, at->base);
    }
  lua_settop(L, at->base);
  at->length += at->pending;
  at->pending = 0;
}


/* Makes sure that the stack has slots for another member and for storing it. */
static void make_room (lua_State *L, decoding *d, level *at) {
  int top = at->base + at->pending * (at->is_list ? 1 : 2);
  if (at->pending == MAX_PENDING ||
      (top > MAX_STACK_SLOTS && at->pending > 0)) {
    flush(L, at);
    top = at->base;
  }
  if (top + 8 > d->room) {
    luaL_checkstack(L, STACK_CHUNK + 8, "too much JSON to decode");
    d->room = top + STACK_CHUNK + 8;
  }
}


static void open_level (lua_State *L, level *at, json_kind kind, int wanted) {
  lua_pushnil(L);
  at->base = lua_gettop(L);
  at->wanted = wanted;
  at->pending = at->length = 0;
  at->is_list = kind == JSON_LIST;
  at->has_table = false;
}


/* Returns what is wanted of the member that was read last. */
static int wanted_member (lua_State *L, decoding *d, const level *at) {
  const json_text *name = &d->json.name;
  if (!name->has_escapes)
    return json_paths_find(d->paths, at->wanted, name->bytes, name->size);
  d->scratch->size = 0;
  if (!json_unescape(d->scratch, name))
    binding_no_memory(L);
  return json_paths_find(d->paths, at->wanted, d->scratch->data,
                         d->scratch->size);
}


static bool has_text (const decoding *d, int wanted) {
  return wanted != JSON_WHOLE && d->paths->nodes[wanted].has_text;
}


/* Adds the text of an object that ends here to its members. Such an object has
** no other one in it. */
static void push_text (lua_State *L, decoding *d, level *at) {
  make_room(L, d, at);
  lua_pushliteral(L, "text");
  lua_pushlstring(L, (const char *)d->object, (size_t)(d->json.at - d->object));
  at->pending++;
}


static bool is_data (const decoding *d) {
  const json_text *name = &d->json.name;
  return name->size == 4 && memcmp(name->bytes, "data", 4) == 0;
}


/* Pushes true in the place of resources, or null. Returns false if the JSON
** reader has an error. */
static bool read_resources (lua_State *L, decoding *d, json_kind kind) {
  switch (resources_read(d->resources, &d->json, kind)) {
    case RESOURCES_OK: break;
    case RESOURCES_INVALID: return false;
    case RESOURCES_NO_MEMORY: binding_no_memory(L);
  }
  if (kind == JSON_NULL)
    lua_pushlightuserdata(L, NULL);
  else
    lua_pushboolean(L, true);
  return true;
}


/* Pushes the value of the text. Returns false if the JSON reader has an
** error. */
static bool read_text (lua_State *L, decoding *d) {
  level *at = d->levels; /* the innermost */
  /* the one that may have resources */
  const level *page = d->resources != NULL ? &d->levels[1] : NULL;
  int wanted = d->paths != NULL ? 0 : JSON_WHOLE;
  at->wanted = wanted;
  for (;;) {
    json_kind kind = json_next(&d->json);
    switch (kind) {
      case JSON_ERROR: return false;
      case JSON_END: return true;
      case JSON_CLOSE:
        if (!at->is_list && has_text(d, at->wanted))
          push_text(L, d, at);
        flush(L, at--);
        continue;
      case JSON_OBJECT:
      case JSON_LIST:
      case JSON_STRING:
      case JSON_INTEGER:
      case JSON_UNSIGNED:
      case JSON_DOUBLE:
      case JSON_TRUE:
      case JSON_FALSE:
      case JSON_NULL: break;
    }
    if (at != d->levels) {
      wanted = at->wanted;
      if (wanted != JSON_WHOLE && !at->is_list)
        wanted = wanted_member(L, d, at);
      if (wanted == JSON_UNWANTED) {
        if ((kind == JSON_OBJECT || kind == JSON_LIST) && !json_skip(&d->json))
          return false;
        continue;
      }
      make_room(L, d, at);
      if (!at->is_list)
        push_name(L, d);
      at->pending++;
      if (at == page && !at->is_list && is_data(d)) {
        if (!read_resources(L, d, kind))
          return false;
        continue;
      }
    }
    if (kind == JSON_OBJECT && has_text(d, wanted))
      d->object = d->json.at - 1;
    if (kind == JSON_OBJECT || kind == JSON_LIST)
      open_level(L, ++at, kind, wanted);
    else
      push_scalar(L, d, kind);
  }
}

/* }====================================================== */


/* {======================================================
** Paths
** ======================================================= */

static json_paths *check_paths (lua_State *L, int index) {
  json_paths *p = luaL_checkudata(L, index, PATHS_CLASS);
  if (p->nodes == NULL)
    luaL_error(L, "the paths object is closed");
  return p;
}


/* Adds a string, or one of a list, below a node. */
static int add_path (lua_State *L, json_paths *p, int at, int index) {
  size_t size;
  const char *path = luaL_checklstring(L, index, &size);
  int node = json_paths_add(p, at, path, size);
  if (node < 0)
    binding_no_memory(L);
  return node;
}


/* Adds the list of paths at slot 1 below a node. */
static void add_paths (lua_State *L, json_paths *p, int at) {
  int i;
  for (i = 1; lua_rawgeti(L, 1, i), !lua_isnil(L, -1); i++) {
    json_paths_end(p, add_path(L, p, at, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}


/*
** core.json_paths(paths [, members [, with_text]]) -> paths object for decode.
** 'paths' is a list of strings, the names of members separated by dots. With
** 'members', the paths begin in the values of these members of the text, whose
** other members are whole; and 'with_text' adds to each object there its own
** text, as "text".
*/
static int l_json_paths (lua_State *L) {
  bool with_text = lua_toboolean(L, 3);
  json_paths *p;
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  p = binding_new(L, PATHS_CLASS, sizeof(*p));
  if (!json_paths_init(p))
    return binding_no_memory(L);
  if (lua_isnil(L, 2)) {
    add_paths(L, p, 0);
    return 1;
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  p->nodes[0].keeps_others = true;
  for (i = 1; lua_rawgeti(L, 2, i), !lua_isnil(L, -1); i++) {
    int at = add_path(L, p, 0, -1);
    p->nodes[at].has_text = with_text;
    add_paths(L, p, at);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return 1;
}


static int l_json_paths_free (lua_State *L) {
  json_paths_free(luaL_checkudata(L, 1, PATHS_CLASS));
  return 0;
}

/* }====================================================== */


/*
** decode(text | response body [, paths [, resources]]) -> value | nil, message
** with the position. With paths, only those members of objects are built; all
** others are checked. With resources, those of the member "data" are put there;
** instead of them the value has true.
*/
static int l_decode (lua_State *L) {
  decoding d;
  size_t size;
  const char *text;
  char error[JSON_ERROR_SIZE];
  int i;
  lua_settop(L, RESOURCES);
  if (!is_text(L, TEXT)) {
    lua_pushnil(L);
    lua_pushfstring(L, "expected a string, got %s", luaL_typename(L, TEXT));
    return 2;
  }
  d.paths = lua_isnil(L, PATHS) ? NULL : check_paths(L, PATHS);
  d.resources = lua_isnil(L, RESOURCES) ? NULL : check_resources(L, RESOURCES);
  if (d.resources != NULL)
    resources_clear(d.resources);
  for (i = NAME_BYTES; i < SCRATCH; i++)
    lua_pushvalue(L, lua_upvalueindex(UPVALUE(i)));
  d.scratch = binding_scratch(L);
  d.names = lua_touserdata(L, NAME_BYTES);
  d.object = NULL;
  d.room = LUA_MINSTACK;
  text = text_acquire(L, TEXT, &size);
  json_reader_init(&d.json, text, size);
  if (read_text(L, &d)) {
    text_release(L, TEXT);
    binding_give_back(L, SCRATCH);
    return 1;
  }
  json_error(&d.json, error);
  text_release(L, TEXT);
  lua_settop(L, SCRATCH);
  binding_give_back(L, SCRATCH);
  lua_pushnil(L);
  lua_pushstring(L, error);
  return 2;
}


/*
** core.decoder(array_mt [, big]) -> decode. 'array_mt' is the metatable of
** lists. big(high, low, is_signed) returns the value of an integer that Lua's
** numbers cannot represent, from two halves of 32 bits.
*/
static int l_decoder (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushnil(L);
  memset(lua_newuserdata(L, NAMES * sizeof(kept_name)), 0,
         NAMES * sizeof(kept_name));
  lua_createtable(L, NAMES, 0);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, l_decode, UPVALUES);
  return 1;
}


void register_json_read (lua_State *L) {
  static const function functions[] = {
      {"decoder", l_decoder}, {"json_paths", l_json_paths}, {NULL, NULL}};
  static const function class[] = {{"__gc", l_json_paths_free}, {NULL, NULL}};
  binding_class(L, PATHS_CLASS, class);
  binding_functions(L, functions);
}
