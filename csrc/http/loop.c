/*
** http/loop.c - the event loop.
**
** A transfer waits in its request queue until the origin has capacity and the
** budget allows it, runs, and then either finishes or waits for a retry.
*/
#include "http/inside.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_IDLE_CONNECTIONS 512L
#define MAX_RUNNING 512


loop *loop_new (void) {
  loop *l = calloc(1, sizeof(*l));
  if (l == NULL)
    return NULL;
  l->multi = curl_multi_init();
  l->poller = l->multi != NULL ? poller_new(l->multi) : NULL;
  if (l->poller == NULL) {
    curl_multi_cleanup(l->multi);
    free(l);
    return NULL;
  }
  l->connections.poller = l->clients.poller = l->poller;
  l->clients.completions = &l->completions;
  l->clients.pending = &l->pending;
  l->pid = l->origins.pid = (long)getpid();
  l->last_queue = &l->queues;
  curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNECTIONS);
  curl_multi_setopt(l->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    (long)origin_connections());
  return l;
}


void loop_stats (const loop *l, size_t *pending, size_t *running) {
  *pending = __atomic_load_n(&l->pending, __ATOMIC_RELAXED);
  *running = __atomic_load_n(&l->running, __ATOMIC_RELAXED);
}


static void fail_rate_limited (loop *l, transfer *t, int64_t ms) {
  t->response.retry_after = (double)ms / 1000;
  loop_abort(l, t, FAILURE_RATE_LIMITED,
             "the rate limit allows no request before the deadline");
}


/* Returns how long the first request of the queue must wait; 0: it may start
** now, and is counted in the budget. */
static int64_t queue_wait (request_queue *q, transfer *t, int64_t now) {
  int64_t wait;
  if (q->closed_until > now)
    return q->closed_until - now;
  if (q->budget == NULL)
    return 0;
  t->budget_time = budget_now(q->budget);
  wait = budget_take(q->budget, q->buckets, q->bucket_count, t->budget_time);
  __atomic_store_n(&q->closed_until, now + wait, __ATOMIC_RELAXED);
  return wait;
}


/* Starts the first request of a queue if it may start. Fails requests whose
** wait would exceed their deadline. Returns false if none could start; '*again'
** is then the time to try again. */
static bool start_next (loop *l, request_queue *q, int64_t now,
                        int64_t *again) {
  *again = CLOCK_NEVER; /* until a transfer ends */
  while (q->first != NULL && l->running < MAX_RUNNING &&
         request_queue_has_capacity(q)) {
    transfer *t = transfer_of_node(q->first);
    int64_t wait = queue_wait(q, t, now);
    if (wait == 0) {
      counting_start_attempt(t, now);
      attempt_start(l, t, now);
      return true;
    }
    q->limited_at = now;
    if (t->deadline == CLOCK_NEVER || now + wait < t->deadline) {
      *again = now + wait;
      return false;
    }
    fail_rate_limited(l, t, wait);
  }
  return false;
}


/* Starts requests, one of each queue in turn, so that a long queue does not
** keep all connections to itself. Returns when to try again. */
static int64_t start_ready (loop *l, int64_t now) {
  int64_t next = CLOCK_NEVER;
  /* neither this queue nor those after it could start a request */
  const request_queue *first_idle = NULL;
  while (l->queues != NULL && l->queues != first_idle) {
    request_queue *q = loop_take_queue(l);
    int64_t again;
    bool started = start_next(l, q, now, &again);
    if (again < next)
      next = again;
    if (q->first != NULL)
      loop_add_queue(l, q);
    if (started)
      first_idle = NULL;
    else if (first_idle == NULL && q->listed)
      first_idle = q;
    request_queue_release(q);
    time_slice_check(&l->slice);
  }
  return next;
}


/* Handles due timers: retries, deadlines of waiting transfers, and the watchdog
** of running ones. */
static void run_timers (loop *l, int64_t now) {
  timer *due;
  while ((due = timers_next(&l->timers)) != NULL && due->due <= now) {
    transfer *t = transfer_of_timer(due);
    timers_clear(&l->timers, due);
    if (t->easy != NULL)
      attempt_check(l, t, now);
    else if (t->delayed && now < t->deadline) {
      counting_end_wait(t, now);
      loop_enqueue(l, t, true, now);
    }
    else if (t->request_queue->closed_until > now)
      fail_rate_limited(l, t, t->request_queue->closed_until - now);
    else
      loop_abort(l, t, FAILURE_TIMEOUT,
                 "the deadline passed while the request was queued");
  }
}


