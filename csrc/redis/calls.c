/*
** redis/calls.c - commands of Lua code to Redis: what the thread that submits
** them calls.
**
** A forked child forgets the clients of its parent. Its callers begin again,
** and calls from before the fork fail.
*/
#include "redis/calls_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"

pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
calls_client *calls_clients = NULL;
const loop_functions *calls_core;

static long generation = 1; /* counts forks */


static void in_child (void) {
  pthread_mutex_init(&calls_lock, NULL);
  calls_clients = NULL;
  generation++;
}


void calls_attach (const loop_functions *functions) {
  __atomic_store_n(&calls_core, functions, __ATOMIC_RELAXED);
}


static void watch_forks (void) {
  pthread_atfork(NULL, NULL, in_child);
}


/* {======================================================
** Callers and calls
** ======================================================= */

static void reset (caller *k) {
  k->client = NULL;
  k->generation = generation;
  k->connection = NULL;
  k->first = NULL;
  k->last = &k->first;
  k->listed = false;
  k->fd = -1;
  k->output = false;
}


caller *caller_new (const redis_address *address,
                    const connection_limits *limits) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  caller *k = calloc(1, sizeof(*k));
  if (k == NULL)
    return NULL;
  pthread_once(&once, watch_forks);
  k->references = 1;
  k->address = *address;
  k->limits = *limits;
  reset(k);
  return k;
}


void calls_client_release (calls_client *c) {
  if (c != NULL && refcount_down(&c->references))
    free(c);
}


/* The password does not stay in memory. */
static void free_secret (char *text) {
  volatile char *at = text;
  while (at != NULL && *at != 0)
    *at++ = 0;
  free(text);
}


void caller_release (caller *k) {
  int i;
  if (!refcount_down(&k->references))
    return;
  if (k->generation == generation) { /* else they are the parent's */
    if (k->connection != NULL)
      connection_free(k->connection);
    calls_client_release(k->client);
  }
  for (i = 0; i < k->address.server_count; i++)
    free(k->address.servers[i]);
  free(k->address.unix_path);
  free(k->address.sentinel);
  free(k->address.user);
  free_secret(k->address.password);
  free(k->address.sentinel_user);
  free_secret(k->address.sentinel_password);
  free(k->address.ca_file);
  free(k);
}


/* Wakes the loop, unless it was freed. */
static void wake (const caller *k) {
  const calls_client *c = k->client;
  if (c == NULL || k->generation != generation)
    return;
  pthread_mutex_lock(&calls_lock);
  if (!c->closed)
    calls_core->wake(c->loop);
  pthread_mutex_unlock(&calls_lock);
}


void caller_close (caller *k) {
  __atomic_store_n(&k->closed, true, __ATOMIC_RELEASE);
  __atomic_store_n(&k->close, true, __ATOMIC_RELEASE);
  wake(k);
}


call *call_new (caller *k, struct completion_queue *queue) {
  call *c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->references = 1;
  c->done = true;
  c->generation = generation;
  c->caller = k;
  c->queue = queue != NULL ? calls_core->queue_share(queue) : NULL;
  refcount_up(&k->references);
  return c;
}


void call_release (call *c) {
  int i;
  if (!refcount_down(&c->references))
    return;
  for (i = 0; i < c->reply_count; i++)
    freeReplyObject(c->replies[i]);
  free(c->replies);
  free(c->offsets);
  buffer_free(&c->commands);
  if (c->queue != NULL)
    calls_core->queue_release(c->queue);
  caller_release(c->caller);
  free(c);
}


void call_set_failure (call *c, call_failure failure, const char *problem) {
  c->failure = failure;
  (void)snprintf(c->problem, sizeof(c->problem), "%s", problem);
}


bool call_is_done (call *c) {
  if (c->generation != generation &&
      !__atomic_load_n(&c->done, __ATOMIC_ACQUIRE)) {
    call_set_failure(c, CALL_CLOSED, "submitted before the process forked");
    c->done = true;
  }
  return __atomic_load_n(&c->done, __ATOMIC_ACQUIRE);
}


void call_check_fork (call *c) {
  void *loop;
  if (c->generation == generation || c->queue != NULL)
    return;
  loop = calls_core->offer(calls_kind());
  if (call_is_done(c) && c->announced && loop != NULL)
    calls_core->announce(loop, c->serial);
}


long call_announce (call *c) {
  if (c->queue == NULL)
    c->announced = true;
  return c->serial;
}


bool call_wait (call *c, long ms) {
  int64_t until = clock_deadline(ms), left = 1;
  while (!call_is_done(c) && left > 0) {
    left = clock_left(until);
    calls_core->run_once((long)left);
  }
  return call_is_done(c);
}


void call_cancel (call *c) {
  __atomic_store_n(&c->cancelled, true, __ATOMIC_RELEASE);
  wake(c->caller);
}

/* }====================================================== */


/* {======================================================
** Submitting
** ======================================================= */

/* Returns the client of a loop, to which the list has a reference. The lock is
** held. */
static calls_client *client_of (void *loop) {
  calls_client *c;
  for (c = calls_clients; c != NULL; c = c->next)
    if (c->loop == loop)
      return c;
  c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->references = 1;
  c->loop = loop;
  c->last_posted = &c->posted;
  c->due = CLOCK_NEVER;
  c->next = calls_clients;
  calls_clients = c;
  return c;
}


/* Finds the client of this thread's loop for the caller. The lock is held.
** Returns NULL, or why it cannot be used. */
static const char *attach (caller *k, void *loop) {
  calls_client *c = loop != NULL ? client_of(loop) : NULL;
  if (c == NULL)
    return "not enough memory, or too many kinds of clients";
  if (k->client != NULL && k->client != c && !k->client->closed)
    return "this connection belongs to another thread; each thread needs its "
           "own";
  if (k->client == c)
    return NULL;
  calls_client_release(k->client);
  refcount_up(&c->references);
  k->client = c;
  return NULL;
}


static void post (call *c) {
  calls_client *to = c->caller->client;
  c->next_posted = NULL;
  *to->last_posted = c;
  to->last_posted = &c->next_posted;
  refcount_up(&c->references);
}


void call_submit (call *c) {
  caller *k = c->caller;
  void *loop = calls_core->offer(calls_kind());
  const char *why;
  bool is_first = c->serial == 0;
  c->failure = CALL_SUCCEEDED;
  c->reply_count = c->maybe_run = 0;
  if (k->generation != generation && is_first) {
    if (k->connection != NULL)
      connection_abandon(k->connection);
    reset(k);
  }
  pthread_mutex_lock(&calls_lock);
  why = attach(k, loop);
  if (why == NULL && __atomic_load_n(&k->closed, __ATOMIC_RELAXED))
    why = "the connection was closed";
  if (why == NULL && c->generation != generation)
    why = "submitted before the process forked";
  if (why == NULL && c->queue != NULL && !calls_core->queue_reserve(c->queue))
    why = "not enough memory";
  if (why == NULL) {
    c->serial = calls_core->new_serial();
    c->submitted = clock_ms();
    __atomic_store_n(&c->done, false, __ATOMIC_RELEASE);
    post(c);
  }
  pthread_mutex_unlock(&calls_lock);
  if (why != NULL)
    call_set_failure(c, CALL_CLOSED, why);
  else if (c->queue != NULL)
    calls_core->wake(loop);
  else
    calls_core->run_once(0); /* it is sent while the caller goes on */
}

/* }====================================================== */
