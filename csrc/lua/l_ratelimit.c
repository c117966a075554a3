/*
** lua/l_ratelimit.c - core.budget and core.request_queue: rate limits, and the
** queues of requests under them.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/engine.h"
#include "http/loop_clients.h"
#include "metrics/metrics.h"

#define BUDGET "klaviyo.budget"
#define REQUEST_QUEUE "klaviyo.lane"


/*
** core.budget(path | nil, group, source | nil) -> budget | nil, message. Opens
** the file of rate limits, or counts in this process only if the path is nil.
** The source, a light userdata, shares them with other machines; see
** ratelimit/lease_source.h.
*/
static int l_budget (lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  const char *why;
  budget **self;
  lua_settop(L, 3);
  self = binding_new(L, BUDGET, sizeof(*self));
  *self = budget_open(path, lua_toboolean(L, 2), &why);
  if (*self == NULL)
    return binding_refuse(L, why);
  if (!lua_isnil(L, 3)) {
    lease_source *source = lua_touserdata(L, 3);
    if (source == NULL || source->version != LEASE_SOURCE_VERSION)
      return binding_refuse(L, "the source is not of this version");
    if (!budget_set_source(*self, source, loop_clients_lease_core()))
      return binding_no_memory(L);
  }
  return 1;
}


static int l_budget_gc (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  budget_release(*self);
  *self = NULL;
  return 0;
}


/* budget:problem() -> why the file could not be used | nil */
static int l_budget_problem (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  lua_pushstring(L, *self != NULL ? budget_problem(*self) : NULL);
  return 1;
}


/* budget:check() -> true | nil, why the file cannot be locked now */
static int l_budget_check (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  const char *why = "the budget is closed";
  if (*self == NULL || !budget_check(*self, &why))
    return binding_refuse(L, why);
  lua_pushboolean(L, 1);
  return 1;
}


/* core.budget_problems() -> number of budgets with a problem */
static int l_budget_problems (lua_State *L) {
  lua_pushinteger(L, budget_problems());
  return 1;
}


static uint32_t limit_field (lua_State *L, const char *name) {
  lua_Number n;
  lua_getfield(L, -1, name);
  n = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return n >= 1 && n < 1e9 ? (uint32_t)n : 0;
}


/* Returns the key of the limit on top of the stack: that of its name, or 'key'
** as core.metrics returns it. */
static uint64_t check_key (lua_State *L) {
  uint64_t key;
  size_t size;
  const char *text;
  lua_getfield(L, -1, "key");
  text = lua_tolstring(L, -1, &size);
  if (text != NULL && size == sizeof(key)) {
    memcpy(&key, text, size);
    lua_pop(L, 1);
    return key;
  }
  lua_getfield(L, -2, "name");
  text = luaL_checklstring(L, -1, &size);
  key = bytes_hash(text, size);
  lua_pop(L, 2);
  return key;
}


/* Reads the limit on top of the stack. */
static bucket check_bucket (lua_State *L) {
  bucket b;
  b.key = check_key(L);
  lua_getfield(L, -1, "fixed");
  b.fixed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  b.limit[0] = limit_field(L, "second");
  b.limit[1] = limit_field(L, "minute");
  b.limit[2] = limit_field(L, "day");
  return b;
}


/* core.limit_key(limit) -> the key of a limit, in 16 hexadecimal digits */
static int l_limit_key (lua_State *L) {
  char text[20];
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  (void)snprintf(text, sizeof(text), "%016llx",
                 (unsigned long long)check_key(L));
  lua_pushstring(L, text);
  return 1;
}


static void set_window (lua_State *L, const usage_state *state, int i) {
  lua_createtable(L, 0, 4);
  lua_pushnumber(L, (lua_Number)state->windows[i].length / 1000);
  lua_setfield(L, -2, "seconds");
  lua_pushinteger(L, (lua_Integer)state->windows[i].limit);
  lua_setfield(L, -2, "limit");
  lua_pushinteger(L, (lua_Integer)state->windows[i].used);
  lua_setfield(L, -2, "used");
  lua_pushinteger(L, (lua_Integer)state->windows[i].others);
  lua_setfield(L, -2, "others");
}


/*
** budget:usage(limit) -> {{seconds =, limit =, used =, others =}, ...}, wait |
** nil. The limit is one as of core.request_queue. Returns the windows that have
** a limit, and the seconds until another request fits; nil if nothing can be
** read.
*/
static int l_budget_usage (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  usage_state state;
  bucket b;
  int i, n = 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  b = check_bucket(L);
  if (*self == NULL || !budget_describe(*self, &b, budget_now(*self), &state)) {
    lua_pushnil(L);
    return 1;
  }
  lua_newtable(L);
  for (i = 0; i < BUDGET_WINDOWS; i++)
    if (state.windows[i].limit != 0) {
      set_window(L, &state, i);
      lua_rawseti(L, -2, ++n);
    }
  lua_pushnumber(L, (lua_Number)state.wait / 1000);
  return 2;
}


