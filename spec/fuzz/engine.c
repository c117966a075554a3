/*
** engine.c - the life of transfers: the input is a list of what a host does,
** submit, cancel, close, announce, watch, wait, in any order, with a server
** that answers in any way (responder.h) or is not there. Whatever happens:
** each transfer ends, by its deadline, once; each end that must be announced is
** announced, once; and nothing is left.
**
** thread.c is the same, with an engine that works in a thread.
*/
#include "fuzz.h"

#include <poll.h>

#include "base/clock.h"
#include "http/engine.h"
#include "http/completion_queue.h"
#include "http/background_stats.h"
#include "responder.h"

#ifndef THREADED
#define THREADED false
#endif

#define MOST 24 /* tickets */
#define STEPS 60
#define QUEUES 4
#define PACED 2      /* the first of those that are */
#define LATE_MS 3000 /* by which a busy machine may miss a deadline */

typedef struct ticket {
  transfer *transfer; /* NULL: closed */
  long serial;
  int64_t deadline; /* when it has to be over */
  bool done, watched;
  bool expected, announced; /* its serial */
} ticket;

typedef struct state {
  feed *f;
  request_queue *queues[QUEUES];
  budget *budget;
  settings *settings[3];
  completion_queue *completion_queue;
  ticket tickets[MOST];
  int count;
  long serial; /* of the first ticket */
} state;


/* {======================================================
** What must hold
** ======================================================= */

static void check_done (const ticket *k) {
  const transfer *t = k->transfer;
  const response *r = &t->response;
  if (r->failure == FAILURE_NONE) {
    CHECK(r->status >= 100 && r->status <= 999 && r->head.size > 0);
    CHECK(r->body.size <= t->request.settings->max_response_bytes);
    CHECK(t->attempt_count > 0);
  }
  else
    CHECK(r->reason != NULL && r->reason[0] != '\0');
  CHECK(r->elapsed >= 0 && t->attempt_count >= 0);
  CHECK(t->easy == NULL && t->timer.slot == 0 && !t->node.queued);
}


/* Looks at all of them: what was over stays over. */
static void look (state *w) {
  int i;
  for (i = 0; i < w->count; i++) {
    ticket *k = &w->tickets[i];
    if (k->transfer == NULL)
      continue;
    CHECK(!k->done || transfer_is_done(k->transfer));
    k->done = transfer_is_done(k->transfer);
    if (k->done)
      check_done(k);
    else
      CHECK(clock_ms() < k->deadline + LATE_MS);
  }
}


static void hear_serials (state *w, const long *serials, size_t count) {
  while (count-- > 0) {
    ticket *k = &w->tickets[serials[count] - w->serial];
    CHECK(serials[count] >= w->serial && k < w->tickets + w->count);
    CHECK(k->expected && !k->announced);
    k->announced = true;
    if (k->transfer != NULL)
      CHECK(transfer_is_done(k->transfer));
  }
}


/* Another loop would be woken where one that it watches is over. */
static void check_watched (const state *w) {
  struct pollfd one;
  int i;
  bool call = false;
  if (THREADED)
    return;
  for (i = 0; i < w->count; i++)
    call = call || (w->tickets[i].watched && w->tickets[i].transfer != NULL &&
                    transfer_is_done(w->tickets[i].transfer));
  one.fd = engine_fd();
  one.events = POLLIN;
  if (call)
    CHECK(one.fd >= 0 && poll(&one, 1, 0) == 1);
}

/* }====================================================== */


/* {======================================================
** What a host does
** ======================================================= */

static transfer *make (state *w, unsigned queues) {
  static const char *const methods[] = {"GET", "POST", "PATCH", "HEAD"};
  char url[64];
  int kind = (int)feed_below(w->f, (unsigned)MANNER_COUNT + 2);
  unsigned how = feed_byte(w->f);
  const char *method = methods[how & 3];
  const char *body = (how & 4) != 0 ? "{\"data\":[]}" : NULL;
  settings *s = w->settings[feed_below(w->f, 3)];
  transfer *t;
  if (kind < (int)MANNER_COUNT)
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%d", responder_port, kind);
  else
    snprintf(url, sizeof(url),
             kind == (int)MANNER_COUNT ? "http://127.0.0.1:%d/"
                                       : "foul://127.0.0.1:%d/",
             closed_port);
  t = transfer_new(s, w->queues[feed_below(w->f, queues)], method, url, body,
                   body != NULL ? strlen(body) : 0);
  CHECK(t != NULL);
  if ((how & 24) == 24)
    CHECK(request_add_part(&t->request, "file", "a,b\n", 4, "x.csv", NULL));
  t->repeatable = (how & 32) != 0;
  return t;
}


