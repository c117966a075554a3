/*
** lua/l_folder.c - folders, and files for their owner only.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/private_file.h"

#define FOLDER "klaviyo.folder"
#define OWNER_ONLY 0700 /* S_IRWXU */


/* core.make_folder(path) -> true (also if it exists) | nil, message. */
static int l_make_folder (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (mkdir(path, OWNER_ONLY) != 0 && errno != EEXIST)
    return binding_refuse(L, strerror(errno));
  lua_pushboolean(L, true);
  return 1;
}


static int l_folder_close (lua_State *L) {
  DIR **folder = luaL_checkudata(L, 1, FOLDER);
  if (*folder != NULL)
    closedir(*folder);
  *folder = NULL;
  return 0;
}


/* core.list_folder(path) -> the names in it, in no order | nil, message. */
static int l_list_folder (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  DIR **folder = binding_new(L, FOLDER, sizeof(DIR *));
  struct dirent *entry;
  int n = 0;
  *folder = opendir(path);
  if (*folder == NULL)
    return binding_refuse(L, strerror(errno));
  lua_newtable(L);
  while ((entry = readdir(*folder)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      lua_pushstring(L, entry->d_name);
      lua_rawseti(L, -2, ++n);
    }
  }
  closedir(*folder);
  *folder = NULL;
  return 1;
}


/* core.write_private_file(path, bytes) -> true | nil, message. Replaces the
** file in one step. */
static int l_write_private_file (lua_State *L) {
  size_t size;
  const char *path = luaL_checkstring(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (!private_file_write(path, bytes, size))
    return binding_refuse(L, strerror(errno));
  lua_pushboolean(L, true);
  return 1;
}


/* core.remove_leftover(path) -> whether it removed the file. A process left it
** behind that was killed while it wrote a private file. */
static int l_remove_leftover (lua_State *L) {
  lua_pushboolean(L, private_file_remove_leftover(luaL_checkstring(L, 1)));
  return 1;
}


/* core.file_stamp(path) -> a text that differs if the file or the folder was
** replaced or changed in another second, and the second of its last change; or
** nil, message. */
static int l_file_stamp (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat status;
  char stamp[128];
  if (stat(path, &status) != 0)
    return binding_refuse(L, strerror(errno));
  (void)snprintf(stamp, sizeof(stamp), "%ju %ju %jd %jd",
                 (uintmax_t)status.st_dev, (uintmax_t)status.st_ino,
                 (intmax_t)status.st_size, (intmax_t)status.st_mtime);
  lua_pushstring(L, stamp);
  lua_pushnumber(L, (lua_Number)status.st_mtime);
  return 2;
}


void register_folder (lua_State *L) {
  static const function class[] = {{"__gc", l_folder_close}, {NULL, NULL}};
  static const function functions[] = {
      {"make_folder", l_make_folder},
      {"list_folder", l_list_folder},
      {"write_private_file", l_write_private_file},
      {"remove_leftover", l_remove_leftover},
      {"file_stamp", l_file_stamp},
      {NULL, NULL}};
  binding_class(L, FOLDER, class);
  binding_functions(L, functions);
}
