/*
** lua/l_json_read.c - core.decoder: JSON as Lua values.
**
** The members of an object or list stay on the stack until it ends, so that its
** table is created at the right size. If there are many, or if much of the
** stack is used, they are moved to the table in portions.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <limits.h>
#include <string.h>

#include "json/paths.h"
#include "json/reader.h"

#define NAMES 512            /* cached member names; a power of two */
#define MAX_PENDING 256      /* values of one table that stay on the stack */
#define MAX_STACK_SLOTS 2000 /* above this slot no values stay on the stack */
#define MAPPED_LEVELS 16     /* of deeper ones any name may be there twice */
#define STACK_CHUNK 64       /* stack slots requested at a time */

/*
** A response repeats the same names, so recent names are cached in slots chosen
** by their bytes; their Lua strings are in a table. The objects of a list
** mostly have the same names in the same order: 'next' has the slot of the name
** that last came after the same three names or so. Comparing the text with this
** one name, rather than looking for its end and its slot, saves 6 % of a page.
*/
typedef struct name_cache {
  json_expected names[NAMES]; /* size 0: empty */
  unsigned short next[NAMES];
  unsigned evictions; /* names that were replaced */
} name_cache;

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
  uint64_t *slots;    /* those of its names, as bits; unless any may repeat */
  unsigned evictions; /* those before it: a name has one slot until the next */
  int base;           /* the slot for its table; its values are above it */
  int pending;        /* values on the stack */
  int length;         /* values in the table */
  int wanted;         /* its node in the paths, or JSON_WHOLE */
  bool is_list;
  bool has_table;
  bool may_repeat; /* a name may be there twice */
} level;

