/*
** redis/exchange.c - calls of the script over a connection.
*/
#include "redis/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define MAX_EXCHANGES 64
#ifndef CONNECT_MS
#define CONNECT_MS 300 /* without a connection: go on without Redis */
#endif
#ifndef STALLED_MS
#define STALLED_MS 2000 /* without a reply: connect again */
#endif
#define RECONNECT_MS 200 /* at least, between two connections */
#define NODE_MS 2000     /* without a reply of the script */
#define NOT_RUN_MS 10    /* later than this: the loop did not run */
#define CONNECTING_MS 2  /* between two looks at a new connection */
#define MAX_WORDS 640    /* of a command; a lease needs less */
#define KEYS 4           /* of the script */
#define KEY_SIZE 64

struct exchanges {
  connection *connection;
  const char *script, *host;
  const exchange_calls *calls;
  void *client;
  exchange list[MAX_EXCHANGES]; /* those that were sent come first, in order */
  int count;
  int64_t reconnect_at;
  int64_t due; /* as exchanges_due last returned it; 0: never */
  int64_t last_run;
  int64_t replied; /* when the script last did */
};


exchanges *exchanges_new (const redis_address *address, const char *script,
                          const char *host, const exchange_calls *calls,
                          void *client) {
  exchanges *all = calloc(1, sizeof(*all));
  if (all == NULL)
    return NULL;
  all->connection = connection_new(address, script);
  if (all->connection == NULL) {
    free(all);
    return NULL;
  }
  all->script = script;
  all->host = host;
  all->calls = calls;
  all->client = client;
  return all;
}


bool exchanges_have_room (const exchanges *all) {
  return all->count < MAX_EXCHANGES;
}


bool exchanges_begin (exchanges *all, const exchange *x) {
  if (!exchanges_have_room(all))
    return false;
  all->list[all->count] = *x;
  all->list[all->count++].began = clock_ms();
  return true;
}


/* Removes an exchange from the list. */
static exchange extract (exchanges *all, int i) {
  exchange x = all->list[i];
  all->count--;
  memmove(&all->list[i], &all->list[i + 1],
          (size_t)(all->count - i) * sizeof(x));
  return x;
}


static void finish (exchanges *all, int i) {
  exchange x = extract(all, i);
  buffer_free(&x.arguments);
  all->calls->finish(all->client, &x);
}


/* The lease goes on without the reply. */
static void fail (exchanges *all, exchange *x) {
  if (!x->late)
    all->calls->deliver(all->client, x, NULL);
  x->late = true;
}


/* The connection was closed. */
static void fail_all (exchanges *all, int64_t now) {
  if (all->count > 0) {
    all->calls->report(all->client, connection_problem(all->connection));
    all->reconnect_at = now + RECONNECT_MS;
  }
  while (all->count > 0) {
    fail(all, &all->list[0]);
    finish(all, 0);
  }
}


void exchanges_free (exchanges *all) {
  while (all->count > 0) {
    fail(all, &all->list[0]);
    finish(all, 0);
  }
  connection_free(all->connection);
  free(all);
}


/* {======================================================
** Replies
** ======================================================= */

/* Returns false if it is not a reply of the script. */
static bool read_numbers (const redisReply *r, int64_t numbers[LEASE_REPLY]) {
  size_t i;
  if (r->type != REDIS_REPLY_ARRAY || r->elements != LEASE_REPLY)
    return false;
  for (i = 0; i < LEASE_REPLY; i++) {
    if (r->element[i]->type != REDIS_REPLY_INTEGER)
      return false;
    numbers[i] = lease_bound((int)i, r->element[i]->integer);
  }
  return true;
}


/* After these errors another server may be the primary. A node of a cluster may
** have some buckets and not others: it has none if it was replaced. */
static bool is_wrong_server (const exchanges *all, const char *text) {
  return error_is_of_server(text) ||
         (error_is_of_node(text) && clock_ms() > all->replied + NODE_MS);
}


/* Returns whether the server may know EVAL, and not the script or EVALSHA. */
static bool wants_script (exchanges *all, const char *text) {
  if (error_begins(text, "NOSCRIPT"))
    return true;
  if (!error_begins(text, "ERR unknown command") &&
      !error_begins(text, "NOPERM"))
    return false;
  connection_forget_sha(all->connection);
  return true;
}


/* An error is reported with what to do. */
static void report_error (exchanges *all, const char *text) {
  const char *hint = error_hint(text);
  char whole[200];
  if (hint != NULL) {
    (void)snprintf(whole, sizeof(whole), "%.60s (%s)", text, hint);
    text = whole;
  }
  all->calls->report(all->client,
                     text[0] != 0 ? text : "an error without a text");
}


static void take_error (exchanges *all, const char *text) {
  exchange *first = &all->list[0];
  if (!first->with_script && wants_script(all, text)) {
    exchange x = extract(all, 0);
    x.sent = false;
    x.with_script = true;
    all->list[all->count++] = x;
    return;
  }
  report_error(all, text);
  fail(all, first);
  finish(all, 0);
  if (is_wrong_server(all, text))
    connection_close(all->connection, text);
}


