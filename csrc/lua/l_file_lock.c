/*
** lua/l_file_lock.c - core.file_lock: a file that nobody else may hold
** meanwhile, be it in this process or in another one; and who may read it.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLD "klaviyo.hold"
#define OWNER_ALONE 0600 /* S_IRUSR | S_IWUSR */

typedef struct hold {
  int fd;
  bool open;
} hold;


static int file_lock_release (lua_State *L) {
  hold *h = luaL_checkudata(L, 1, HOLD);
  if (h->open) {
    h->open = false;
    close(h->fd);
  }
  return 0;
}


/*
** hold:restrict() -> true | nil, message
** Lets only the file's owner read and write it, whoever could before.
*/
static int file_lock_restrict (lua_State *L) {
  hold *h = luaL_checkudata(L, 1, HOLD);
  struct stat about;
  luaL_argcheck(L, h->open, 1, "released");
  if (fstat(h->fd, &about) != 0)
    return binding_refuse(L, strerror(errno));
  if (S_ISREG(about.st_mode) && (about.st_mode & 0777) != OWNER_ALONE &&
      fchmod(h->fd, OWNER_ALONE) != 0)
    return binding_refuse(L, strerror(errno));
  lua_pushboolean(L, true);
  return 1;
}


/* A file that is created here is its owner's alone, under any umask. */
static int open_file (const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, OWNER_ALONE);
  if (fd >= 0)
    (void)fchmod(fd, OWNER_ALONE);
  else if (errno == EEXIST)
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ALONE);
  return fd;
}


/*
** core.file_lock(path) -> hold | nil, nil where somebody holds it | nil,
*message
** A file that does not exist is created, for its owner alone. A file system
** that knows no locks lets everybody have it.
*/
static int l_file_lock (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  hold *h = binding_new(L, HOLD, sizeof(hold));
  h->fd = open_file(path);
  if (h->fd < 0)
    return binding_refuse(L, strerror(errno));
  h->open = true;
  if (flock(h->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    h->open = false;
    close(h->fd);
    lua_pushnil(L);
  }
  return 1;
}


void register_file_lock (lua_State *L) {
  static const function class[] = {{"__gc", file_lock_release},
                                   {"release", file_lock_release},
                                   {"restrict", file_lock_restrict},
                                   {NULL, NULL}};
  static const function functions[] = {{"file_lock", l_file_lock},
                                       {NULL, NULL}};
  binding_class(L, HOLD, class);
  binding_functions(L, functions);
}
