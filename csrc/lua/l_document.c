/*
** lua/l_document.c - core.document_encoder, core.encode_document: the JSON of a
** flat table that is a valid document, without the tables of the document.
**
** An encoder knows the members of a resource (or of an object in one) that it
** can encode. Whatever else it meets - another name, a value of another type, a
** metatable - it leaves to document.lua, which knows all rules and messages.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <stdlib.h>
#include <string.h>

#include "lua/json_encode.h"

#define ENCODER "klaviyo.encoder"
#define MAX_SLOTS 64   /* members of an encoder: bits of a set */
#define MAX_MEMBERS 32 /* members of a table, which are kept on the stack */

/* the arguments of core.encode_document after those of core.encode */
enum { ENCODER_INDEX = JSON_OTHER + 1, UNIQUE_ID, SCRATCH };

typedef enum value_kind {
  VALUE_STRING,
  VALUE_NUMBER,
  VALUE_INTEGER,
  VALUE_BOOLEAN,
  VALUE_ANY,       /* but a table with a metatable */
  VALUE_OBJECT,    /* any members */
  VALUE_MEMBERS,   /* an object of the members of 'inner' */
  VALUE_RESOURCE,  /* {"data": a resource of 'inner'} */
  VALUE_LIST,      /* of values of 'item' */
  VALUE_RESOURCES, /* {"data": a list of resources of 'inner'} */
  VALUE_TYPE       /* the type of the resource, which is written anyway */
} value_kind;

typedef struct encoder encoder;

typedef struct value_rule {
  value_kind kind;
  bool nullable;
  const encoder *inner;    /* kept alive by the encoder's user value */
  struct value_rule *item; /* owned */
} value_rule;

typedef struct slot {
  char *prefix; /* the name as JSON, and a colon; owned */
  size_t prefix_size;
  value_rule value;
} slot;

/* A name that a program uses for a slot. Lua has each short string once: the
** names are compared by address. The encoder's user value keeps them alive. A
** long name is not found, and left to document.lua. */
typedef struct known_name {
  const char *name;
  int slot;
} known_name;

struct encoder {
  char *type; /* as JSON, owned; NULL: an object, not a resource */
  size_t type_size;
  slot slots[MAX_SLOTS];
  int count;
  int attributes; /* the first slots; then the resource's id and meta */
  uint64_t required;
  bool needs_attributes; /* even if there are none */
  int string_slot;       /* of a string in place of the table; -1: none */
  int unique_slot;       /* of the outermost resource, that UNIQUE_ID fills */
  known_name *names;     /* a hash table, half empty */
  size_t name_mask;
};

static bool write_resource (lua_State *L, buffer *out, const encoder *e,
                            int value, int depth);
static bool write_rule (lua_State *L, buffer *out, const value_rule *rule,
                        int value, int depth);


static encoder *check_encoder (lua_State *L, int index) {
  return luaL_checkudata(L, index, ENCODER);
}


/* {======================================================
** Encoding. Each function returns false for what it leaves to document.lua.
** They nest as deep as the encoders, which never contain themselves.
** NOLINTBEGIN(misc-no-recursion)
** ======================================================= */

static void add (lua_State *L, buffer *out, const char *text, size_t size) {
  if (!buffer_add(out, text, size))
    binding_no_memory(L);
}


#define add_literal(L, out, text) add(L, out, text, sizeof(text) - 1)


static size_t name_hash (const char *name) {
  return (size_t)(((uintptr_t)name >> 3) * (uintptr_t)0x9E3779B1U) >> 8;
}


/* Returns the slot of a name; -1: there is none. */
static int find_slot (const encoder *e, const char *name) {
  size_t at = name_hash(name) & e->name_mask;
  while (e->names[at].name != NULL) {
    if (e->names[at].name == name)
      return e->names[at].slot;
    at = (at + 1) & e->name_mask;
  }
  return -1;
}


