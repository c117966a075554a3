/*
** fork.c - functions that Lua does not have, for specs of what becomes of a
** child.
*/
#include <lauxlib.h>
#include <lua.h>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((visibility("default"))) int luaopen_spec_fork (lua_State *L);


/* fork() -> the child's number; in the child 0 */
static int do_fork (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fork());
  return 1;
}


/* wait(child) -> its exit status; nil where a signal ended it */
static int do_wait (lua_State *L) {
  int status = -1;
  pid_t child = (pid_t)luaL_checkinteger(L, 1);
  while (waitpid(child, &status, 0) < 0)
    ;
  if (WIFEXITED(status))
    lua_pushinteger(L, WEXITSTATUS(status));
  else
    lua_pushnil(L);
  return 1;
}


/* leave(status): ends at once, without a word to anybody */
static int do_leave (lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
  return 0;
}


int luaopen_spec_fork (lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, do_fork);
  lua_setfield(L, -2, "fork");
  lua_pushcfunction(L, do_wait);
  lua_setfield(L, -2, "wait");
  lua_pushcfunction(L, do_leave);
  lua_setfield(L, -2, "leave");
  return 1;
}
