/*
** outbox/l_store.c - klaviyo.outbox.store, for Lua 5.3 to 5.5 and LuaJIT from
** one source. It is a shared object of its own: nothing else in this library
** needs SQLite.
*/
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <lua.h>
#include <lauxlib.h>

#include <sqlite3.h>

#include "lua/body.h"
#include "lua/build.h"
#include "outbox/database.h"
#include "outbox/l_store.h"
#include "outbox/rejected.h"
#include "outbox/slot.h"
#include "outbox/store.h"

#define STORE "klaviyo.outbox.store"
#define REJECTED "klaviyo.outbox.rejected"
#define NONE "there is none"
#define WHY_SIZE 1024

typedef struct handle {
  store *s; /* NULL: closed */
  buffer body;
  buffer revision;
} handle;


static const char *name_of (store_status status) {
  switch (status) {
    case STORE_OK: return "ok";
    case STORE_NONE: return "none";
    case STORE_BUSY: return "busy";
    case STORE_INHERITED: return "inherited";
    case STORE_FULL: return "full";
    case STORE_DAMAGED: return "damaged";
    case STORE_FOREIGN: return "foreign";
    case STORE_UNSAFE: return "unsafe";
    case STORE_FAILED: break;
  }
  return "failed";
}


/* nil, what, why */
int l_store_fail (lua_State *L, store_status status, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, name_of(status));
  lua_pushstring(L, why);
  return 3;
}


static int answer (lua_State *L, const handle *h, store_status status) {
  if (status == STORE_NONE)
    return l_store_fail(L, status, NONE);
  if (status == STORE_INHERITED)
    return l_store_fail(L, status, "it was opened before a fork");
  if (status != STORE_OK)
    return l_store_fail(L, status, store_message(h->s));
  lua_pushboolean(L, 1);
  return 1;
}


/* Returns an integer to Lua, or what answer returns if there is none. */
static int answer_integer (lua_State *L, const handle *h, store_status status,
                           int64_t value) {
  if (status != STORE_OK)
    return answer(L, h, status);
  lua_pushinteger(L, (lua_Integer)value);
  return 1;
}


/* A closed store returns an error and does not raise: a store may be closed
** while its sender waits. */
static handle *check (lua_State *L) {
  return luaL_checkudata(L, 1, STORE);
}


static int is_closed (lua_State *L) {
  return l_store_fail(L, STORE_NONE, "the outbox is closed");
}


static store_text check_text (lua_State *L, int index) {
  store_text text;
  text.data = luaL_checklstring(L, index, &text.size);
  return text;
}


/* Text, or a body of the core. */
static store_text check_payload (lua_State *L, int index) {
  store_text text;
  const body *b;
  if (lua_type(L, index) != LUA_TUSERDATA)
    return check_text(L, index);
  b = luaL_checkudata(L, index, BODY);
  text.data = b->bytes;
  text.size = b->size;
  return text;
}


static int64_t check_id (lua_State *L, int index) {
  return (int64_t)luaL_checknumber(L, index);
}


static void check_batch (lua_State *L, int index, store_batch *batch) {
  batch->first = check_id(L, index);
  batch->last = check_id(L, index + 1);
  batch->count = 0;
}


static void push_text (lua_State *L, store_text text) {
  lua_pushlstring(L, text.data != NULL ? text.data : "", text.size);
}


static void push_buffer (lua_State *L, const buffer *b) {
  lua_pushlstring(L, b->size > 0 ? b->data : "", b->size);
}


static handle *new_handle (lua_State *L) {
  handle *h = lua_newuserdata(L, sizeof(*h));
  memset(h, 0, sizeof(*h));
  luaL_getmetatable(L, STORE);
  lua_setmetatable(L, -2);
  return h;
}


static int64_t option (lua_State *L, const char *name) {
  int64_t value;
  lua_getfield(L, 2, name);
  value = (int64_t)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}


static bool is_set (lua_State *L, const char *name) {
  bool value;
  lua_getfield(L, 2, name);
  value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}


static int opened (lua_State *L, const handle *h, store_status status,
                   const char *why) {
  if (h->s == NULL)
    return l_store_fail(L, status, why);
  if (why[0] == '\0')
    return 1;
  lua_pushstring(L, why);
  return 2;
}


