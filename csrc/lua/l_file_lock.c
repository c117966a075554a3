/*
** lua/l_file_lock.c - core.file_lock: an exclusive lock on a file, between
** processes and within one.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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


/* Opens or creates the file. A new file belongs to its owner only, under any
** umask. */
static int open_file (const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, OWNER_ONLY);
  if (fd >= 0)
    (void)fchmod(fd, OWNER_ONLY);
  else if (errno == EEXIST)
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ONLY);
  return fd;
}


/*
** core.file_lock(path) -> lock | nil, nil (already locked) | nil, message.
** Creates the file if it does not exist. On a file system without locks every
** call succeeds.
*/
static int l_file_lock (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  file_lock *lock = binding_new(L, FILE_LOCK, sizeof(*lock));
  lock->fd = open_file(path);
  if (lock->fd < 0)
    return binding_refuse(L, strerror(errno));
  lock->open = true;
  if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
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
