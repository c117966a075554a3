/*
** bare.c - the workloads of the benchmark in C on libcurl, for comparison: it
** reuses easy handles, sets options once, and reads responses into a buffer.
** Built with -DDECODE, it decodes each response with lua-cjson.
**
**   bare WORKLOAD COUNT URL CA_FILE BODY_FILE HEADER ...
**
** WORKLOAD is "first", "get", "page" or "post": the same request COUNT times;
** "iterate": COUNT pages by their next links; "posts": concurrent requests;
** "decode": decodes the file that is named in place of the URL.
** Prints "responses processor-seconds seconds peak-kB kB".
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

#define CONCURRENCY 100
#define WARM 100

typedef struct response {
  char *data;
  size_t size, capacity;
} response;

static struct curl_slist *headers = NULL;
static const char *ca_file;
static char body[1 << 16];
static size_t body_size = 0;
static long succeeded = 0;


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
  lua_gc(lua, LUA_GCGEN, 0, 0); /* as the interpreter does */
#endif
  if (luaL_dostring(lua, "return require('cjson').decode") != 0)
    fail(lua_tostring(lua, -1));
}


/* Keeps the decoded value until the next one, as a program would. */
static void decode (const response *a) {
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


static void decode (const response *a) {
  (void)a;
}

#endif


static size_t on_body (char *data, size_t one, size_t size, void *self) {
  response *a = self;
  (void)one;
  if (a->size + size + 1 > a->capacity) {
    a->capacity = (a->size + size + 1) * 2;
    a->data = realloc(a->data, a->capacity);
    if (a->data == NULL)
      return 0;
  }
  memcpy(a->data + a->size, data, size);
  a->size += size;
  a->data[a->size] = '\0';
  return size;
}


static size_t on_header (char *data, size_t one, size_t size, void *self) {
  (void)data;
  (void)self;
  return one * size;
}


/* Sets the same options as the core. */
static CURL *prepare (const char *url, response *a) {
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
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, a);
  if (body_size > 0) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  }
  return easy;
}


static void count_response (CURL *easy, response *a) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  succeeded += status >= 200 && status < 300;
  decode(a);
}


/* Replaces the path of 'url' by that of the page's links.next; the origin of
** 'url' is 'origin' bytes long. */
static bool next_link (const char *page, char *url, size_t origin,
                       size_t capacity) {
  const char *at = strstr(page, "\"next\":\"");
  const char *path = at != NULL ? strstr(at, "/api/") : NULL;
  const char *end = path != NULL ? strchr(path, '"') : NULL;
  if (end == NULL || origin + (size_t)(end - path) >= capacity)
    return false;
  memcpy(url + origin, path, (size_t)(end - path));
  url[origin + (size_t)(end - path)] = '\0';
  return true;
}


static void sequentially (CURL *easy, response *a, long count, char *url,
                          size_t capacity) {
  size_t origin = (size_t)(strstr(url, "/api/") - url);
  while (count-- > 0) {
    a->size = 0;
    if (curl_easy_perform(easy) != CURLE_OK)
      break;
    count_response(easy, a);
    if (capacity > 0) {
      if (!next_link(a->data, url, origin, capacity))
        break;
      curl_easy_setopt(easy, CURLOPT_URL, url);
    }
  }
}


static void concurrently (const char *url, long count) {
  static response responses[CONCURRENCY];
  CURLM *multi = curl_multi_init();
  long started, ended = 0;
  int left, running;
  for (started = 0; started < CONCURRENCY && started < count; started++)
    curl_multi_add_handle(multi, prepare(url, &responses[started]));
  while (ended < count) {
    CURLMsg *message;
    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
      CURL *easy = message->easy_handle;
      response *a;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&a);
      count_response(easy, a);
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


/* Decodes the text of a file 'count' times; each time counts as a response. */
static void decode_file (const char *path, response *a, long count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail("no file to decode");
  a->capacity = 1 << 20;
  a->data = malloc(a->capacity);
  if (a->data == NULL)
    fail("no memory");
  a->size = fread(a->data, 1, a->capacity, file);
  fclose(file);
  for (; count > 0; count--) {
    decode(a);
    succeeded++;
  }
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
  response a = {NULL, 0, 0};
  const char *workload = argc > 5 ? argv[1] : "";
  bool is_iteration = strcmp(workload, "iterate") == 0;
  bool is_first = strcmp(workload, "first") == 0;
  bool is_concurrent = strcmp(workload, "posts") == 0;
  bool is_decoding = strcmp(workload, "decode") == 0;
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
  if (!is_first && !is_decoding) {
    sequentially(easy, &a, is_concurrent ? 1 : WARM, url, 0);
    succeeded = 0;
  }
  if (!is_first) {
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    wall = seconds(CLOCK_MONOTONIC);
  }
  if (is_decoding)
    decode_file(url, &a, count);
  else if (is_concurrent)
    concurrently(url, count);
  else
    sequentially(easy, &a, count, url, is_iteration ? sizeof(url) : 0);
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  wall = seconds(CLOCK_MONOTONIC) - wall;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld %.6f %.6f %ld %ld\n", succeeded, cpu, wall, usage.ru_maxrss,
         resident_kb());
  curl_easy_cleanup(easy);
  return 0;
}