/* Encodes any value. 'depth' is that of the table around it. */
static bool write_any (lua_State *L, buffer *out, int value, int depth) {
  json_level above = {NULL, NULL, depth, NULL, 0, 0};
  return json_encode_value(L, out, value, &above);
}


static bool is_plain_table (lua_State *L, int value) {
  if (lua_type(L, value) != LUA_TTABLE)
    return false;
  if (!lua_getmetatable(L, value))
    return true;
  lua_pop(L, 1);
  return false;
}


static bool has_first (lua_State *L, int table) {
  bool has;
  lua_rawgeti(L, table, 1);
  has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}


static bool is_whole (lua_State *L, int value) {
  lua_Number x = lua_tonumber(L, value);
  return x >= -9007199254740992.0 && x <= 9007199254740992.0 &&
         x == (lua_Number)(int64_t)x;
}


/* The members of a table: the values of the slots, by stack index, and the set
** of the slots that have one. */
typedef struct members {
  int value[MAX_SLOTS];
  uint64_t found;
} members;


/* Returns whether a value is the type of the resource. */
static bool is_type (lua_State *L, const encoder *e, int value) {
  size_t size;
  const char *text;
  if (lua_type(L, value) != LUA_TSTRING)
    return false;
  text = lua_tolstring(L, value, &size);
  return e->type != NULL && size + 2 == e->type_size &&
         memcmp(text, e->type + 1, size) == 0;
}


/* Collects the members of a table, and leaves them on the stack. */
static bool collect (lua_State *L, const encoder *e, int table, members *m) {
  int count = 0;
  m->found = 0;
  luaL_checkstack(L, 2 * MAX_MEMBERS + 16, "too many values to encode");
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int i =
        lua_type(L, -2) == LUA_TSTRING ? find_slot(e, lua_tostring(L, -2)) : -1;
    if (i < 0 || (m->found >> i & 1) != 0 || ++count > MAX_MEMBERS)
      return false;
    m->found |= UINT64_C(1) << i;
    m->value[i] = lua_gettop(L);
    if (e->slots[i].value.kind == VALUE_TYPE && !is_type(L, e, m->value[i]))
      return false;
    lua_pushvalue(L, -2);
  }
  return true;
}


/* Adds the members of the slots from 'first' to 'last'. */
static bool write_slots (lua_State *L, buffer *out, const encoder *e,
                         const members *m, int first, int last, int depth) {
  bool is_first = true;
  int i;
  for (i = first; i < last; i++) {
    const slot *s = &e->slots[i];
    if ((m->found >> i & 1) == 0 || s->value.kind == VALUE_TYPE)
      continue;
    if (!is_first)
      add_literal(L, out, ",");
    is_first = false;
    add(L, out, s->prefix, s->prefix_size);
    if (!write_rule(L, out, &s->value, m->value[i], depth))
      return false;
  }
  return true;
}


static bool write_parts (lua_State *L, buffer *out, const encoder *e,
                         const members *m, int depth) {
  uint64_t attributes = e->attributes == MAX_SLOTS
                            ? ~UINT64_C(0)
                            : (UINT64_C(1) << e->attributes) - 1;
  bool has_others = (m->found & ~attributes) != 0;
  size_t from;
  add_literal(L, out, "{");
  if ((m->found & attributes) != 0 || e->needs_attributes) {
    add_literal(L, out, "\"attributes\":{");
    if (!write_slots(L, out, e, m, 0, e->attributes, depth + 2))
      return false;
    add_literal(L, out, "},");
  }
  from = out->size;
  if (has_others &&
      !write_slots(L, out, e, m, e->attributes, e->count, depth + 1))
    return false;
  if (out->size > from)
    add_literal(L, out, ",");
  add_literal(L, out, "\"type\":");
  add(L, out, e->type, e->type_size);
  add_literal(L, out, "}");
  return true;
}


/* Encodes a string in place of a resource: its one required attribute. */
static bool write_short (lua_State *L, buffer *out, const encoder *e, int value,
                         int depth) {
  members m;
  if (e->string_slot < 0)
    return false;
  m.found = UINT64_C(1) << e->string_slot;
  m.value[e->string_slot] = value;
  return write_parts(L, out, e, &m, depth);
}