static void watch (ticket *k) {
  k->watched = k->watched || !transfer_is_done(k->transfer);
  engine_watch(k->transfer);
}


static void submit (state *w, bool watched) {
  ticket *k = &w->tickets[w->count];
  transfer *t;
  if (w->count == MOST)
    return;
  t = make(w, QUEUES);
  memset(k, 0, sizeof(*k));
  k->serial = t->serial = w->serial + w->count++;
  k->deadline = clock_ms() + t->request.settings->deadline_ms;
  k->transfer = t;
  if (THREADED) {
    t->completion_queue = completion_queue_share(w->completion_queue);
    k->expected = true;
  }
  engine_submit(t);
  if (watched && !THREADED)
    watch(k);
}


/* Not where it would wait for long: it has no deadline then. */
static void track (state *w) {
  transfer *t = make(w, PACED);
  engine_track(t, feed_below(w->f, 8));
  transfer_release(t);
}


static void close_ticket (ticket *k) {
  if (k->transfer == NULL)
    return;
  engine_cancel(k->transfer);
  if (!THREADED)
    engine_unwatch(k->transfer);
  transfer_release(k->transfer);
  k->transfer = NULL;
}


static void cancel (ticket *k) {
  engine_cancel(k->transfer);
  CHECK(THREADED || transfer_is_done(k->transfer));
}


/* Announces a ticket as a waiting caller must, unless it is done. */
static void announce (ticket *k) {
  if (transfer_is_done(k->transfer) || k->expected)
    return;
  engine_announce(k->transfer);
  k->expected = true;
}


static void hear (state *w, long ms) {
  const long *serials;
  size_t count;
  if (THREADED) {
    int64_t until = clock_deadline(ms);
    long serial;
    bool found, more;
    while (found = completion_queue_take(w->completion_queue, &serial, &more),
           !found && clock_left(until) > 0)
      usleep(100);
    completion_queue_acknowledge(w->completion_queue);
    while (found) {
      hear_serials(w, &serial, 1);
      found = completion_queue_take(w->completion_queue, &serial, &more);
    }
    return;
  }
  serials = engine_wait_any(ms, &count);
  hear_serials(w, serials, count);
}


/* What is there for the one that is at hand only where it is pumped. */
static void pump (state *w, ticket *k, unsigned what) {
  long ms = (long)feed_below(w->f, 3);
  switch (what) {
    case 0: engine_pump(ms); break;
    case 1:
      CHECK(engine_wait(k->transfer, ms) == transfer_is_done(k->transfer));
      break;
    case 2: watch(k); break;
    case 3:
      engine_unwatch(k->transfer);
      k->watched = false;
      break;
    default: announce(k); break;
  }
}


static void act (state *w) {
  unsigned what = feed_below(w->f, 14);
  ticket *k;
  if (what < 4) { /* another loop watches every second one, alone or not */
    submit(w, what % 2 != 0);
    return;
  }
  if (w->count == 0)
    return;
  k = &w->tickets[feed_below(w->f, (unsigned)w->count)];
  switch (what) {
    case 4: hear(w, (long)feed_below(w->f, 3)); break;
    case 5: track(w); break;
    case 6: CHECK(engine_timeout() >= -1); break;
    case 7: close_ticket(k); break;
    case 8:
      if (k->transfer != NULL)
        cancel(k);
      break;
    default:
      if (k->transfer != NULL && !THREADED)
        pump(w, k, what - 9);
      break;
  }
}

/* }====================================================== */


/* {======================================================
** The state: made, and seen to be as it was
** ======================================================= */

static settings *make_settings (feed *f) {
  settings *s = settings_new();
  CHECK(s != NULL);
  s->timeout_ms = 1 + (long)feed_below(f, 20);
  s->connect_timeout_ms = 1 + (long)feed_below(f, 20);
  s->deadline_ms = 1 + (long)feed_below(f, 20);
  s->retries = (int)feed_below(f, 4);
  s->max_response_bytes = 10;
  CHECK(settings_add(s, "Authorization", "x", 1) == HEADER_OK);
  CHECK(settings_finish(s, "application/json") == HEADER_OK);
  return s;
}


