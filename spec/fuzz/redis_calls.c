/*
** redis_calls.c - what a server replies to the commands of Lua code: each part
** of a call ends once, by its time at the latest, with replies that Lua reads.
*/
#include "fuzz.h"

#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>

#include "redis/connection.h"

static feed *input; /* what the server sends */

static CURLcode fake_recv (CURL *easy, void *to, size_t room, size_t *n);
static CURLcode fake_send (CURL *easy, const void *from, size_t size,
                           size_t *n);
static void fake_open (connection *c);

#define curl_easy_recv(easy, to, room, n) fake_recv(easy, to, room, n)
#define curl_easy_send(easy, from, size, n) fake_send(easy, from, size, n)

#include "redis/connection.c"
#include "redis/calls.c"
#define connection_open fake_open
#include "redis/calls_client.c"
#undef connection_open
#include "redis/l_connection.c"

#define MAX_CALLS 8
#define PART_MS 500

/* Not called: the address is made here. */
redis_address read_address (lua_State *L) {
  redis_address a;
  (void)L;
  memset(&a, 0, sizeof(a));
  return a;
}


static int announced[MAX_CALLS + 1]; /* by serial */
static int64_t the_time;


/* Some bytes of the input, in pieces; a 1 closes the connection. */
static CURLcode fake_recv (CURL *easy, void *to, size_t room, size_t *n) {
  size_t size = feed_byte(input);
  (void)easy;
  *n = 0;
  if (size > room)
    size = room;
  while (*n < size && !feed_over(input)) {
    unsigned byte = feed_byte(input);
    if (byte == 0) /* a pause */
      break;
    if (byte == 1 && *n == 0)
      return CURLE_OK;
    ((char *)to)[(*n)++] = (char)byte;
  }
  return *n > 0 ? CURLE_OK : CURLE_AGAIN;
}


static CURLcode fake_send (CURL *easy, const void *from, size_t size,
                           size_t *n) {
  (void)easy;
  (void)from;
  CHECK(size > 0);
  *n = feed_over(input) ? size : 1 + feed_below(input, (unsigned)size);
  return CURLE_OK;
}


/* The connection is made at once, or fails. */
static void fake_open (connection *c) {
  CHECK(connection_is_closed(c));
  if (feed_below(input, 8) == 0) {
    connection_close(c, "it failed");
    return;
  }
  c->easy = curl_easy_init();
  c->replies = new_reader(c);
  CHECK(c->easy != NULL && c->replies != NULL);
  start_setup(c);
}


static void *offer (client_kind *kind) {
  return kind;
}


static void run_once (long ms) {
  (void)ms;
}


static void wake_loop (void *loop) {
  (void)loop;
}


static bool watch (void *loop, int fd, bool in, bool out) {
  (void)loop;
  (void)fd;
  (void)in;
  (void)out;
  return true;
}


static void unwatch (void *loop, int fd) {
  (void)loop;
  (void)fd;
}


static bool announce (void *loop, long serial) {
  (void)loop;
  announced[serial]++;
  return true;
}


static long serials; /* of the input */

static long new_serial (void) {
  return ++serials;
}


/* Submits a part of as many commands as the input says. */
static void submit_part (call *c) {
  static const char ping[] = "*1\r\n$4\r\nPING\r\n";
  int i;
  c->count = 1 + (int)feed_below(input, 5);
  c->commands.size = 0;
  for (i = 0; i < c->count; i++) {
    CHECK(buffer_add_text(&c->commands, ping));
    c->offsets[i] = c->commands.size;
  }
  c->more = feed_below(input, 3) == 0;
  c->ms = PART_MS;
  call_submit(c);
  c->submitted = the_time;
  c->announced = true;
}


/* Reads the outcome of a part as Lua code does. */
static void read_part (lua_State *L, call *c) {
  int i;
  CHECK(c->reply_count >= 0 && c->reply_count <= c->count);
  CHECK(c->maybe_run >= c->reply_count && c->maybe_run <= c->count);
  CHECK(c->failure != CALL_SUCCEEDED || c->reply_count == c->count);
  CHECK(c->failure == CALL_SUCCEEDED || c->problem[0] != 0);
  for (i = 0; i < c->reply_count; i++) {
    push_reply(L, c->replies[i]);
    CHECK(lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER ||
          lua_type(L, -1) == LUA_TBOOLEAN || lua_type(L, -1) == LUA_TTABLE);
    lua_settop(L, 0);
    freeReplyObject(c->replies[i]);
  }
  c->reply_count = 0;
}


