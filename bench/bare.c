/*
** bare.c - the works of the bench by libcurl alone, for comparison: easy
** handles used again, options set once, what comes is taken into a buffer.
** Built with -DDECODE it hands each answer to lua-cjson, too.
**
**   bare WORK COUNT URL CA_FILE BODY_FILE HEADER ...
**
** WORK is "first", "get", "page" or "post": the same request COUNT times;
** "walk": each page by the link in the one before; "posts": many at a time.
** Prints "answers processor-seconds seconds peak-kB kB".
*/
#define _GNU_SOURCE 1

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef DECODE
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif

#define IN_FLIGHT 100
#define WARM 100

typedef struct answer {
  char *data;
  size_t size, room;
} answer;

static struct curl_slist *headers = NULL;
static const char *ca_file;
static char body[1 << 16];
static size_t body_size = 0;
static long good = 0;


static void fail (const char *what) {
  fprintf(stderr, "bare: %s\n", what);
  exit(1);
}


#ifdef DECODE

static lua_State *lua;

static void open_decoder (void) {
  lua = luaL_newstate();
  luaL_openlibs(lua);
#if LUA_VERSION_NUM >= 504
  lua_gc(lua, LUA_GCGEN, 0, 0);  /* as the interpreter does */
#endif
  if (luaL_dostring(lua, "return require('cjson').decode") != 0)
    fail(lua_tostring(lua, -1));
}


/* Keeps the decoded value until the next one, as a program would. */
static void decode (const answer *a) {
  if (a->size == 0)
    return;
  lua_settop(lua, 2);
  lua_pushvalue(lua, 1);
  lua_pushlstring(lua, a->data, a->size);
  if (lua_pcall(lua, 1, 1, 0) != 0)
    fail(lua_tostring(lua, -1));
  lua_replace(lua, 2);
}

#else

static void open_decoder (void) {
}


static void decode (const answer *a) {
  (void)a;
}

#endif


static size_t take (char *data, size_t one, size_t size, void *self) {
  answer *a = self;
  (void)one;
  if (a->size + size + 1 > a->room) {
    a->room = (a->size + size + 1) * 2;
    a->data = realloc(a->data, a->room);
    if (a->data == NULL)
      return 0;
  }
  memcpy(a->data + a->size, data, size);
  a->size += size;
  a->data[a->size] = '\0';
  return size;
}


static size_t pass_over (char *data, size_t one, size_t size, void *self) {
  (void)data;
  (void)self;
  return one * size;
}


/* What the core sets, too. */
static CURL *prepare (const char *url, answer *a) {
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, pass_over);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, a);
  if (body_size > 0) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  }
  return easy;
}


static void note (CURL *easy, answer *a) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  good += status >= 200 && status < 300;
  decode(a);
}


/* Puts the links.next of a page behind the origin of 'url', which is 'origin'
** bytes long. */
static bool next_link (const char *page, char *url, size_t origin,
                       size_t room) {
  const char *at = strstr(page, "\"next\":\"");
  const char *path = at != NULL ? strstr(at, "/api/") : NULL;
  const char *end = path != NULL ? strchr(path, '"') : NULL;
  if (end == NULL || origin + (size_t)(end - path) >= room)
    return false;
  memcpy(url + origin, path, (size_t)(end - path));
  url[origin + (size_t)(end - path)] = '\0';
  return true;
}


static void one_by_one (CURL *easy, answer *a, long count, char *url,
                        size_t room) {
  size_t origin = (size_t)(strstr(url, "/api/") - url);
  while (count-- > 0) {
    a->size = 0;
    if (curl_easy_perform(easy) != CURLE_OK)
      break;
    note(easy, a);
    if (room > 0) {
      if (!next_link(a->data, url, origin, room))
        break;
      curl_easy_setopt(easy, CURLOPT_URL, url);
    }
  }
}


static void many (const char *url, long count) {
  static answer answers[IN_FLIGHT];
  CURLM *multi = curl_multi_init();
  long started, ended = 0;
  int left, running;
  for (started = 0; started < IN_FLIGHT && started < count; started++)
    curl_multi_add_handle(multi, prepare(url, &answers[started]));
  while (ended < count) {
    CURLMsg *message;
    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
      CURL *easy = message->easy_handle;
      answer *a;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&a);
      note(easy, a);
      a->size = 0;
      ended++;
      curl_multi_remove_handle(multi, easy);
      if (started < count) {
        curl_multi_add_handle(multi, easy);
        started++;
      }
      else
        curl_easy_cleanup(easy);
    }
    if (ended < count)
      curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  curl_multi_cleanup(multi);
}


static void read_body (const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail("no body");
  body_size = fread(body, 1, sizeof(body) - 1, file);
  fclose(file);
}


static double seconds (clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static long resident_kb (void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
    fail("no /proc");
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}


int main (int argc, char **argv) {
  static char url[4096];
  answer a = {NULL, 0, 0};
  const char *work = argc > 5 ? argv[1] : "";
  bool is_walk = strcmp(work, "walk") == 0;
  bool is_first = strcmp(work, "first") == 0;
  bool is_many = strcmp(work, "posts") == 0;
  double cpu = 0, wall = 0;
  struct rusage usage;
  CURL *easy;
  long count;
  int i;
  if (argc <= 5)
    return 2;
  count = atol(argv[2]);
  snprintf(url, sizeof(url), "%s", argv[3]);
  ca_file = argv[4];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (argv[5][0] != '\0')
    read_body(argv[5]);
  for (i = 6; i < argc; i++)
    headers = curl_slist_append(headers, argv[i]);
  open_decoder();
  easy = prepare(url, &a);
  if (!is_first) {
    one_by_one(easy, &a, is_many ? 1 : WARM, url, 0);
    good = 0;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    wall = seconds(CLOCK_MONOTONIC);
  }
  if (is_many)
    many(url, count);
  else
    one_by_one(easy, &a, count, url, is_walk ? sizeof(url) : 0);
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  wall = seconds(CLOCK_MONOTONIC) - wall;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld %.6f %.6f %ld %ld\n", good, cpu, wall, usage.ru_maxrss,
         resident_kb());
  curl_easy_cleanup(easy);
  return 0;
}
