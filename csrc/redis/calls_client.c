/*
** redis/calls_client.c - the client of a loop, which sends the calls of its
** callers and reads the replies. All of it runs in the loop's thread.
*/
#include "redis/calls_inside.h"

#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"

#define CONNECTING_MS 2 /* between two looks at a new connection */
#define UNWATCHED_MS 5  /* or at a socket that cannot be watched */

#define LATE_MS 10 /* later than this: the loop did not run */


/* {======================================================
** The calls of a caller, in the loop's thread
** ======================================================= */

static void append (calls_client *cl, call *c) {
  caller *k = c->caller;
  bool is_listed = c->state == CALL_PAUSED && !c->expired;
  c->tries = 0;
  c->deadline = c->submitted + c->ms;
  c->continues = c->state == CALL_PAUSED;
  c->state = CALL_QUEUED;
  if (is_listed) { /* the part before was the first call */
    call_release(c);
    return;
  }
  c->next = NULL;
  *k->last = c;
  k->last = &c->next;
  if (!k->listed) {
    k->listed = true;
    refcount_up(&k->references);
    k->next = cl->callers;
    cl->callers = k;
  }
}


/* Removes a call from the list; this may free it. */
static void extract (caller *k, call **at) {
  call *c = *at;
  *at = c->next;
  if (c->next == NULL)
    k->last = at;
  call_release(c);
}


/* Removes a call whose next part is not there. */
static void drop_paused (caller *k, call **at) {
  (*at)->expired = true;
  extract(k, at);
}


static bool is_cancelled (const call *c) {
  return __atomic_load_n(&c->cancelled, __ATOMIC_ACQUIRE);
}


/* Ends the part of a call, whose owner may use it from then on. Returns false
** if there is no memory to announce this: it must be called again later. */
static bool finish (calls_client *cl, call **at) {
  call *c = *at;
  struct completion_queue *q = c->queue;
  long serial = c->serial;
  if (q == NULL && c->announced && !calls_core->announce(cl->loop, serial)) {
    cl->again = true;
    return false;
  }
  cl->announced = true;
  refcount_up(&c->references);
  if (c->more && c->failure == CALL_SUCCEEDED)
    c->state = CALL_PAUSED;
  else
    extract(c->caller, at);
  __atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
  if (q != NULL)
    calls_core->queue_push(q, serial);
  call_release(c);
  return true;
}


/* Returns how many commands were written. */
static int count_written (const call *c, size_t written) {
  int n = 0;
  while (n < c->count && c->offsets[n] <= written)
    n++;
  return n;
}


static bool fail (calls_client *cl, call **at, call_failure failure,
                  const char *problem) {
  call *c = *at;
  call_set_failure(c, failure, problem);
  if (c->state == CALL_SENT)
    c->maybe_run = count_written(c, connection_written(c->caller->connection));
  return finish(cl, at);
}


static bool is_wrong_server (const redisReply *r) {
  return r->type == REDIS_REPLY_ERROR &&
         (error_is_of_server(r->str) || error_is_of_node(r->str));
}


static void read_replies (calls_client *cl, caller *k) {
  connection *n = k->connection;
  call *c = k->first;
  redisReply *r;
  if (c == NULL || c->state != CALL_SENT) {
    r = connection_next(n);
    if (r != NULL)
      connection_refuse(n, r);
    freeReplyObject(r);
    return;
  }
  while (c->reply_count < c->count && (r = connection_next(n)) != NULL) {
    k->wrong_server = k->wrong_server || is_wrong_server(r);
    c->replies[c->reply_count++] = r;
  }
  if (c->reply_count < c->count)
    return;
  c->maybe_run = c->count;
  if (!finish(cl, &k->first) || !k->wrong_server)
    return;
  k->wrong_server = false;
  connection_close(n, "this server refused a command");
}


static int servers_of (const caller *k) {
  return k->address.sentinel != NULL ? k->address.server_count : 1;
}


static void fail_first (calls_client *cl, caller *k) {
  bool refused = connection_was_refused(k->connection);
  fail(cl, &k->first, refused ? CALL_REFUSED : CALL_TRANSPORT,
       connection_problem(k->connection));
}


