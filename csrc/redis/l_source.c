/*
** redis/l_source.c - klaviyo.redis.hiredis, with the sources of leases, for Lua
** 5.3 to 5.5 and LuaJIT from one source. It is a shared object of its own:
** nothing else in this library needs hiredis.
*/
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lua.h>
#include <lauxlib.h>

#include "base/buffer.h"
#include "lua/build.h"
#include "redis/l_redis.h"
#include "redis/lease.h"
#include "redis/source.h"

#define SOURCE "klaviyo.redis.source"
#define HOST_SIZE 20

/* A source and its texts live until the process ends. */
typedef struct handle {
  source *source;
} handle;


/* Pops a value. Returns a copy of it, or NULL if it is not a text. */
static char *pop_text (lua_State *L) {
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  char *copy = NULL;
  if (text != NULL) {
    copy = text_copy(text, size);
    if (copy == NULL)
      luaL_error(L, "not enough memory");
  }
  lua_pop(L, 1);
  return copy;
}


/* Returns a copy of a text field of the table on the top; NULL if there is
** none. */
static char *text_field (lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  return pop_text(L);
}


redis_address read_address (lua_State *L) {
  redis_address a;
  int i;
  memset(&a, 0, sizeof(a));
  a.unix_path = text_field(L, "path");
  a.sentinel = text_field(L, "sentinel");
  a.user = text_field(L, "user");
  a.password = text_field(L, "password");
  a.sentinel_user = text_field(L, "sentinel_user");
  a.sentinel_password = text_field(L, "sentinel_password");
  a.ca_file = text_field(L, "ca_file");
  lua_getfield(L, -1, "database");
  a.database = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, -1, "tls");
  a.tls = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, -1, "servers");
  for (i = 0; lua_istable(L, -1) && i < REDIS_SERVERS; i++) {
    char *text;
    lua_rawgeti(L, -1, i + 1);
    text = pop_text(L);
    if (text != NULL)
      a.servers[a.server_count++] = text;
  }
  lua_pop(L, 1);
  return a;
}


/* Returns a name that the processes have in common that use this file and have
** the same leases in it: of the machine or container, its start, and the folder
** of the file. */
static char *host_name (const char *path) {
  char text[512] = "", boot[40] = "", name[HOST_SIZE];
  struct stat folder;
  char *copy = text_copy(path, strlen(path));
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  size_t size;
  memset(&folder, 0, sizeof(folder));
  if (file != NULL) {
    (void)!fread(boot, 1, sizeof(boot) - 1, file);
    (void)fclose(file);
  }
  gethostname(text, 255);
  text[255] = 0;
  size = strlen(text);
  if (copy != NULL)
    stat(dirname(copy), &folder);
  free(copy);
  (void)snprintf(text + size, sizeof(text) - size, "\n%s\n%llu %llu %d\n%.100s",
                 boot, (unsigned long long)folder.st_dev,
                 (unsigned long long)folder.st_ino, LEASE_LAYOUT, path);
  (void)snprintf(name, sizeof(name), "%016llx",
                 (unsigned long long)bytes_hash(text, strlen(text)));
  return text_copy(name, strlen(name));
}


/*
** hiredis.source{servers = {"host:port", …} | path =, sentinel =, user =,
** password =, sentinel_user =, sentinel_password =, ca_file =, database =, tls
** =, script =, file = (the local one)} -> source. A source is never freed.
*/
static int l_source (lua_State *L) {
  redis_address address;
  const char *file;
  char *script, *host;
  handle *h;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_getfield(L, 1, "file");
  file = luaL_checkstring(L, -1);
  lua_pushvalue(L, 1);
  h = lua_newuserdata(L, sizeof(*h));
  h->source = NULL;
  luaL_getmetatable(L, SOURCE);
  lua_setmetatable(L, -2);
  lua_insert(L, -2);
  address = read_address(L);
  script = text_field(L, "script");
  host = host_name(file);
  if (script == NULL || host == NULL)
    return luaL_error(L, "not enough memory");
  h->source = source_new(&address, script, host);
  if (h->source == NULL)
    return luaL_error(L, "not enough memory");
  lua_pop(L, 1);
  return 1;
}


static source *check_source (lua_State *L) {
  handle *h = luaL_checkudata(L, 1, SOURCE);
  return h->source;
}


/* source:pointer() -> light userdata, for core.budget */
static int l_pointer (lua_State *L) {
  lua_pushlightuserdata(L, source_lease_source(check_source(L)));
  return 1;
}


/* source:problem() -> text | nil: the last one; each kind is one problem */
static int l_problem (lua_State *L) {
  char text[256];
  source_problem(check_source(L), text, sizeof(text));
  if (text[0] == 0)
    lua_pushnil(L);
  else
    lua_pushstring(L, text);
  return 1;
}


/*
** source:stats() -> {exchanges =, failures =, tokens =, waits =, away =
** (seconds without Redis)}, of this process
*/
static int l_stats (lua_State *L) {
  source_stats stats;
  source_get_stats(check_source(L), &stats);
  lua_createtable(L, 0, 5);
  lua_pushnumber(L, (lua_Number)stats.exchanges);
  lua_setfield(L, -2, "exchanges");
  lua_pushnumber(L, (lua_Number)stats.failures);
  lua_setfield(L, -2, "failures");
  lua_pushnumber(L, (lua_Number)stats.tokens);
  lua_setfield(L, -2, "tokens");
  lua_pushnumber(L, (lua_Number)stats.waits);
  lua_setfield(L, -2, "waits");
  lua_pushnumber(L, (lua_Number)stats.away_ms / 1000);
  lua_setfield(L, -2, "away");
  return 1;
}


OPEN_API int luaopen_klaviyo_redis_hiredis (lua_State *L);

OPEN_API int luaopen_klaviyo_redis_hiredis (lua_State *L) {
  static const luaL_Reg methods[] = {{"pointer", l_pointer},
                                     {"problem", l_problem},
                                     {"stats", l_stats},
                                     {NULL, NULL}};
  set_class(L, SOURCE, methods);
  lua_newtable(L);
  lua_pushcfunction(L, l_source);
  lua_setfield(L, -2, "source");
  register_connection(L);
  set_build(L);
  keep_loaded();
  return 1;
}