static bool write_resource (lua_State *L, buffer *out, const encoder *e,
                            int value, int depth) {
  int base = lua_gettop(L);
  members m;
  if (e->names == NULL) /* closed by lua_close */
    return false;
  if (lua_type(L, value) == LUA_TSTRING)
    return write_short(L, out, e, value, depth);
  if (!is_plain_table(L, value) || !collect(L, e, value, &m))
    return false;
  if (depth == 1 && e->unique_slot >= 0 &&
      (m.found >> e->unique_slot & 1) == 0 &&
      lua_type(L, UNIQUE_ID) == LUA_TSTRING) {
    m.found |= UINT64_C(1) << e->unique_slot;
    m.value[e->unique_slot] = UNIQUE_ID;
  }
  if ((m.found & e->required) != e->required ||
      !write_parts(L, out, e, &m, depth))
    return false;
  lua_settop(L, base);
  return true;
}


static bool write_members (lua_State *L, buffer *out, const encoder *e,
                           int value, int depth) {
  int base = lua_gettop(L);
  members m;
  if (e->names == NULL) /* closed by lua_close */
    return false;
  if (!is_plain_table(L, value) || !collect(L, e, value, &m) ||
      (m.found & e->required) != e->required)
    return false;
  add_literal(L, out, "{");
  if (!write_slots(L, out, e, &m, 0, e->count, depth + 1))
    return false;
  add_literal(L, out, "}");
  lua_settop(L, base);
  return true;
}


/* An empty table is a list, too. */
static bool is_list (lua_State *L, int value) {
  bool is;
  if (lua_type(L, value) != LUA_TTABLE)
    return false;
  if (lua_getmetatable(L, value)) {
    is = lua_rawequal(L, -1, JSON_ARRAY) ||
         lua_rawequal(L, -1, JSON_EMPTY_ARRAY);
    lua_pop(L, 1);
    return is;
  }
  if (has_first(L, value))
    return true;
  lua_pushnil(L);
  is = !lua_next(L, value);
  if (!is)
    lua_pop(L, 2);
  return is;
}


/* Encodes the list at 'value', of resources or (NULL) of values of a rule. */
static bool write_list (lua_State *L, buffer *out, const encoder *of,
                        const value_rule *rule, int value, int depth) {
  size_t count, i;
  int item = lua_gettop(L) + 1;
  if (!is_list(L, value))
    return false;
  luaL_checkstack(L, 4, "too many values to encode");
#if LUA_VERSION_NUM >= 502
  count = lua_rawlen(L, value);
#else
  count = lua_objlen(L, value);
#endif
  add_literal(L, out, "[");
  for (i = 1; i <= count; i++) {
    if (i > 1)
      add_literal(L, out, ",");
    lua_rawgeti(L, value, (int)i);
    if (of != NULL ? !write_resource(L, out, of, item, depth + 1)
                   : !write_rule(L, out, rule, item, depth + 1))
      return false;
    lua_settop(L, item - 1);
  }
  add_literal(L, out, "]");
  return true;
}


/* A list with a member `data` is a document already. */
static bool has_data (lua_State *L, int value) {
  bool has;
  lua_pushliteral(L, "data");
  lua_rawget(L, value);
  has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}


static bool write_data (lua_State *L, buffer *out, const value_rule *rule,
                        int value, int depth) {
  bool is_many = rule->kind == VALUE_RESOURCES;
  if (is_many && (!is_list(L, value) || has_data(L, value)))
    return false;
  add_literal(L, out, "{\"data\":");
  if (is_many ? !write_list(L, out, rule->inner, NULL, value, depth + 1)
              : !write_resource(L, out, rule->inner, value, depth + 1))
    return false;
  add_literal(L, out, "}");
  return true;
}