/* store.open(base, {create =, full =, max_bytes =, max_rejected =})
** -> store, the damage of the file that was there | nil, what, why */
static int open_store (lua_State *L) {
  const char *base = luaL_checkstring(L, 1);
  store_options options;
  store_status status;
  char why[WHY_SIZE];
  handle *h;
  luaL_checktype(L, 2, LUA_TTABLE);
  options.create = is_set(L, "create");
  options.full = is_set(L, "full");
  options.max_bytes = option(L, "max_bytes");
  options.max_rejected = option(L, "max_rejected");
  h = new_handle(L);
  h->s = store_open(base, &options, &status, why, sizeof(why));
  return opened(L, h, status, why);
}


/* s:renew() -> store, what was wrong | nil, what, why; closes 's' */
static int renew (lua_State *L) {
  handle *old = check(L);
  store_status status;
  char why[WHY_SIZE];
  store *s = old->s;
  handle *h;
  if (s == NULL)
    return is_closed(L);
  h = new_handle(L);
  old->s = NULL;
  h->s = store_renew(s, &status, why, sizeof(why));
  return opened(L, h, status, why);
}


/* store.make_folder(path) -> true | nil, what, why. An existing folder is used
** unless other users may write to it; only its owner can read a new one. */
static int make_folder (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  char why[WHY_SIZE];
  struct stat about;
  int error = mkdir(path, 0700) == 0 ? 0 : errno;
  if (error == EEXIST && stat(path, &about) == 0) {
    error = S_ISDIR(about.st_mode) ? 0 : ENOTDIR;
    if (error == 0 && database_is_unsafe(&about, why, sizeof(why)))
      return l_store_fail(L, STORE_UNSAFE, why);
  }
  if (error != 0)
    return l_store_fail(L, error == ENOSPC ? STORE_FULL : STORE_FAILED,
                        strerror(error));
  lua_pushboolean(L, 1);
  return 1;
}


/* s:add(unique_id, revision, milliseconds, payload | body) -> true | nil, … */
static int add (lua_State *L) {
  handle *h = check(L);
  store_row row;
  memset(&row, 0, sizeof(row));
  row.unique_id = check_text(L, 2);
  row.revision = check_text(L, 3);
  row.time = check_id(L, 4);
  row.payload = check_payload(L, 5);
  if (h->s == NULL)
    return is_closed(L);
  return answer(L, h, store_add(h->s, &row));
}


/* s:read(first, last, count, bytes, before, after)
** -> body, first, last, count, revision | nil, what, why */
static int read_batch (lua_State *L) {
  handle *h = check(L);
  store_batch batch;
  store_status status;
  int count = (int)luaL_checknumber(L, 4);
  size_t most = (size_t)luaL_checknumber(L, 5);
  store_text before = check_text(L, 6), after = check_text(L, 7);
  check_batch(L, 2, &batch);
  if (h->s == NULL)
    return is_closed(L);
  h->body.size = h->revision.size = 0;
  if (!buffer_add(&h->body, before.data, before.size))
    return luaL_error(L, "not enough memory");
  status = store_read(h->s, &batch, count, most, &h->body, &h->revision);
  if (status != STORE_OK)
    return answer(L, h, status);
  if (!buffer_add(&h->body, after.data, after.size))
    return luaL_error(L, "not enough memory");
  push_buffer(L, &h->body);
  buffer_free(&h->body); /* megabytes, at times */
  lua_pushinteger(L, (lua_Integer)batch.first);
  lua_pushinteger(L, (lua_Integer)batch.last);
  lua_pushinteger(L, batch.count);
  push_buffer(L, &h->revision);
  return 5;
}


/* s:first(first, last) -> id, unique_id, revision, milliseconds, payload
** | nil, what, why */
static int first_row (lua_State *L) {
  handle *h = check(L);
  store_batch batch;
  store_row row;
  store_status status;
  check_batch(L, 2, &batch);
  if (h->s == NULL)
    return is_closed(L);
  status = store_first(h->s, &batch, &row);
  if (status == STORE_OK) {
    lua_pushinteger(L, (lua_Integer)row.id);
    push_text(L, row.unique_id);
    push_text(L, row.revision);
    lua_pushnumber(L, (lua_Number)row.time);
    push_text(L, row.payload);
  }
  store_rest(h->s);
  return status == STORE_OK ? 5 : answer(L, h, status);
}


