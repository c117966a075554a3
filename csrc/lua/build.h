/*
** lua/build.h - what every luaopen function does: it says which version of the
** sources and of Lua the shared object was built for, which
** lua/klaviyo/util/shared_object.lua reads, and keeps the object loaded.
*/
#ifndef KLAVIYO_LUA_BUILD_H
#define KLAVIYO_LUA_BUILD_H

#include <dlfcn.h>

#include <lua.h>
#include <lauxlib.h>

/* Of a luaopen function: LUALIB_API alone does not make a symbol visible with
** LuaJIT's headers. */
#if defined(__GNUC__)
#define OPEN_API __attribute__((visibility("default"))) LUALIB_API
#else
#define OPEN_API LUALIB_API
#endif

/* PUC-Rio's 5.1 is refused when it runs: LuaJIT loads what is built for it. */
#if LUA_VERSION_NUM == 502
#error "klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT 2.1, not Lua 5.2"
#endif

/* The Makefile passes the version that lua/klaviyo/version.lua returns. */
#if !defined(KLAVIYO_VERSION)
#error "KLAVIYO_VERSION is not defined: build with make"
#endif

/* Also searched for in the file itself if it cannot be loaded. */
#define BUILT_FOR "klaviyo: built for " LUA_VERSION

/* Lua unloads a shared object when the last state that loaded it is closed.
** This one must stay: a thread of it may still run, the process calls its exit
** handlers, and libcurl cannot be unloaded safely. Linkers have different flags
** for this, or none; dlopen works on each system. */
static void keep_loaded (void) {
  static const char here = 0; /* an address in this object */
  Dl_info object;
  if (dladdr(&here, &object) != 0)
    dlopen(object.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}


/* Sets `version` and `built_for` in the table on the top. */
static void set_build (lua_State *L) {
  lua_pushstring(L, KLAVIYO_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, BUILT_FOR);
  lua_setfield(L, -2, "built_for");
}

#endif