static bool write_rule (lua_State *L, buffer *out, const value_rule *rule,
                        int value, int depth) {
  int type = lua_type(L, value);
  if (type == LUA_TLIGHTUSERDATA)
    return (rule->nullable || rule->kind == VALUE_ANY) &&
           lua_touserdata(L, value) == NULL && write_any(L, out, value, depth);
  switch (rule->kind) {
    case VALUE_STRING:
      return type == LUA_TSTRING && write_any(L, out, value, depth);
    case VALUE_NUMBER:
      return type == LUA_TNUMBER && write_any(L, out, value, depth);
    case VALUE_INTEGER:
      return type == LUA_TNUMBER && is_whole(L, value) &&
             write_any(L, out, value, depth);
    case VALUE_BOOLEAN:
      return type == LUA_TBOOLEAN && write_any(L, out, value, depth);
    case VALUE_ANY:
      return (type != LUA_TTABLE || is_plain_table(L, value)) &&
             write_any(L, out, value, depth);
    case VALUE_OBJECT:
      return is_plain_table(L, value) && !has_first(L, value) &&
             write_any(L, out, value, depth);
    case VALUE_MEMBERS: return write_members(L, out, rule->inner, value, depth);
    case VALUE_LIST: return write_list(L, out, NULL, rule->item, value, depth);
    case VALUE_RESOURCE:
    case VALUE_RESOURCES: return write_data(L, out, rule, value, depth);
    case VALUE_TYPE: break;
  }
  return false;
}


/*
** core.encode_document(value, array_mt, empty_array_mt, empty_array, other,
** encoder, unique_id | nil) -> body | nil. The body is a document, or an object
** if the encoder is not of a resource. Nil means that document.lua must do it.
*/
static int l_encode_document (lua_State *L) {
  value_rule rule = {VALUE_RESOURCE, false, NULL, NULL};
  buffer *out;
  lua_settop(L, UNIQUE_ID);
  rule.inner = check_encoder(L, ENCODER_INDEX);
  if (rule.inner->type == NULL)
    rule.kind = VALUE_MEMBERS;
  out = binding_scratch(L);
  if (write_rule(L, out, &rule, JSON_VALUE, 0))
    json_push_body(L, out);
  else
    lua_pushnil(L);
  binding_give_back(L, SCRATCH);
  return 1;
}

/* NOLINTEND(misc-no-recursion)
** }====================================================== */


/* {======================================================
** Making an encoder. All of its memory is reachable from its userdata at any
** time: an error of Lua leaves it to the garbage collector.
** ======================================================= */

static void free_items (value_rule *rule) {
  while (rule != NULL) {
    value_rule *item = rule->item;
    free(rule);
    rule = item;
  }
}


static int l_encoder_gc (lua_State *L) {
  encoder *e = check_encoder(L, 1);
  int i;
  for (i = 0; i < e->count; i++) {
    free(e->slots[i].prefix);
    free_items(e->slots[i].value.item);
  }
  free(e->type);
  free(e->names);
  memset(e, 0, sizeof(*e));
  return 0;
}


/* Returns a copy of the string on the top of the stack. */
static char *copy_text (lua_State *L, size_t *size) {
  const char *text = luaL_checklstring(L, -1, size);
  return text_copy(text, *size);
}


static void *need (lua_State *L, void *memory) {
  if (memory == NULL)
    binding_no_memory(L);
  return memory;
}


/* Returns the member of the table at an index, if it is true. */
static bool get_flag (lua_State *L, int table, const char *name) {
  bool flag;
  lua_getfield(L, table, name);
  flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}