/* s:drop(first, last) -> true | nil, what, why */
static int drop (lua_State *L) {
  handle *h = check(L);
  store_batch batch;
  check_batch(L, 2, &batch);
  if (h->s == NULL)
    return is_closed(L);
  return answer(L, h, store_drop(h->s, &batch));
}


/* s:deliver(count): the service has 'count' rows, to be dropped later */
static int deliver (lua_State *L) {
  handle *h = check(L);
  int64_t count = check_id(L, 2);
  if (h->s != NULL)
    store_deliver(h->s, count);
  return 0;
}


/* s:newest() -> the last id, 0 for none | nil, what, why */
static int newest (lua_State *L) {
  handle *h = check(L);
  store_status status;
  int64_t id = 0;
  if (h->s == NULL)
    return is_closed(L);
  status = store_newest(h->s, &id);
  return answer_integer(L, h, status, id);
}


/* s:nth(first, last, index) -> id | nil, what, why */
static int nth (lua_State *L) {
  handle *h = check(L);
  store_batch batch;
  store_status status;
  int64_t id = 0;
  int index = (int)luaL_checknumber(L, 4);
  check_batch(L, 2, &batch);
  if (h->s == NULL)
    return is_closed(L);
  status = store_nth(h->s, &batch, index, &id);
  return answer_integer(L, h, status, id);
}


/* s:reject(id, reason) -> true | nil, what, why */
static int reject_row (lua_State *L) {
  handle *h = check(L);
  int64_t id = check_id(L, 2);
  store_text reason = check_text(L, 3);
  if (h->s == NULL)
    return is_closed(L);
  return answer(L, h, store_reject(h->s, id, reason));
}


/* Rejected events, readable without the slot --------------------------------*/

/* store.peek(base) -> rejected | nil, what, why */
static int peek (lua_State *L) {
  const char *base = luaL_checkstring(L, 1);
  store_status status;
  char why[WHY_SIZE];
  rejected **r = lua_newuserdata(L, sizeof(*r));
  *r = NULL;
  luaL_getmetatable(L, REJECTED);
  lua_setmetatable(L, -2);
  *r = rejected_open(base, false, &status, why, sizeof(why));
  return *r != NULL ? 1 : l_store_fail(L, status, why);
}


static void push_row (lua_State *L, const store_row *row) {
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)row->id);
  lua_setfield(L, -2, "id");
  push_text(L, row->unique_id);
  lua_setfield(L, -2, "unique_id");
  push_text(L, row->revision);
  lua_setfield(L, -2, "revision");
  lua_pushnumber(L, (lua_Number)row->time / 1000);
  lua_setfield(L, -2, "time");
  push_text(L, row->payload);
  lua_setfield(L, -2, "payload");
  push_text(L, row->reason);
  lua_setfield(L, -2, "reason");
}


/* r:next(after) -> {id =, unique_id =, revision =, time = (seconds),
** payload =, reason =} | nil, what, why */
static int next_rejected (lua_State *L) {
  rejected *r = *(rejected **)luaL_checkudata(L, 1, REJECTED);
  int64_t after = check_id(L, 2);
  store_row row;
  store_status status;
  if (r == NULL)
    return is_closed(L);
  status = rejected_next(r, after, &row);
  if (status != STORE_OK)
    return l_store_fail(L, status,
                        status == STORE_NONE ? NONE : rejected_message(r));
  push_row(L, &row);
  rejected_rest(r);
  return 1;
}


static int close_rejected (lua_State *L) {
  rejected **self = luaL_checkudata(L, 1, REJECTED);
  rejected *r = *self;
  *self = NULL;
  rejected_close(r);
  return 0;
}


/* s:waiting() -> how many events; 0 once it is closed */
static int waiting (lua_State *L) {
  const handle *h = check(L);
  lua_pushinteger(L, h->s != NULL ? (lua_Integer)store_waiting(h->s) : 0);
  return 1;
}


