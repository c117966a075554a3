/*
** lua_lane.c - core.budget and core.lane: what requests wait for.
*/
#include "binding.h"

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


lane *check_lane (lua_State *L, int index) {
  lane **self = luaL_checkudata(L, index, LANE);
  if (*self == NULL)
    luaL_error(L, "the lane is closed");
  return *self;
}


static uint32_t limit (lua_State *L, const char *name) {
  lua_Number n;
  lua_getfield(L, -1, name);
  n = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return n >= 1 && n < 1e9 ? (uint32_t)n : 0;
}


static void add_bucket (lua_State *L, lane *l) {
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
  b.limit[0] = limit(L, "second");
  b.limit[1] = limit(L, "minute");
  b.limit[2] = limit(L, "day");
  if (!lane_add_bucket(l, &b))
    luaL_error(L, "a lane has no more than %d limits", LANE_BUCKETS);
}


/*
** core.lane(origin, budget | nil, {{name =, second =, minute =, day =,
** fixed = (the service's answers tell nothing of it)}, ...}) -> lane. The
** name of a limit is the account's and the operation's: the same name, the
** same count, in all processes that share the budget.
*/
static int lane_make (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lane **self;
  int i;
  lua_settop(L, 3);
  self = binding_new(L, LANE, sizeof(*self));
  *self = lane_new(name);
  if (*self == NULL)
    return binding_no_memory(L);
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


/* core.user() -> the number of the user whose files these are */
static int user (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}


static int lane_free (lua_State *L) {
  lane **self = luaL_checkudata(L, 1, LANE);
  lane_release(*self);
  *self = NULL;
  return 0;
}


void open_lane (lua_State *L) {
  static const function budget_class[] = {{"__gc", budget_free},
                                          {NULL, NULL}};
  static const function lane_class[] = {{"__gc", lane_free}, {NULL, NULL}};
  static const function functions[] = {
    {"budget", budget_make}, {"lane", lane_make}, {"user", user}, {NULL, NULL}
  };
  binding_class(L, BUDGET, budget_class);
  binding_class(L, LANE, lane_class);
  binding_functions(L, functions);
}