static void open_fixture (state *w, feed *f) {
  static long serials = 0;
  char origin[64];
  const char *why;
  int i;
  memset(w, 0, sizeof(*w));
  w->f = f;
  w->serial = serials += MOST;
  w->budget = budget_open(NULL, false, &why);
  CHECK(w->budget != NULL);
  if (THREADED) {
    w->completion_queue = completion_queue_new();
    CHECK(w->completion_queue != NULL);
  }
  for (i = 0; i < 3; i++)
    w->settings[i] = make_settings(f);
  snprintf(origin, sizeof(origin), "http://127.0.0.1:%d", responder_port);
  for (i = 0; i < QUEUES; i++) {
    w->queues[i] = request_queue_new(origin);
    CHECK(w->queues[i] != NULL);
    if (i >= PACED) {
      bucket b = {7, {i == PACED ? 3 : 1000, 0, 0}, false};
      w->queues[i]->budget = budget_share(w->budget);
      CHECK(request_queue_add_bucket(w->queues[i], &b));
    }
  }
}


static bool is_idle (void) {
  size_t queued, running;
  background_stats now = background_stats_get();
  engine_stats(&queued, &running);
  return queued + running + now.queued + now.running == 0;
}


/* All comes to its end by itself. */
static void wait_for_all (state *w) {
  int64_t until = clock_ms() + 40 + LATE_MS;
  while (!is_idle()) {
    CHECK(clock_ms() < until);
    hear(w, 2);
    look(w);
    check_watched(w);
  }
  /* the end of the last one may just have been announced */
  for (until = clock_ms() + LATE_MS;
       w->completion_queue != NULL &&
       completion_queue_size(w->completion_queue) > 0;
       hear(w, 1))
    CHECK(clock_ms() < until);
  hear(w, 0);
}


/* With nothing to watch the descriptor becomes calm, even if servers close
** their connections meanwhile. */
static void wait_for_calm (void) {
  struct pollfd one;
  int64_t until = clock_ms() + LATE_MS;
  one.fd = engine_fd();
  one.events = POLLIN;
  while (one.fd >= 0 && poll(&one, 1, 2) == 1) {
    CHECK(clock_ms() < until);
    engine_pump(0);
  }
}


/* The engine releases a queue when it looks at it the next time. */
static void wait_for_queue (request_queue *q) {
  int64_t until = clock_ms() + LATE_MS;
  while (__atomic_load_n(&q->references, __ATOMIC_ACQUIRE) > 1) {
    CHECK(clock_ms() < until);
    if (THREADED)
      usleep(100);
    else
      engine_pump(0);
  }
}


static void close_fixture (state *w) {
  int i;
  for (i = 0; i < w->count; i++) {
    CHECK(w->tickets[i].announced == w->tickets[i].expected);
    close_ticket(&w->tickets[i]);
  }
  if (!THREADED)
    wait_for_calm();
  for (i = 0; i < QUEUES; i++) {
    wait_for_queue(w->queues[i]);
    CHECK(w->queues[i]->length == 0);
    CHECK(w->queues[i]->first == NULL && !w->queues[i]->listed);
    CHECK(w->queues[i]->origin == NULL ||
          (w->queues[i]->origin->running == 0 &&
           w->queues[i]->origin->background == 0));
    request_queue_release(w->queues[i]);
  }
  for (i = 0; i < 3; i++) {
    CHECK(w->settings[i]->references == 1);
    settings_release(w->settings[i]);
  }
  if (w->completion_queue != NULL)
    completion_queue_close(w->completion_queue);
  budget_release(w->budget);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  int steps = 0;
  state w;
  if (responder_port == 0) {
    responder_start();
    if (THREADED)
      engine_use_thread();
  }
  open_fixture(&w, &f);
  while (!feed_over(&f) && steps++ < STEPS) {
    act(&w);
    look(&w);
    check_watched(&w);
  }
  wait_for_all(&w);
  look(&w);
  close_fixture(&w);
  return 0;
}

/* }====================================================== */