/* Pushes the path of a file of the slot whose base is the first argument, and
** returns it. */
static const char *push_path (lua_State *L, const char *suffix) {
  lua_pushvalue(L, 1);
  lua_pushstring(L, suffix);
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}


/* store.size(base) -> bytes of its files. It does not open them: that would end
** the locks of this process once they are closed. */
static int files_size (lua_State *L) {
  static const char *const suffixes[] = {".db", ".db-wal"};
  lua_Number sum = 0;
  size_t i;
  luaL_checkstring(L, 1);
  for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
    struct stat about;
    if (stat(push_path(L, suffixes[i]), &about) == 0)
      sum += (lua_Number)about.st_size;
  }
  lua_pushnumber(L, sum);
  return 1;
}


/* store.waiting(base) -> the number of waiting events noted last, and the time
** of the oldest in milliseconds or nil, whichever process holds the slot | nil:
** there is no such slot */
static int noted (lua_State *L) {
  slot_figures figures = {0, 0};
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (!slot_noted(push_path(L, ".lock"), &figures)) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)figures.waiting);
  if (figures.oldest > 0)
    lua_pushnumber(L, (lua_Number)figures.oldest);
  else
    lua_pushnil(L);
  return 2;
}


/* s:bytes() -> what of the file is in use | nil, what, why */
static int bytes (lua_State *L) {
  handle *h = check(L);
  int64_t size = 0;
  store_status status;
  if (h->s == NULL)
    return is_closed(L);
  status = store_bytes(h->s, &size);
  return answer_integer(L, h, status, size);
}


/* s:shrink() -> true | nil, what, why */
static int shrink (lua_State *L) {
  handle *h = check(L);
  if (h->s == NULL)
    return is_closed(L);
  return answer(L, h, store_shrink(h->s));
}


static int close_store (lua_State *L) {
  handle *h = check(L);
  store *s = h->s;
  h->s = NULL;
  store_close(s);
  buffer_free(&h->body);
  buffer_free(&h->revision);
  return 0;
}


/* Called when the program did not close the store. */
static int collect (lua_State *L) {
  const handle *h = check(L);
  if (h->s != NULL)
    store_report(h->s);
  return close_store(L);
}


typedef struct function {
  const char *name;
  lua_CFunction call;
} function;


static void set_functions (lua_State *L, const function *list, size_t count) {
  size_t i;
  for (i = 0; i < count; i++) {
    lua_pushcfunction(L, list[i].call);
    lua_setfield(L, -2, list[i].name);
  }
}


static void set_class (lua_State *L, const char *class, const function *list,
                       size_t count) {
  luaL_newmetatable(L, class);
  set_functions(L, list, count);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}


OPEN_API int luaopen_klaviyo_outbox_store (lua_State *L);

OPEN_API int luaopen_klaviyo_outbox_store (lua_State *L) {
  static const function methods[] = {
      {"add", add},           {"read", read_batch}, {"first", first_row},
      {"drop", drop},         {"nth", nth},         {"newest", newest},
      {"renew", renew},       {"deliver", deliver}, {"reject", reject_row},
      {"waiting", waiting},   {"bytes", bytes},     {"shrink", shrink},
      {"close", close_store}, {"__gc", collect},
  };
  static const function looks[] = {
      {"next", next_rejected},
      {"close", close_rejected},
      {"__gc", close_rejected},
  };
  static const function functions[] = {
      {"open", open_store}, {"peek", peek},       {"make_folder", make_folder},
      {"waiting", noted},   {"size", files_size},
  };
  set_class(L, STORE, methods, sizeof(methods) / sizeof(methods[0]));
  set_class(L, REJECTED, looks, sizeof(looks) / sizeof(looks[0]));
  lua_newtable(L);
  set_functions(L, functions, sizeof(functions) / sizeof(functions[0]));
  register_tokens(L);
  register_holder(L);
  lua_pushstring(L, sqlite3_libversion());
  lua_setfield(L, -2, "sqlite");
  set_build(L);
  keep_loaded();
  return 1;
}
