/*
** lua/l_file_lock.c - core.file_lock: an exclusive lock on a file, between
** processes and within one.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_lock.h"

#define FILE_LOCK "klaviyo.file_lock"
#define OWNER_ONLY 0600 /* S_IRUSR | S_IWUSR */

typedef struct file_lock {
  int fd;
  bool open;
} file_lock;


static int l_file_lock_release (lua_State *L) {
  file_lock *lock = luaL_checkudata(L, 1, FILE_LOCK);
  if (lock->open) {
    lock->open = false;
    close(lock->fd);
  }
  return 0;
}


/*
** lock:restrict() -> true | nil, message. Makes the file readable and writable
** by its owner only.
*/
static int l_file_lock_restrict (lua_State *L) {
  file_lock *lock = luaL_checkudata(L, 1, FILE_LOCK);
  struct stat info;
  luaL_argcheck(L, lock->open, 1, "released");
  if (fstat(lock->fd, &info) != 0)
    return binding_refuse(L, strerror(errno));
  if (S_ISREG(info.st_mode) && (info.st_mode & 0777) != OWNER_ONLY &&
      fchmod(lock->fd, OWNER_ONLY) != 0)
    return binding_refuse(L, strerror(errno));
  lua_pushboolean(L, true);
  return 1;
}


/*
** core.file_lock(path) -> lock | nil, nil (already locked) | nil, message.
** Creates the file if it does not exist. On a file system without locks every
** call succeeds.
*/
static int l_file_lock (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  file_lock *lock = binding_new(L, FILE_LOCK, sizeof(*lock));
  lock->fd = file_lock_open(path, true);
  if (lock->fd < 0)
    return binding_refuse(L, strerror(errno));
  lock->open = true;
  if (!file_lock_take(lock->fd, 0) && errno == EWOULDBLOCK) {
    lock->open = false;
    close(lock->fd);
    lua_pushnil(L);
  }
  return 1;
}


void register_file_lock (lua_State *L) {
  static const function class[] = {{"__gc", l_file_lock_release},
                                   {"release", l_file_lock_release},
                                   {"restrict", l_file_lock_restrict},
                                   {NULL, NULL}};
  static const function functions[] = {{"file_lock", l_file_lock},
                                       {NULL, NULL}};
  binding_class(L, FILE_LOCK, class);
  binding_functions(L, functions);
}
