/*
** lua/l_folder.c - core.make_folder: creates a folder for its owner only.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define OWNER_ONLY 0700 /* S_IRWXU */


/* core.make_folder(path) -> true (also if it exists) | nil, message. */
static int l_make_folder (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (mkdir(path, OWNER_ONLY) != 0 && errno != EEXIST)
    return binding_refuse(L, strerror(errno));
  lua_pushboolean(L, true);
  return 1;
}


void register_folder (lua_State *L) {
  static const function functions[] = {{"make_folder", l_make_folder},
                                       {NULL, NULL}};
  binding_functions(L, functions);
}
