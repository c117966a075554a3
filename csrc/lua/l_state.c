/*
** lua/l_state.c - core.states: the number of Lua states of this process that
** have loaded the core.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#define STATE "klaviyo.state"

static int loaded;


static int l_state_gc (lua_State *L) {
  bool *counted = luaL_checkudata(L, 1, STATE);
  if (*counted)
    __atomic_sub_fetch(&loaded, 1, __ATOMIC_RELAXED);
  *counted = false;
  return 0;
}


/* core.states() -> integer. In nginx each worker has one, and one more for each
** request if lua_code_cache is off. */
static int l_states (lua_State *L) {
  lua_pushinteger(L, __atomic_load_n(&loaded, __ATOMIC_RELAXED));
  return 1;
}


void register_state (lua_State *L) {
  static const function class[] = {{"__gc", l_state_gc}, {NULL, NULL}};
  static const function functions[] = {{"states", l_states}, {NULL, NULL}};
  bool *counted;
  binding_class(L, STATE, class);
  binding_functions(L, functions);
  counted = binding_new(L, STATE, sizeof(*counted));
  *counted = true;
  __atomic_add_fetch(&loaded, 1, __ATOMIC_RELAXED);
  lua_setfield(L, LUA_REGISTRYINDEX, STATE ".counted");
}
