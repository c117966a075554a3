/*
** failing_memory.c - allocations that fail on request. Linked into a core of
** its own (see mk/dev.mk), where it wraps malloc and its like, and those of
** libcurl; see spec/core/lua/memory_failures_spec.lua.
*/
#include <lauxlib.h>
#include <lua.h>

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

__attribute__((visibility("default"))) int
luaopen_spec_failing_memory (lua_State *L);

void *__real_malloc (size_t size);
void *__real_calloc (size_t n, size_t size);
void *__real_realloc (void *old, size_t size);
void *__wrap_malloc (size_t size);
void *__wrap_calloc (size_t n, size_t size);
void *__wrap_realloc (void *old, size_t size);
CURLcode __wrap_curl_global_init (long flags);

/* How many more of the core's own, or of libcurl's, there are until one is
** refused, once; below 1: none is. A thread may ask, too. */
static long own_left = 0, libcurl_left = 0;


static int is_refused (long *left) {
  return __atomic_sub_fetch(left, 1, __ATOMIC_SEQ_CST) == 0;
}


void *__wrap_malloc (size_t size) {
  return is_refused(&own_left) ? NULL : __real_malloc(size);
}


void *__wrap_calloc (size_t n, size_t size) {
  return is_refused(&own_left) ? NULL : __real_calloc(n, size);
}


void *__wrap_realloc (void *old, size_t size) {
  return is_refused(&own_left) ? NULL : __real_realloc(old, size);
}


static void *libcurl_malloc (size_t size) {
  return is_refused(&libcurl_left) ? NULL : __real_malloc(size);
}


static void *libcurl_calloc (size_t n, size_t size) {
  return is_refused(&libcurl_left) ? NULL : __real_calloc(n, size);
}


static void *libcurl_realloc (void *old, size_t size) {
  return is_refused(&libcurl_left) ? NULL : __real_realloc(old, size);
}


static char *libcurl_strdup (const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = libcurl_malloc(size);
  return copy != NULL ? memcpy(copy, text, size) : NULL;
}


CURLcode __wrap_curl_global_init (long flags) {
  return curl_global_init_mem(flags, libcurl_malloc, free, libcurl_realloc,
                              libcurl_strdup, libcurl_calloc);
}


/* fail("own" | "libcurl", n): the n-th allocation from now on fails */
static int fail (lua_State *L) {
  static const char *const names[] = {"own", "libcurl", NULL};
  long *left =
      luaL_checkoption(L, 1, NULL, names) == 0 ? &own_left : &libcurl_left;
  __atomic_store_n(left, (long)luaL_checkinteger(L, 2), __ATOMIC_SEQ_CST);
  return 0;
}


/* stop() -> whether one failed since */
static int stop (lua_State *L) {
  long own = __atomic_exchange_n(&own_left, 0, __ATOMIC_SEQ_CST);
  long libcurl = __atomic_exchange_n(&libcurl_left, 0, __ATOMIC_SEQ_CST);
  lua_pushboolean(L, own <= 0 && libcurl <= 0);
  return 1;
}


int luaopen_spec_failing_memory (lua_State *L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, fail);
  lua_setfield(L, -2, "fail");
  lua_pushcfunction(L, stop);
  lua_setfield(L, -2, "stop");
  return 1;
}