static void take_reply (exchanges *all, const redisReply *r) {
  int64_t numbers[LEASE_REPLY];
  if (all->count == 0 || !all->list[0].sent)
    connection_refuse(all->connection, r);
  else if (r->type == REDIS_REPLY_ERROR)
    take_error(all, r->str);
  else if (!read_numbers(r, numbers))
    connection_close(all->connection, "the reply is not that of the script");
  else {
    all->replied = clock_ms();
    all->calls->deliver(all->client, &all->list[0], numbers);
    finish(all, 0);
  }
}


static void read_replies (exchanges *all, int64_t now) {
  bool ok = connection_run(all->connection);
  redisReply *r;
  while (ok && (r = connection_next(all->connection)) != NULL) {
    take_reply(all, r);
    freeReplyObject(r);
    ok = !connection_is_closed(all->connection);
  }
  if (connection_is_closed(all->connection))
    fail_all(all, now);
}

/* }====================================================== */


/* Connecting takes longer than an exchange, with TLS and a name to resolve. A
** host that never connected knows of no others, so it is worth to wait. */
static int time_of (const exchange *x) {
  return x->sent ? LEASE_TIMEOUT_MS : CONNECT_MS;
}


/* Fails exchanges that got no reply in time. A reply that arrives all the same
** is late. */
static void check_time (exchanges *all, int64_t now) {
  char text[80];
  int i = 0;
  while (i < all->count) {
    exchange *x = &all->list[i];
    bool sent = x->sent;
    if (x->late || now - x->began < time_of(x)) {
      i++;
      continue;
    }
    (void)snprintf(text, sizeof(text), "no %s in %d ms",
                   sent ? "reply" : "connection", time_of(x));
    all->calls->report(all->client, text);
    x->timed_out = true;
    fail(all, x);
    if (sent)
      i++;
    else
      finish(all, i);
  }
  if (all->count > 0 && now - all->list[0].began >= STALLED_MS) {
    connection_close(all->connection, "no reply in 2 s");
    fail_all(all, now);
  }
}


/* A script may compute or sleep while no loop runs: this is not the time that
** Redis took. */
static bool was_not_run (exchanges *all, int64_t now) {
  int i;
  if (all->due == 0 || now < all->due + NOT_RUN_MS)
    return false;
  for (i = 0; i < all->count; i++)
    all->list[i].began += now - all->last_run;
  return true;
}


void exchanges_run (exchanges *all, bool ready, int64_t now) {
  bool paused = was_not_run(all, now);
  if (!connection_is_closed(all->connection) &&
      (ready || paused || connection_is_connecting(all->connection)))
    read_replies(all, now);
  check_time(all, now);
}


/* {======================================================
** Commands
** ======================================================= */

/* Splits the arguments at spaces. Returns how many words there are. */
static int split (const buffer *text, const char **words, size_t *sizes,
                  int room) {
  size_t at = 0;
  int n = 0;
  while (at < text->size && n < room) {
    const char *end;
    const char *first = text->data + ++at; /* after the space */
    end = memchr(first, ' ', text->size - at);
    words[n] = first;
    sizes[n] = end != NULL ? (size_t)(end - first) : text->size - at;
    at += sizes[n++];
  }
  return n;
}


static bool send_one (exchanges *all, exchange *x) {
  static const char *const suffixes[KEYS] = {"", ":seen", ":held", ":waiting"};
  const char *words[MAX_WORDS];
  size_t sizes[MAX_WORDS];
  char keys[KEYS][KEY_SIZE];
  const char *sha = connection_sha(all->connection);
  bool with_script = x->with_script || sha[0] == 0;
  int n = 0, i;
  words[n++] = with_script ? "EVAL" : "EVALSHA";
  words[n++] = with_script ? all->script : sha;
  words[n++] = "4";
  for (i = 0; i < KEYS; i++) {
    (void)snprintf(keys[i], KEY_SIZE, "klaviyo:{%016llx}%s",
                   (unsigned long long)x->bucket.key, suffixes[i]);
    words[n++] = keys[i];
  }
  words[n++] = all->host;
  for (i = 0; i < n; i++)
    sizes[i] = strlen(words[i]);
  n += split(&x->arguments, words + n, sizes + n, MAX_WORDS - n);
  return connection_send(all->connection, n, words, sizes);
}


void exchanges_send (exchanges *all, int64_t now) {
  bool output;
  int i;
  if (all->count == 0)
    return;
  if (connection_is_closed(all->connection) && now >= all->reconnect_at) {
    all->reconnect_at = now + RECONNECT_MS;
    connection_open(all->connection);
    read_replies(all, now);
  }
  if (!connection_is_ready(all->connection))
    return;
  for (i = 0; i < all->count; i++)
    if (!all->list[i].sent && send_one(all, &all->list[i])) {
      all->list[i].sent = true;
      all->list[i].began = now;
    }
  connection_socket(all->connection, &output);
  if (output)
    read_replies(all, now);
}

/* }====================================================== */


int64_t exchanges_due (exchanges *all, int64_t now) {
  int64_t due = CLOCK_NEVER;
  int i;
  for (i = 0; i < all->count; i++) {
    const exchange *x = &all->list[i];
    int64_t one = x->began + (x->late ? STALLED_MS : time_of(x));
    if (one < due)
      due = one;
  }
  if (connection_is_connecting(all->connection))
    due = now + CONNECTING_MS;
  else if (due <= now)
    due = now + 1;
  all->due = due != CLOCK_NEVER ? due : 0;
  all->last_run = now;
  return due;
}


int exchanges_socket (const exchanges *all, bool *output) {
  return connection_socket(all->connection, output);
}