static void report (loop *l) {
  counting_report(&l->reported, l->pending, l->running, l->connections.open);
}


CURLMcode loop_run_once (loop *l, int64_t ms) {
  int64_t now = clock_ms();
  int64_t next;
  const timer *due;
  bool was_idle = l->running == 0;
  CURLMcode code;
  run_timers(l, now);
  loop_clients_run(&l->clients, now); /* replies let requests start */
  next = start_ready(l, now);
  if (loop_clients_run(&l->clients, now) < next)
    next = l->clients.due;
  due = timers_next(&l->timers);
  if (due != NULL && due->due < next)
    next = due->due;
  if (next - now < ms)
    ms = next > now ? next - now : 0;
  report(l);
  /* a transfer that was just started cannot have a response yet; if none was,
  ** the server may have closed an idle connection */
  code = was_idle && l->running > 0 && ms == 0
             ? poller_start(l->poller)
             : poller_wait(l->poller, (long)ms, &l->slice);
  attempts_end(l);
  report(l);
  return code;
}


void loop_share_limits (loop *l, const budget *b) {
  if (b != NULL && budget_source(b) != NULL)
    loop_clients_offer(&l->clients, &budget_source(b)->clients);
}


void *loop_offer (loop *l, client_kind *kind) {
  return loop_clients_offer(&l->clients, kind) ? &l->clients : NULL;
}


void loop_announce (loop *l, long serial) {
  loop_clients_announce(&l->clients, serial);
}


bool loop_claim_queue (loop *l, request_queue *q, const char **why) {
  return request_queue_claim(q, &l->origins, why);
}


void loop_add (loop *l, transfer *t) {
  int64_t now = clock_ms();
  int64_t least = 0;
  const request_queue *q;
  loop_count(&l->pending, 1);
  l->background += t->background;
  transfer_share(t);
  if (!timers_reserve(&l->timers, l->pending) ||
      !completions_reserve(&l->completions, l->pending)) {
    loop_abort(l, t, FAILURE_TRANSPORT, "not enough memory");
    return;
  }
  loop_enqueue(l, t, false, now);
  q = t->request_queue;
  loop_share_limits(l, q->budget);
  if (q->budget != NULL && t->deadline != CLOCK_NEVER)
    least = budget_min_wait(q->budget, q->buckets, q->bucket_count,
                            q->length - 1, budget_now(q->budget));
  if (least > 0 && t->deadline - now < least)
    fail_rate_limited(l, t, least);
  else if (least > 0)
    transfer_set_wait(t, WAIT_RATE_LIMIT, now + least);
}


void loop_free (loop *l) {
  static const char why[] = "the thread that submitted it has ended";
  timer *any;
  while (l->queues != NULL) {
    request_queue *q = loop_take_queue(l);
    while (q->first != NULL)
      loop_abort(l, transfer_of_node(q->first), FAILURE_CLOSED, why);
    request_queue_release(q);
  }
  while ((any = timers_next(&l->timers)) != NULL)
    loop_abort(l, transfer_of_timer(any), FAILURE_CLOSED, why);
  loop_clients_close(&l->clients);
  easy_pool_free(&l->easy_pool);
  curl_multi_cleanup(l->multi);
  connections_free(&l->connections);
  report(l);
  poller_free(l->poller);
  origins_close(&l->origins);
  timers_free(&l->timers);
  completions_free(&l->completions);
  free(l);
}


void loop_share_processor (loop *l) {
  l->slice.enabled = true;
}


void loop_wake (loop *l) {
  poller_wake(l->poller);
}


const long *loop_take_announced (loop *l, size_t *count) {
  return completions_take_all(&l->completions, count);
}


void loop_unwatch (loop *l) {
  if (--l->watched_done == 0)
    poller_signal(l->poller, false);
}


int loop_fd (const loop *l) {
  return poller_fd(l->poller);
}


long loop_timeout (const loop *l) {
  int64_t now = clock_ms();
  const timer *due = timers_next(&l->timers);
  int64_t next = due != NULL ? due->due : CLOCK_NEVER;
  const request_queue *q;
  long left = poller_timeout(l->poller), ms;
  for (q = l->queues; q != NULL; q = q->next)
    if (q->closed_until > now && q->closed_until < next)
      next = q->closed_until;
  if (loop_clients_due(&l->clients) < next)
    next = l->clients.due;
  ms = clock_timeout(next);
  return left >= 0 && (ms < 0 || left < ms) ? left : ms;
}


size_t loop_background (const loop *l) {
  return l->background;
}
