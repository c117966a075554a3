/*
** lua/l_ratelimit.c - core.budget and core.request_queue: what requests wait
** for.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <unistd.h>

#define BUDGET "klaviyo.budget"
#define LANE "klaviyo.lane"


/* core.budget(path | nil, shared) -> budget | nil, why */
static int budget_make (lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  const char *why;
  budget **self = binding_new(L, BUDGET, sizeof(*self));
  *self = budget_open(path, lua_toboolean(L, 2), &why);
  if (*self == NULL)
    return binding_refuse(L, why);
  return 1;
}


static int budget_free (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  budget_release(*self);
  *self = NULL;
  return 0;
}


/* budget:problem() -> why the file could not be shared, or nil */
static int budget_why (lua_State *L) {
  budget **self = luaL_checkudata(L, 1, BUDGET);
  lua_pushstring(L, *self != NULL ? budget_problem(*self) : NULL);
  return 1;
}


/* core.budget_problems() -> how many budgets have one */
static int problems (lua_State *L) {
  lua_pushinteger(L, budget_problems());
  return 1;
}


request_queue *check_request_queue (lua_State *L, int index) {
  request_queue **self = luaL_checkudata(L, index, LANE);
  if (*self == NULL)
    luaL_error(L, "the lane is closed");
  return *self;
}


static uint32_t limit_field (lua_State *L, const char *name) {
  lua_Number n;
  lua_getfield(L, -1, name);
  n = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return n >= 1 && n < 1e9 ? (uint32_t)n : 0;
}


static void add_bucket (lua_State *L, request_queue *l) {
  bucket b;
  size_t size;
  const char *name;
  lua_getfield(L, -1, "name");
  name = luaL_checklstring(L, -1, &size);
  b.key = bytes_hash(name, size);
  lua_pop(L, 1);
  lua_getfield(L, -1, "fixed");
  b.fixed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  b.limit[0] = limit_field(L, "second");
  b.limit[1] = limit_field(L, "minute");
  b.limit[2] = limit_field(L, "day");
  if (!request_queue_add_bucket(l, &b))
    luaL_error(L, "a lane has no more than %d limits", MAX_BUCKETS);
}


/*
** core.request_queue(origin, budget | nil, {{name =, second =, minute =, day =,
** fixed = (the service's answers tell nothing of it)}, ...}, background)
** -> lane. The name of a limit is the account's and the operation's: the
** same name, the same count, in all processes that share the budget. In a
** background lane is what nobody waits for.
*/
static int l_request_queue (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  request_queue **self;
  int i;
  lua_settop(L, 4);
  self = binding_new(L, LANE, sizeof(*self));
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
** lane:take() -> when | nil, seconds. For who sends requests by other means:
** takes one from each limit now, or tells after what time to ask again.
*/
static int l_budget_take (lua_State *L) {
  request_queue *l = check_request_queue(L, 1);
  int64_t now = budget_now(l->budget);
  int64_t wait = 0;
  if (l->budget != NULL)
    wait = budget_take(l->budget, l->buckets, l->bucket_count, now);
  if (wait > 0) {
    lua_pushnil(L);
    lua_pushnumber(L, (lua_Number)wait / 1000);
    return 2;
  }
  lua_pushnumber(L, (lua_Number)now);
  return 1;
}


/*
** lane:settle(when, status | nil, header fields | nil): what was taken then
** has come to its end, and this is what the answer tells of the limits.
*/
static int l_budget_learn (lua_State *L) {
  request_queue *l = check_request_queue(L, 1);
  int64_t now = request_queue_renew(l, (int64_t)luaL_checknumber(L, 2));
  lua_Number status = luaL_optnumber(L, 3, 0);
  size_t size;
  const char *block = luaL_optlstring(L, 4, "", &size);
  long retry_after = headers_retry_after(block, size);
  rate_limit limit;
  if (l->budget == NULL || l->bucket_count == 0)
    return 0;
  if (status == 429 && retry_after >= 0)
    budget_block(l->budget, &l->buckets[0], now, (int64_t)retry_after * 1000);
  else if (headers_rate_limit(block, size, &limit))
    budget_learn(l->budget, l->buckets, l->bucket_count, &limit, now);
  return 0;
}


/* core.user() -> the number of the user whose files these are */
static int user (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}


static int l_request_queue_gc (lua_State *L) {
  request_queue **self = luaL_checkudata(L, 1, LANE);
  request_queue_release(*self);
  *self = NULL;
  return 0;
}


void register_ratelimit (lua_State *L) {
  static const function budget_class[] = {
      {"__gc", budget_free}, {"problem", budget_why}, {NULL, NULL}};
  static const function lane_class[] = {{"__gc", l_request_queue_gc},
                                        {"take", l_budget_take},
                                        {"settle", l_budget_learn},
                                        {NULL, NULL}};
  static const function functions[] = {{"budget", budget_make},
                                       {"budget_problems", problems},
                                       {"request_queue", l_request_queue},
                                       {"user", user},
                                       {NULL, NULL}};
  binding_class(L, BUDGET, budget_class);
  binding_class(L, LANE, lane_class);
  binding_functions(L, functions);
}