/* The connection was closed. A call may try each of several sentinels. */
static void take_end (calls_client *cl, caller *k) {
  const call *c = k->first;
  if (c == NULL || c->state == CALL_PAUSED ||
      (c->state == CALL_QUEUED && c->tries < servers_of(k)))
    return;
  fail_first(cl, k);
}


static void run_connection (calls_client *cl, caller *k) {
  if (!connection_is_closed(k->connection) && connection_run(k->connection))
    read_replies(cl, k);
  if (connection_is_closed(k->connection))
    take_end(cl, k);
}


static void connect_for (calls_client *cl, caller *k, call *c) {
  if (c->continues || c->tries >= servers_of(k)) {
    fail_first(cl, k);
    return;
  }
  c->tries++;
  k->wrong_server = false;
  connection_open(k->connection);
}


static void send_first (calls_client *cl, caller *k) {
  call *c = k->first;
  if (c->expired) {
    fail(cl, &k->first, CALL_TIMEOUT, "the next part was sent too late");
    return;
  }
  if (connection_is_ready(k->connection))
    run_connection(cl, k); /* the server may have closed it meanwhile */
  if (k->first != c)
    return;
  if (connection_is_closed(k->connection))
    connect_for(cl, k, c);
  if (k->first != c || !connection_is_ready(k->connection))
    return;
  connection_expect(k->connection);
  if (!connection_send_bytes(k->connection, c->commands.data,
                             c->commands.size)) {
    fail(cl, &k->first, CALL_TRANSPORT, "not enough memory");
    return;
  }
  c->state = CALL_SENT;
  run_connection(cl, k);
}


/* Removes what was cancelled. Replies to a call that was sent are still
** read. */
static void remove_cancelled (calls_client *cl, caller *k) {
  call **at = &k->first;
  while (*at != NULL) {
    call *c = *at;
    if (is_cancelled(c) && c->state == CALL_PAUSED)
      drop_paused(k, at);
    else if (!is_cancelled(c) || c->state != CALL_QUEUED ||
             !fail(cl, at, CALL_CANCELLED, "cancelled"))
      at = &c->next;
  }
}


static const char *reason_of (const caller *k, bool sent) {
  if (sent)
    return "no reply in time";
  return connection_is_ready(k->connection) ? "other calls took its time"
                                            : "no connection in time";
}


static void check_time (calls_client *cl, caller *k, int64_t now) {
  call **at = &k->first;
  while (*at != NULL) {
    call *c = *at;
    bool sent = c->state == CALL_SENT;
    bool is_stuck = sent || !connection_is_ready(k->connection);
    const char *why = reason_of(k, sent);
    bool over = now >= c->deadline;
    if (over && c->state == CALL_PAUSED)
      drop_paused(k, at); /* its task may never continue */
    else if (!over || !fail(cl, at, CALL_TIMEOUT, why))
      at = &c->next;
    else if (is_stuck)
      connection_close(k->connection, why);
  }
}


static void close_caller (calls_client *cl, caller *k) {
  while (k->first != NULL)
    if (k->first->state == CALL_PAUSED ||
        !fail(cl, &k->first, CALL_CLOSED, "the connection was closed"))
      drop_paused(k, &k->first);
  if (k->fd >= 0)
    calls_core->unwatch(cl->loop, k->fd);
  k->fd = -1;
  if (k->connection != NULL)
    connection_close(k->connection, "it was closed");
}

/* }====================================================== */


/* {======================================================
** The client of a loop
** ======================================================= */

/* Returns false if the socket cannot be watched. */
static bool set_watch (calls_client *cl, caller *k) {
  bool output = false;
  int fd =
      k->connection != NULL ? connection_socket(k->connection, &output) : -1;
  if (fd == k->fd && (fd < 0 || output == k->output))
    return true;
  if (k->fd >= 0 && k->fd != fd)
    calls_core->unwatch(cl->loop, k->fd);
  k->fd = fd;
  k->output = output;
  if (fd < 0 || calls_core->watch(cl->loop, fd, true, output))
    return true;
  k->fd = -1;
  return false;
}


static int64_t due_of (const caller *k, bool watched, int64_t now) {
  int64_t due = CLOCK_NEVER;
  const call *c;
  for (c = k->first; c != NULL; c = c->next)
    if (c->deadline < due)
      due = c->deadline;
  if (k->connection != NULL && connection_is_connecting(k->connection))
    return now + CONNECTING_MS;
  if (!watched && k->first != NULL)
    return now + UNWATCHED_MS;
  return due > now ? due : now + 1;
}