static call *new_call (caller *k) {
  call *c = call_new(k, NULL);
  CHECK(c != NULL);
  c->offsets = calloc(8, sizeof(*c->offsets));
  c->replies = calloc(8, sizeof(redisReply *));
  CHECK(c->offsets != NULL && c->replies != NULL);
  submit_part(c);
  return c;
}


/* The owner of a call looks at it; returns false if it gives it up. */
static bool look_at (lua_State *L, call *c) {
  if (!call_is_done(c))
    return feed_below(input, 8) != 0;
  CHECK(announced[c->serial] == 1);
  read_part(L, c);
  if (c->failure != CALL_SUCCEEDED || !c->more || serials >= MAX_CALLS)
    return false;
  submit_part(c);
  return true;
}


/* The client runs until it waits, as in a loop. */
static void run_client (calls_client *cl, bool ready) {
  int runs = 0;
  int64_t due = client_run(cl, ready, the_time);
  while (due <= the_time) {
    CHECK(due == the_time && ++runs < 1000);
    due = client_run(cl, false, the_time);
  }
}


/* The others do not wait for a call that was cancelled between two parts. */
static void check_first (const caller *k) {
  CHECK(k->first == NULL || k->first->state != CALL_PAUSED ||
        !__atomic_load_n(&k->first->cancelled, __ATOMIC_ACQUIRE));
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const loop_functions functions = {
      LOOP_FUNCTIONS_VERSION, offer,    run_once,   wake_loop, watch,
      unwatch,                announce, new_serial, NULL,      NULL,
      NULL,                   NULL};
  static const connection_limits limits = {100, 2000, 1000};
  static lua_State *L;
  feed f = feed_of(data, size);
  redis_address address;
  call *calls[MAX_CALLS] = {NULL};
  calls_client *cl;
  caller *k;
  int i, steps = 0;
  if (L == NULL) {
    L = luaL_newstate();
    lua_newtable(L);
    register_connection(L);
    lua_settop(L, 0);
  }
  input = &f;
  memset(&address, 0, sizeof(address));
  address.servers[0] = text_copy("127.0.0.1:1", 11);
  address.server_count = 1;
  if (feed_below(&f, 2) == 0)
    address.password = text_copy("p", 1);
  address.database = (int)feed_below(&f, 2);
  memset(announced, 0, sizeof(announced));
  serials = 0;
  the_time = clock_ms();
  calls_attach(&functions);
  k = caller_new(&address, &limits);
  CHECK(k != NULL);
  calls[0] = new_call(k);
  cl = client_open(calls_kind(), calls_kind());
  CHECK(cl != NULL);
  while (!feed_over(&f) && steps++ < 200) {
    unsigned n = feed_below(&f, MAX_CALLS);
    switch (feed_below(&f, 4)) {
      case 0:
        if (calls[n] == NULL && serials < MAX_CALLS)
          calls[n] = new_call(k);
        break;
      case 1: the_time += feed_byte(&f); break;
      case 2:
        if (calls[n] != NULL && !look_at(L, calls[n])) {
          call_cancel(calls[n]);
          call_release(calls[n]);
          calls[n] = NULL;
        }
        break;
      default:
        run_client(cl, true);
        check_first(k);
        break;
    }
  }
  for (i = 0; i < PART_MS * 2; i += 5)
    client_run(cl, false, the_time += 5);
  for (i = 0; i < MAX_CALLS; i++)
    CHECK(calls[i] == NULL || call_is_done(calls[i]));
  caller_close(k);
  client_run(cl, true, the_time);
  for (i = 0; i < MAX_CALLS; i++)
    if (calls[i] != NULL) {
      read_part(L, calls[i]);
      call_release(calls[i]);
    }
  for (i = 1; i <= MAX_CALLS; i++)
    CHECK(announced[i] <= 1);
  CHECK(k->references == 1);
  caller_release(k);
  client_close(cl);
  CHECK(calls_clients == NULL);
  return 0;
}