typedef struct decoding {
  json_reader json;
  name_cache *cache;
  unsigned names_before; /* the last names, as an index of 'next' */
  unsigned expected;     /* the slot of the name that may come next */
  buffer *scratch;
  const json_paths *paths;          /* NULL: all members */
  resources *resources;             /* NULL: those of "data" are built, too */
  const unsigned char *object;      /* start of the one whose text is wanted */
  int room;                         /* the highest slot that may be used */
  level levels[JSON_MAX_DEPTH + 1]; /* the first is the text itself */
  /* as bits, the slots of the names in each of the first levels */
  uint64_t used_slots[MAPPED_LEVELS][NAMES / 64];
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


/* The first and last bytes of a name, with its size, choose its slot. */
static unsigned slot_of (const char *name, size_t size) {
  uint64_t first = 0, last = 0, mixed;
  if (size >= 8) {
    memcpy(&first, name, 8);
    memcpy(&last, name + size - 8, 8);
  }
  else if (size >= 4) {
    uint32_t half;
    memcpy(&half, name, 4);
    first = half;
    memcpy(&half, name + size - 4, 4);
    last = half;
  }
  else if (size > 0) {
    first = (unsigned char)name[0];
    last = (unsigned)(unsigned char)name[size / 2] << 8 |
           (unsigned char)name[size - 1];
  }
  mixed = first ^ last << 1 ^ size;
  return (unsigned)(mixed * UINT64_C(0x9E3779B97F4A7C15) >> 40) & (NAMES - 1);
}


static bool is_cached (const json_expected *cached, const json_text *name) {
  return cached->size == name->size + 2 &&
         memcmp(cached->bytes, name->bytes, name->size) == 0;
}


/* Pushes a name that was not expected, and returns its slot; or NAMES if it is
** not cached. */
static unsigned find_name (lua_State *L, decoding *d) {
  const json_text *name = &d->json.name;
  name_cache *cache = d->cache;
  json_expected *cached;
  unsigned at;
  if (name->has_escapes) {
    push_unescaped(L, d->scratch, name);
    return NAMES;
  }
  if (name->size > JSON_MAX_EXPECTED - 2) {
    lua_pushlstring(L, name->bytes, name->size);
    return NAMES;
  }
  at = slot_of(name->bytes, name->size);
  if (!is_cached(&cache->names[at], name) && cache->names[at].size > 0)
    at ^= 1; /* two names may share a slot */
  cached = &cache->names[at];
  if (is_cached(cached, name)) {
    lua_rawgeti(L, NAME_STRINGS, (int)at + 1);
    return at;
  }
  lua_pushlstring(L, name->bytes, name->size);
  lua_pushvalue(L, -1);
  lua_rawseti(L, NAME_STRINGS, (int)at + 1); /* this slot is in use already */
  memcpy(cached->bytes, name->bytes, name->size);
  memcpy(cached->bytes + name->size, "\":", 2);
  cache->evictions += cached->size > 0;
  cached->size = (unsigned)name->size + 2;
  return at;
}


/* A finalizer may run a decoder, too: nothing allocates between the comparison
** and reading the string, or between writing the string and its entry. */
static inline void push_name (lua_State *L, decoding *d, level *at) {
  name_cache *cache = d->cache;
  unsigned slot = d->expected;
  uint64_t *slots, bit;
  if (d->json.is_expected)
    lua_rawgeti(L, NAME_STRINGS, (int)slot + 1);
  else {
    slot = find_name(L, d);
    if (slot == NAMES) {
      at->may_repeat = true;
      return;
    }
    cache->next[d->names_before] = (unsigned short)slot;
  }
  if (!at->may_repeat) {
    slots = &at->slots[slot / 64];
    bit = UINT64_C(1) << slot % 64;
    at->may_repeat = (*slots & bit) != 0;
    *slots |= bit;
  }
  d->names_before = (d->names_before << 3 ^ slot) & (NAMES - 1);
  d->expected = cache->next[d->names_before];
  d->json.expected =
      cache->names[d->expected].size > 0 ? &cache->names[d->expected] : NULL;
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
** list grows after its last element; the first portion was preallocated. If no
** name is there twice, the order of members does not matter, and the last are
** taken from the top without copies, which saves 6 % of a page. */
static void flush (lua_State *L, const decoding *d, level *at) {
  int i, slot = at->base + 1;
  bool is_new = !at->has_table;
  if (is_new)
    make_table(L, at);
  if (at->is_list && is_new)
    for (i = at->pending; i > 0; i--)
      lua_rawseti(L, at->base, i);
  else if (!at->is_list && !at->may_repeat &&
           at->evictions == d->cache->evictions)
    for (i = at->pending; i > 0; i--)
      lua_rawset(L, at->base);
  else {
    for (i = 1; i <= at->pending; i++) {
      lua_pushvalue(L, slot++);
      if (at->is_list)
        lua_rawseti(L, at->base, at->length + i);
      else {
        lua_pushvalue(L, slot++);
        lua_rawset(L, at->base);
      }
    }
    lua_settop(L, at->base);
  }
  at->length += at->pending;
  at->pending = 0;
}


static void make_more_room (lua_State *L, decoding *d, level *at, int top) {
  d->json.is_expected = false; /* a finalizer may change the cache */
  if (at->pending == MAX_PENDING ||
      (top > MAX_STACK_SLOTS && at->pending > 0)) {
    flush(L, d, at);
    top = at->base;
  }
  if (top + 8 > d->room) {
    luaL_checkstack(L, STACK_CHUNK + 8, "too much JSON to decode");
    d->room = top + STACK_CHUNK + 8;
  }
}


/* Makes sure that the stack has slots for another member and for storing it. */
static inline void make_room (lua_State *L, decoding *d, level *at) {
  int top = at->base + (at->pending << !at->is_list);
  if (top + 8 > d->room || top > MAX_STACK_SLOTS || at->pending == MAX_PENDING)
    make_more_room(L, d, at, top);
}


static void open_level (lua_State *L, decoding *d, level *at, json_kind kind,
                        int wanted) {
  ptrdiff_t depth = at - d->levels;
  lua_pushnil(L);
  at->base = lua_gettop(L);
  at->wanted = wanted;
  at->pending = at->length = 0;
  at->is_list = kind == JSON_LIST;
  at->has_table = false;
  at->may_repeat = depth >= MAPPED_LEVELS;
  at->evictions = d->cache->evictions;
  if (!at->may_repeat && !at->is_list) {
    at->slots = d->used_slots[depth];
    memset(at->slots, 0, sizeof(d->used_slots[depth]));
  }
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
  at->may_repeat = true;
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
        flush(L, d, at--);
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
        push_name(L, d, at);
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
      open_level(L, d, ++at, kind, wanted);
    else
      push_scalar(L, d, kind);
  }
}

/* }====================================================== */


/* {======================================================
** Garbage collection
** ======================================================= */

/*
** Nothing of what is being decoded is garbage yet: a collection marks it in
** vain, and a generational one then takes it for old. So the collector gets
** credit before, and pays it back afterwards: it counts the same memory, but
** runs between two texts. This saves 13 % of a page, and 5 % of an iterator's.
** If memory runs out meanwhile, Lua collects in any case.
*/
#if LUA_VERSION_NUM == 503 || LUA_VERSION_NUM == 504

#define CREDIT 8             /* bytes of values for a byte of text; usually 2 */
#define MIN_CREDIT_TEXT 8192 /* a collection seldom meets a shorter text */

/* Returns the credit for a text, in kB. */
static int credit_of (size_t size) {
  if (size < MIN_CREDIT_TEXT || size >= INT_MAX / 2 / CREDIT)
    return 0;
  return (int)(size / 1024) * CREDIT;
}


/* Adds to what the collector counts as allocated, in kB. */
static void add_debt (lua_State *L, int kb) {
  if (kb != 0 && lua_gc(L, LUA_GCISRUNNING, 0) == 1)
    (void)lua_gc(L, LUA_GCSTEP, kb);
}

#else /* in LuaJIT and Lua 5.5 the debt can only be raised */

static int credit_of (size_t size) {
  (void)size;
  return 0;
}


static void add_debt (lua_State *L, int kb) {
  (void)L;
  (void)kb;
}

#endif

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
  int i, credit;
  lua_settop(L, RESOURCES);
  if (!is_text(L, TEXT)) {
    lua_pushnil(L);
    lua_pushfstring(L, "expected a string, got %s", luaL_typename(L, TEXT));
    return 2;
  }
  d.paths = lua_isnil(L, PATHS) ? NULL : check_json_paths(L, PATHS);
  d.resources = lua_isnil(L, RESOURCES) ? NULL : check_resources(L, RESOURCES);
  if (d.resources != NULL)
    resources_clear(d.resources);
  for (i = NAME_BYTES; i < SCRATCH; i++)
    lua_pushvalue(L, lua_upvalueindex(UPVALUE(i)));
  d.scratch = binding_scratch(L);
  d.cache = lua_touserdata(L, NAME_BYTES);
  d.names_before = d.expected = 0;
  d.object = NULL;
  d.room = LUA_MINSTACK;
  text = text_acquire(L, TEXT, &size);
  json_reader_init(&d.json, text, size);
  credit = d.resources == NULL ? credit_of(size) : 0; /* few values */
  add_debt(L, -credit);
  if (read_text(L, &d)) {
    text_release(L, TEXT);
    binding_give_back(L, SCRATCH);
    add_debt(L, credit);
    return 1;
  }
  json_error(&d.json, error);
  text_release(L, TEXT);
  lua_settop(L, SCRATCH);
  binding_give_back(L, SCRATCH);
  add_debt(L, credit);
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
  memset(lua_newuserdata(L, sizeof(name_cache)), 0, sizeof(name_cache));
  lua_createtable(L, NAMES, 0);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, l_decode, UPVALUES);
  return 1;
}


void register_json_read (lua_State *L) {
  static const function functions[] = {{"decoder", l_decoder}, {NULL, NULL}};
  binding_functions(L, functions);
}
