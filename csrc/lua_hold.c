/*
** lua_hold.c - core.hold: a file that nobody else may hold meanwhile, be it
** in this process or in another one.
*/
#include "binding.h"
#include "rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define HOLD "klaviyo.hold"

typedef struct hold {
  int fd;
  bool open;
} hold;


static int hold_release (lua_State *L) {
  hold *h = luaL_checkudata(L, 1, HOLD);
  if (h->open) {
    h->open = false;
    close(h->fd);
  }
  return 0;
}


/*
** core.hold(path) -> hold | nil, nil where somebody holds it | nil, message
** What is there no file for is made. A file system that knows no locks lets
** everybody have it.
*/
static int hold_make (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  hold *h = binding_new(L, HOLD, sizeof(hold));
  h->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
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


void open_hold (lua_State *L) {
  static const function class[] = {
    {"__gc", hold_release}, {"release", hold_release}, {NULL, NULL}
  };
  static const function functions[] = {{"hold", hold_make}, {NULL, NULL}};
  binding_class(L, HOLD, class);
  binding_functions(L, functions);
}