/* Returns when the caller must run again. */
static int64_t run_caller (calls_client *cl, caller *k, bool ready,
                           int64_t now) {
  call *before;
  if (k->first != NULL && k->connection == NULL) {
    k->connection = connection_new(&k->address, NULL);
    if (k->connection == NULL) {
      fail(cl, &k->first, CALL_TRANSPORT, "not enough memory");
      return now;
    }
    connection_limit(k->connection, &k->limits);
  }
  remove_cancelled(cl, k);
  if (k->connection != NULL &&
      (ready || k->fd < 0 || connection_is_connecting(k->connection)))
    run_connection(cl, k);
  check_time(cl, k, now);
  do {
    before = k->first;
    if (before != NULL && before->state == CALL_QUEUED)
      send_first(cl, k);
  } while (k->first != before);
  return due_of(k, set_watch(cl, k), now);
}


static void *client_open (client_kind *kind, void *loop) {
  calls_client *c;
  (void)kind;
  pthread_mutex_lock(&calls_lock);
  for (c = calls_clients; c != NULL && c->loop != loop;)
    c = c->next;
  if (c != NULL)
    refcount_up(&c->references);
  pthread_mutex_unlock(&calls_lock);
  return c; /* NULL: it is opened when a call was submitted */
}


static void take_posted (calls_client *cl) {
  call *c;
  pthread_mutex_lock(&calls_lock);
  c = cl->posted;
  cl->posted = NULL;
  cl->last_posted = &cl->posted;
  pthread_mutex_unlock(&calls_lock);
  while (c != NULL) {
    call *next = c->next_posted;
    append(cl, c);
    c = next;
  }
}


/* Removes a caller from the list; this may free it. */
static void unlist (caller **at) {
  caller *k = *at;
  *at = k->next;
  k->listed = false;
  caller_release(k);
}


/* Time in which the loop did not run is not that of Redis. */
static bool was_not_run (const calls_client *cl, int64_t now) {
  return cl->due != CLOCK_NEVER && now > cl->due + LATE_MS;
}


/* Gives the calls the time since 'from' once more, or since they were submitted
** if that was later. */
static void extend (const caller *k, int64_t from, int64_t now) {
  call *c;
  for (c = k->first; c != NULL; c = c->next)
    c->deadline += now - (c->submitted > from ? c->submitted : from);
}


static int64_t run_callers (calls_client *cl, bool ready, int64_t now) {
  caller **at = &cl->callers;
  int64_t next = CLOCK_NEVER;
  bool late = was_not_run(cl, now);
  while (*at != NULL) {
    caller *k = *at;
    int64_t due;
    if (late)
      extend(k, cl->last_run, now);
    if (__atomic_exchange_n(&k->close, false, __ATOMIC_ACQ_REL)) {
      close_caller(cl, k);
      unlist(at);
      continue;
    }
    due = run_caller(cl, k, ready || late, now);
    if (due < next)
      next = due;
    at = &k->next;
  }
  return next;
}


/* The loop runs its clients twice in a turn, and waits after that. */
static int64_t client_run (void *self, bool ready, int64_t now) {
  calls_client *cl = self;
  bool ended = cl->announced;
  cl->announced = cl->again = false;
  take_posted(cl);
  cl->due = run_callers(cl, ready, now);
  cl->last_run = now;
  if (ended || cl->announced)
    cl->due = now;
  else if (cl->again && cl->due > now + UNWATCHED_MS)
    cl->due = now + UNWATCHED_MS;
  return cl->due;
}


/* The loop ends. */
static void client_close (void *self) {
  calls_client *cl = self, **at;
  take_posted(cl);
  while (cl->callers != NULL) {
    close_caller(cl, cl->callers);
    unlist(&cl->callers);
  }
  pthread_mutex_lock(&calls_lock);
  cl->closed = true;
  for (at = &calls_clients; *at != NULL; at = &(*at)->next)
    if (*at == cl) {
      *at = cl->next;
      calls_client_release(cl); /* the list's reference */
      break;
    }
  pthread_mutex_unlock(&calls_lock);
  calls_client_release(cl);
}


client_kind *calls_kind (void) {
  static client_kind kind = {client_open, client_run, client_close};
  return &kind;
}

/* }====================================================== */
