/*
** lua/hook.h - lets a signal's hook run in a coroutine that waits.
*/
#ifndef KLAVIYO_HOOK_H
#define KLAVIYO_HOOK_H

#include <lua.h>

/* The standalone interpreter of PUC-Rio handles SIGINT by a hook on the main
** thread only, so that a coroutine would not see it. */
static inline void copy_hook (lua_State *L) {
#if defined(LUA_RIDX_MAINTHREAD)
  lua_State *main;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main = lua_tothread(L, -1);
  lua_pop(L, 1);
  if (main != NULL && main != L && lua_gethook(main) != NULL &&
      lua_gethook(L) == NULL)
    lua_sethook(L, lua_gethook(main), lua_gethookmask(main),
                lua_gethookcount(main));
#else
  (void)L;
#endif
}

#endif