/* Reads {kind =, nullable =, inner =, item =} from the top of the stack, which
** bounds how deep an item may be. NOLINTNEXTLINE(misc-no-recursion) */
static void read_rule (lua_State *L, value_rule *rule) {
  static const char *const kinds[] = {
      "string",  "number",   "integer", "boolean",   "any",  "object",
      "members", "resource", "list",    "resources", "type", NULL};
  int table = lua_gettop(L);
  luaL_checkstack(L, 8, "nested too deep");
  lua_getfield(L, table, "kind");
  rule->kind = (value_kind)luaL_checkoption(L, -1, NULL, kinds);
  rule->nullable = get_flag(L, table, "nullable");
  lua_getfield(L, table, "inner");
  if (!lua_isnil(L, -1))
    rule->inner = check_encoder(L, lua_gettop(L));
  lua_getfield(L, table, "item");
  if (lua_istable(L, -1)) {
    value_rule *item = need(L, calloc(1, sizeof(*item)));
    rule->item = item;
    read_rule(L, item);
  }
  lua_settop(L, table);
}


static int read_index (lua_State *L, const char *name) {
  int index;
  lua_getfield(L, 1, name);
  index = (int)luaL_optinteger(L, -1, 0) - 1;
  lua_pop(L, 1);
  return index;
}


/* Adds a name, which is on the top of the stack, of a slot. */
static void add_name (lua_State *L, encoder *e, int index) {
  const char *name = luaL_checkstring(L, -1);
  size_t at = name_hash(name) & e->name_mask;
  while (e->names[at].name != NULL)
    at = (at + 1) & e->name_mask;
  e->names[at].name = name;
  e->names[at].slot = index;
}


static void read_slot (lua_State *L, encoder *e, int table) {
  slot *s = &e->slots[e->count];
  int i;
  memset(s, 0, sizeof(*s));
  e->count++;
  lua_getfield(L, table, "prefix");
  s->prefix = need(L, copy_text(L, &s->prefix_size));
  if (get_flag(L, table, "required"))
    e->required |= UINT64_C(1) << (e->count - 1);
  lua_settop(L, table);
  read_rule(L, &s->value);
  for (i = 1;; i++) {
    lua_rawgeti(L, table, i);
    if (lua_isnil(L, -1))
      break;
    add_name(L, e, e->count - 1);
    lua_pop(L, 1);
  }
  lua_settop(L, table);
}


/*
** core.document_encoder {slots = {{prefix = '"name":', kind =, nullable =,
** required =, inner =, item =, "name", ...}, ...}, attributes =, type =,
** needs_attributes =, string_slot =, unique_slot =, names =} -> encoder. The
** slots are in the order in which they are written: first the 'attributes',
** then those of the resource. 'names' is the number of all names.
*/
static int l_document_encoder (lua_State *L) {
  encoder *e;
  int i;
  size_t size = 4;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  e = binding_new(L, ENCODER, sizeof(*e));
  lua_pushvalue(L, 1);
#if LUA_VERSION_NUM >= 502
  lua_setuservalue(L, 2);
#else
  lua_setfenv(L, 2);
#endif
  e->attributes = read_index(L, "attributes") + 1;
  e->string_slot = read_index(L, "string_slot");
  e->unique_slot = read_index(L, "unique_slot");
  e->needs_attributes = get_flag(L, 1, "needs_attributes");
  while (size < 2 * (size_t)(read_index(L, "names") + 1))
    size *= 2;
  e->names = need(L, calloc(size, sizeof(*e->names)));
  e->name_mask = size - 1;
  lua_getfield(L, 1, "type");
  if (!lua_isnil(L, -1))
    e->type = need(L, copy_text(L, &e->type_size));
  lua_getfield(L, 1, "slots");
  luaL_checktype(L, -1, LUA_TTABLE);
  for (i = 1; i <= MAX_SLOTS; i++) {
    lua_settop(L, 4);
    lua_rawgeti(L, 4, i);
    if (lua_isnil(L, -1))
      break;
    read_slot(L, e, 5);
  }
  lua_settop(L, 2);
  return 1;
}

/* }====================================================== */


void register_document (lua_State *L) {
  static const function class[] = {{"__gc", l_encoder_gc}, {NULL, NULL}};
  static const function functions[] = {{"document_encoder", l_document_encoder},
                                       {"encode_document", l_encode_document},
                                       {NULL, NULL}};
  binding_class(L, ENCODER, class);
  binding_functions(L, functions);
}