request_queue *check_request_queue (lua_State *L, int index) {
  request_queue **self = luaL_checkudata(L, index, REQUEST_QUEUE);
  if (*self == NULL)
    luaL_error(L, "the request queue is closed");
  return *self;
}


static void add_bucket (lua_State *L, request_queue *q) {
  bucket b = check_bucket(L);
  if (!request_queue_add_bucket(q, &b))
    luaL_error(L, "a request queue has at most %d limits", MAX_BUCKETS);
}


/*
** core.request_queue(origin, budget | nil, {{name =, second =, minute =, day =,
** fixed = (not reported by the service)}, ...}, background) -> queue. The name
** of a limit identifies account and operation: all processes that share the
** budget count limits of one name together. A background queue is for requests
** whose outcome no caller waits for.
*/
static int l_request_queue (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  request_queue **self;
  int i;
  lua_settop(L, 4);
  self = binding_new(L, REQUEST_QUEUE, sizeof(*self));
  *self = request_queue_new(name);
  if (*self == NULL)
    return binding_no_memory(L);
  (*self)->background = lua_toboolean(L, 4);
  if (!lua_isnil(L, 2)) {
    budget **b = luaL_checkudata(L, 2, BUDGET);
    if (*b == NULL)
      return luaL_error(L, "the budget is closed");
    (*self)->budget = budget_share(*b);
  }
  for (i = 1; lua_istable(L, 3); i++) {
    lua_rawgeti(L, 3, i);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      break;
    }
    add_bucket(L, *self);
    lua_pop(L, 1);
  }
  return 1;
}


/*
** queue:take() -> time | nil, seconds. For callers that send requests by other
** means: counts one request against each limit, or returns how long to wait
** before the next try.
*/
static int l_request_queue_take (lua_State *L) {
  request_queue *q = check_request_queue(L, 1);
  int64_t now = budget_now(q->budget);
  int64_t wait = 0;
  if (q->budget != NULL) {
    engine_share_limits(q->budget);
    wait = budget_take(q->budget, q->buckets, q->bucket_count, now);
  }
  if (wait > 0) {
    lua_pushnil(L);
    lua_pushnumber(L, (lua_Number)wait / 1000);
    return 2;
  }
  lua_pushnumber(L, (lua_Number)now);
  return 1;
}


/*
** queue:finish(time, status | nil, header block | nil). Reports the end of a
** request that queue:take counted, with the rate limits of its response.
*/
static int l_request_queue_finish (lua_State *L) {
  request_queue *q = check_request_queue(L, 1);
  int64_t then = (int64_t)luaL_checknumber(L, 2);
  long status = (long)luaL_optnumber(L, 3, 0);
  size_t size;
  const char *block = luaL_optlstring(L, 4, "", &size);
  request_queue_finish(q, then, status, block, size);
  return 0;
}


/*
** core.metrics_limit(limit, operation, path). Adds a limit, as of
** core.request_queue, to those that a scrape reads. The operation is its
** number; the path is that of the file that counts the limit.
*/
static int l_metrics_limit (lua_State *L) {
  metrics_limit limit;
  bucket b;
  size_t size;
  const char *path = luaL_checklstring(L, 3, &size);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!metrics_on())
    return luaL_error(L, "the metrics are not started");
  lua_pushvalue(L, 1);
  b = check_bucket(L);
  memset(&limit, 0, sizeof(limit));
  limit.key = b.key;
  memcpy(limit.limit, b.limit, sizeof(limit.limit));
  limit.operation = (int)luaL_checkinteger(L, 2);
  limit.file = metrics_file(path, size);
  if (limit.file >= 0 && metrics_is_operation(limit.operation))
    metrics_add_limit(&limit);
  return 0;
}


/* core.user() -> effective user id */
static int l_user (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}


static int l_request_queue_gc (lua_State *L) {
  request_queue **self = luaL_checkudata(L, 1, REQUEST_QUEUE);
  request_queue_release(*self);
  *self = NULL;
  return 0;
}


void register_ratelimit (lua_State *L) {
  static const function budget_class[] = {{"__gc", l_budget_gc},
                                          {"check", l_budget_check},
                                          {"problem", l_budget_problem},
                                          {"usage", l_budget_usage},
                                          {NULL, NULL}};
  static const function queue_class[] = {{"__gc", l_request_queue_gc},
                                         {"take", l_request_queue_take},
                                         {"finish", l_request_queue_finish},
                                         {NULL, NULL}};
  static const function functions[] = {{"budget", l_budget},
                                       {"budget_problems", l_budget_problems},
                                       {"limit_key", l_limit_key},
                                       {"request_queue", l_request_queue},
                                       {"metrics_limit", l_metrics_limit},
                                       {"user", l_user},
                                       {NULL, NULL}};
  binding_class(L, BUDGET, budget_class);
  binding_class(L, REQUEST_QUEUE, queue_class);
  binding_functions(L, functions);
}
