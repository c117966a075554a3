/*
** redis.c - what a server replies that should be Redis: every exchange ends
** once, no lease waits without an end, and what is sent next is a command.
*/
#include "fuzz.h"

#include <curl/curl.h>

#include "redis/connection.h"

static feed *input; /* what the server sends */
static buffer made; /* a reply that comes before it */
static size_t bytes_sent;

static CURLcode fake_recv (CURL *easy, void *to, size_t room, size_t *n);
static CURLcode fake_send (CURL *easy, const void *from, size_t size,
                           size_t *n);

#define curl_easy_recv(easy, to, room, n) fake_recv(easy, to, room, n)
#define curl_easy_send(easy, from, size, n) fake_send(easy, from, size, n)

#include "redis/connection.c"
#include "redis/away.c"
#include "redis/lease.c"
#define finish exchange_finish
#include "redis/exchange.c"

#define T INT64_C(1700000000000)

typedef struct fixture {
  exchanges *all;
  lease lease;
  usage usage;
  bucket bucket;
  int64_t now;
  int begun, finished, delivered;
} fixture;


/* Some bytes of the input, in pieces. */
static CURLcode fake_recv (CURL *easy, void *to, size_t room, size_t *n) {
  size_t size;
  (void)easy;
  *n = made.size;
  if (made.size > 0) {
    CHECK(made.size <= room);
    memcpy(to, made.data, made.size);
    made.size = 0;
    return CURLE_OK;
  }
  size = feed_byte(input);
  if (size == 0 && feed_over(input))
    return CURLE_AGAIN;
  if (size > room)
    size = room;
  while (*n < size && !feed_over(input)) {
    unsigned byte = feed_byte(input);
    if (byte == 0) /* a pause */
      return *n > 0 ? CURLE_OK : CURLE_AGAIN;
    ((char *)to)[(*n)++] = (char)byte;
  }
  return *n > 0 ? CURLE_OK : CURLE_AGAIN;
}


static CURLcode fake_send (CURL *easy, const void *from, size_t size,
                           size_t *n) {
  (void)easy;
  CHECK(size > 0 && (bytes_sent > 0 || ((const char *)from)[0] == '*'));
  *n = size;
  bytes_sent += size;
  return CURLE_OK;
}


static void deliver (void *self, exchange *x, const int64_t *reply) {
  fixture *w = self;
  w->delivered++;
  CHECK(!x->late || reply != NULL);
  lease_check(&w->lease, w->now);
  if (reply != NULL)
    lease_answer(&w->lease, &w->usage, &w->bucket, reply, x->asked, w->now,
                 x->late);
  else
    lease_fail(&w->lease, &w->usage, &w->bucket, x->asked, w->now);
}


static void finished (void *self, exchange *x) {
  fixture *w = self;
  (void)x;
  w->finished++;
}


static void report (void *self, const char *problem) {
  (void)self;
  CHECK(problem != NULL && problem[0] != 0);
}


/* The connection is made. */
static void connected (fixture *w) {
  connection *c = w->all->connection;
  CHECK(c->state == CLOSED);
  c->easy = curl_easy_init();
  c->replies = new_reader(c);
  CHECK(c->easy != NULL && c->replies != NULL);
  c->asks_sentinel = false;
  start_setup(c);
}


static void begin (fixture *w) {
  exchange x;
  memset(&x, 0, sizeof(x));
  x.bucket = w->bucket;
  x.asked = w->now;
  lease_check(&w->lease, w->now);
  if (!exchanges_have_room(w->all))
    return;
  CHECK(lease_ask(&w->lease, &w->usage, &w->bucket, w->now, &x.arguments));
  CHECK(exchanges_begin(w->all, &x));
  w->all->list[w->all->count - 1].began = w->now;
  w->begun++;
}


static int64_t number (feed *f, int64_t now) {
  static const int64_t list[] = {
      0,         1,          2,         5,         -1,         100,
      INT32_MIN, UINT32_MAX, INT32_MAX, 100000,    1000000000, T,
      INT64_MIN, INT64_MAX,  -T,        2000000000000};
  unsigned n = feed_below(f, 20);
  return n < 16 ? list[n] : now + n - 18;
}


/* A reply as that of the script, but with any numbers. */
static void reply (fixture *w) {
  char text[32];
  int i;
  CHECK(buffer_add_text(&made, "*15\r\n"));
  for (i = 0; i < LEASE_REPLY; i++) {
    (void)snprintf(text, sizeof(text), ":%lld\r\n",
                   (long long)number(input, w->now));
    CHECK(buffer_add_text(&made, text));
  }
  exchanges_run(w->all, true, w->now);
  made.size = 0;
}


/* Another program writes to the record. */
static void spoil (fixture *w) {
  size_t at = (feed_byte(input) * 256u + feed_byte(input)) % sizeof(lease);
  int64_t n = number(input, w->now);
  memcpy((char *)&w->lease + at / sizeof(n) * sizeof(n), &n, sizeof(n));
  lease_check(&w->lease, w->now);
}


/* A request is sent, with Redis or without. */
static void take (fixture *w) {
  int tries = 0;
  int64_t wait;
  lease_check(&w->lease, w->now);
  while ((wait = lease_wait(&w->lease, &w->usage, &w->bucket, w->now)) > 0) {
    CHECK(wait <= LEASE_MAX_MS);
    CHECK(++tries < 5000);
    w->now += wait;
  }
  lease_take(&w->lease, &w->usage, &w->bucket, w->now);
  usage_add(&w->usage, &w->bucket, w->now);
  CHECK(lease_due(&w->lease, w->now) >= 0);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const exchange_calls calls = {deliver, finished, report};
  static redis_address address; /* no server: it does not connect by itself */
  static char name[] = "shop", server[] = "127.0.0.1:1";
  feed f = feed_of(data, size);
  fixture w;
  int steps = 0;
  unsigned passwords;
  input = &f;
  bytes_sent = 0;
  memset(&w, 0, sizeof(w));
  memset(&address, 0, sizeof(address));
  address.servers[0] = server;
  address.server_count = 1;
  address.database = (int)feed_below(&f, 2);
  address.sentinel = feed_below(&f, 4) == 0 ? name : NULL;
  passwords = feed_below(&f, 4); /* in one byte, as the seeds have it */
  address.password = passwords % 2 == 0 ? name : NULL;
  address.sentinel_password = passwords >= 2 ? name : NULL;
  w.bucket.key = 1;
  w.bucket.limit[0] = 10;
  w.bucket.limit[1] = feed_below(&f, 2) * 150;
  w.now = T;
  w.all = exchanges_new(&address, "return 1", "host", &calls, &w);
  CHECK(w.all != NULL);
  while (!feed_over(&f) && steps++ < 200) {
    w.all->reconnect_at = INT64_MAX; /* no real connection */
    if (connection_is_closed(w.all->connection))
      connected(&w);
    switch (feed_below(&f, 8)) {
      case 0: begin(&w); break;
      case 1: exchanges_send(w.all, w.now); break;
      case 2: w.now += feed_byte(&f) * 10; break;
      case 3: take(&w); break;
      case 6: reply(&w); break;
      case 7: spoil(&w); break;
      default: exchanges_run(w.all, true, w.now); break;
    }
    CHECK(w.lease.events.count >= 0 && w.lease.events.count <= LEASE_EVENTS);
    CHECK(w.all->count >= 0 && w.all->count <= MAX_EXCHANGES);
  }
  exchanges_free(w.all);
  buffer_free(&made);
  CHECK(w.begun == w.finished);
  CHECK(w.delivered >= w.begun);
  take(&w);
  return 0;
}
