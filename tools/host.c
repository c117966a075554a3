/*
** A minimal Lua interpreter, to be compiled with sanitizers: they must be part
** of the program, since preloading them would affect every child process.
** Closes its state, so that memory which remains is a leak.
**
**   host [-e chunk] [script [argument ...]]
*/

#include <stdio.h>
#include <string.h>

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

/* Read by LeakSanitizer. glibc's setlocale does not free what it makes of the
** environment variable LOCPATH. */
const char *__lsan_default_suppressions (void);

const char *__lsan_default_suppressions (void) {
  return "leak:__argz_add_sep\n";
}


static int traceback (lua_State *L) {
  if (!lua_isstring(L, 1)) {
    lua_getglobal(L, "tostring");
    lua_insert(L, 1);
    lua_call(L, 1, 1);
  }
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "traceback");
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 2);
  lua_call(L, 2, 1);
  return 1;
}


/* calls the chunk on the top, loaded with this status */
static int run (lua_State *L, int status, int arguments) {
  if (status == 0) {
    int base = lua_gettop(L) - arguments;
    lua_pushcfunction(L, traceback);
    lua_insert(L, base);
    status = lua_pcall(L, arguments, 0, base);
    lua_remove(L, base);
  }
  if (status != 0) {
    const char *message = lua_tostring(L, -1);
    fprintf(stderr, "%s\n", message ? message : "(no message)");
  }
  return status;
}


static int script (lua_State *L, char **argv, int from, int argc) {
  int i, status;
  lua_createtable(L, argc - from, from + 1);
  for (i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - from);
  }
  lua_setglobal(L, "arg");
  status = luaL_loadfile(L, strcmp(argv[from], "-") ? argv[from] : NULL);
  luaL_checkstack(L, argc - from + 2, "too many arguments");
  if (status == 0)
    for (i = from + 1; i < argc; i++)
      lua_pushstring(L, argv[i]);
  return run(L, status, status == 0 ? argc - from - 1 : 0);
}


int main (int argc, char **argv) {
  int status = 0;
  int i = 1;
  lua_State *L = luaL_newstate();
  if (L == NULL)
    return 1;
  luaL_openlibs(L);
  while (status == 0 && i + 1 < argc && strcmp(argv[i], "-e") == 0) {
    status = run(L, luaL_loadstring(L, argv[i + 1]), 0);
    i += 2;
  }
  if (status == 0 && i < argc)
    status = script(L, argv, i, argc);
  lua_close(L);
  return status != 0;
}
