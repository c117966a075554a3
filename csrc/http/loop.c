/*
** http/loop.c - the event loop.
**
** A transfer waits in its request queue until the origin has capacity and the
** budget allows it, runs, and then either finishes or waits for a retry.
*/
#include "http/loop.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/background_stats.h"
#include "http/completion_queue.h"
#include "http/completions.h"
#include "http/counting.h"
#include "http/easy_pool.h"
#include "http/lease_clients.h"
#include "http/poller.h"

#define MAX_IDLE_CONNECTIONS 512L
#define MAX_RUNNING 512

/* How often a running request is counted again in the budget. The shortest
** window of a budget is one second: the request must not leave it while the
** service may still count it. */
#define RENEW_MS 400

#define WATCHDOG_GRACE_MS 1000

struct loop {
  CURLM *multi;
  poller *poller;
  long pid;
  easy_pool easy_pool;
  connections connections;
  origins origins;
  request_queue *queues, **last_queue; /* queues with waiting requests */
  timers timers;
  size_t pending;          /* added and not done; atomic */
  size_t running;          /* atomic */
  size_t background;       /* pending background transfers */
  completions completions; /* serials of announced transfers */
  size_t watched_done;     /* watched transfers that ended */
  time_slice slice;        /* enabled in a thread of the loop's own */
  reported reported;       /* to the metrics */
  lease_clients leases;
};


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
  l->connections.poller = l->leases.poller = l->poller;
  l->pid = l->origins.pid = (long)getpid();
  l->last_queue = &l->queues;
  curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNECTIONS);
  curl_multi_setopt(l->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    (long)origin_connections());
  return l;
}


/* Atomic, because other threads may call loop_stats. */
static void add_to_counter (size_t *count, int by) {
  __atomic_store_n(count, *count + (size_t)by, __ATOMIC_RELAXED);
}


void loop_stats (const loop *l, size_t *pending, size_t *running) {
  *pending = __atomic_load_n(&l->pending, __ATOMIC_RELAXED);
  *running = __atomic_load_n(&l->running, __ATOMIC_RELAXED);
}


/* {======================================================
** States of a transfer: queued, running, waiting for a retry, done
** ======================================================= */

static void add_queue (loop *l, request_queue *q) {
  if (q->listed)
    return;
  q->listed = true;
  q->next = NULL;
  *l->last_queue = request_queue_share(q);
  l->last_queue = &q->next;
}


static request_queue *take_queue (loop *l) {
  request_queue *q = l->queues;
  l->queues = q->next;
  if (l->queues == NULL)
    l->last_queue = &l->queues;
  q->listed = false;
  return q;
}


static void enqueue (loop *l, transfer *t, bool first, int64_t now) {
  t->delayed = false;
  t->waits_since = now;
  transfer_set_wait(t, WAIT_RATE_LIMIT, 0);
  request_queue_adopt(t->request_queue, l->pid);
  if (t->deadline != CLOCK_NEVER)
    timers_set(&l->timers, &t->timer, t->deadline);
  if (first)
    request_queue_prepend(t->request_queue, &t->node);
  else
    request_queue_append(t->request_queue, &t->node);
  add_queue(l, t->request_queue);
}


static void schedule_retry (loop *l, transfer *t, int64_t until, int64_t now) {
  t->delayed = true;
  t->waits_since = now;
  transfer_set_wait(t, t->retry_wait_reason, until);
  timers_set(&l->timers, &t->timer, until);
}


/* Removes a running transfer from the multi handle. */
static void detach (loop *l, transfer *t) {
  if (t->easy == NULL)
    return;
  curl_multi_remove_handle(l->multi, t->easy);
  request_free_mime(&t->request);
  easy_pool_put(&l->easy_pool, t->easy, &t->request, t->response.status == 0);
  t->easy = NULL;
  request_queue_count_running(t->request_queue, -1);
  add_to_counter(&l->running, -1);
  if (t->background)
    background_set_running(false);
}


/* Notifies all that asked to be notified. The transfer may belong to another
** thread once it is marked as finished. */
static void notify_done (loop *l, transfer *t) {
  if (t->background) {
    background_finish(t);
    l->background--;
  }
  if (t->announced)
    completions_add(&l->completions, t->serial);
  if (t->watched && l->watched_done++ == 0)
    poller_signal(l->poller, true);
  transfer_finish(t);
  if (t->completion_queue != NULL)
    completion_queue_push(t->completion_queue, t->serial);
}


/* Finishes a transfer and releases the loop's reference, which may free it. */
static void finish (loop *l, transfer *t) {
  double now = clock_now();
  counting_end_wait(t, (int64_t)(now * 1000));
  detach(l, t);
  timers_clear(&l->timers, &t->timer);
  if (t->node.queued)
    request_queue_remove(t->request_queue, &t->node);
  t->response.elapsed = now - t->submitted;
  counting_finish(t);
  add_to_counter(&l->pending, -1);
  notify_done(l, t);
  transfer_release(t);
}


void loop_abort (loop *l, transfer *t, failure kind, const char *reason) {
  transfer_set_failure(t, kind, reason);
  if (t->easy != NULL) {
    transfer_record_aborted(t, reason, clock_now());
    counting_end_attempt(t);
    t->budget_time = request_queue_renew(t->request_queue, t->budget_time);
  }
  finish(l, t);
}


static void fail_rate_limited (loop *l, transfer *t, int64_t ms) {
  t->response.retry_after = (double)ms / 1000;
  loop_abort(l, t, FAILURE_RATE_LIMITED,
             "the rate limit allows no request before the deadline");
}

/* }====================================================== */


static long attempt_timeout (const transfer *t, int64_t now) {
  long most = t->request.settings->timeout_ms;
  if (t->deadline - now < most)
    most = (long)(t->deadline - now);
  return most > 0 ? most : 1;
}


/* libcurl itself ends an attempt that times out. The watchdog ends it if
** libcurl could not, for lack of memory. */
static void watchdog_arm (loop *l, transfer *t, int64_t now) {
  int64_t due = t->watchdog_due;
  if (t->request_queue->budget != NULL && now + RENEW_MS < due)
    due = now + RENEW_MS;
  timers_set(&l->timers, &t->timer, due);
}


/* Sets all options of an attempt on its easy handle. */
static CURLcode configure (loop *l, transfer *t, bool configured, int64_t now) {
  CURLcode code = connections_prepare(&l->connections);
  if (code == CURLE_OK && !configured)
    code = request_setup(&t->request, t->easy);
  if (code == CURLE_OK && !configured)
    code = connections_apply(&l->connections, t->easy);
  if (code == CURLE_OK)
    code = request_set_target(&t->request, t->easy, attempt_timeout(t, now));
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy, &l->connections);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code == CURLE_OK)
    code = origin_apply(t->request_queue->origin, t->easy, t->fresh_connection);
  return code;
}


static void start_attempt (loop *l, transfer *t, int64_t now) {
  CURLcode code;
  bool configured;
  request_queue_remove(t->request_queue, &t->node);
  transfer_set_wait(t, WAIT_NONE, 0);
  if (t->background && t->deadline == CLOCK_NEVER)
    t->deadline = transfer_deadline(t, now);
  t->watchdog_due = now + attempt_timeout(t, now) + WATCHDOG_GRACE_MS;
  t->watchdog_fired = false;
  watchdog_arm(l, t, now);
  t->started = clock_now();
  t->easy = easy_pool_take(&l->easy_pool, &t->request, &configured);
  if (t->easy == NULL) {
    loop_abort(l, t, FAILURE_TRANSPORT, "curl_easy_init failed");
    return;
  }
  request_queue_count_running(t->request_queue, 1);
  add_to_counter(&l->running, 1);
  if (t->background)
    background_set_running(true);
  code = configure(l, t, configured, now);
  if (code != CURLE_OK)
    loop_abort(l, t, FAILURE_TRANSPORT, curl_easy_strerror(code));
  else if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
    loop_abort(l, t, FAILURE_TRANSPORT, "curl_multi_add_handle failed");
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
      start_attempt(l, t, now);
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
    request_queue *q = take_queue(l);
    int64_t again;
    bool started = start_next(l, q, now, &again);
    if (again < next)
      next = again;
    if (q->first != NULL)
      add_queue(l, q);
    if (started)
      first_idle = NULL;
    else if (first_idle == NULL && q->listed)
      first_idle = q;
    request_queue_release(q);
    time_slice_check(&l->slice);
  }
  return next;
}


/* {======================================================
** End of an attempt
** ======================================================= */

/* Resets a transfer to its state before an attempt. */
static void reset_attempt (loop *l, transfer *t) {
  size_t max_bytes = t->response.max_bytes;
  detach(l, t);
  timers_clear(&l->timers, &t->timer);
  response_close(&t->response);
  response_open(&t->response, max_bytes);
}


/* Starts an attempt again on a new connection. Nothing was sent because the
** connection was not clean: this does not count as an attempt, and the budget
** is still debited for it. */
static void use_new_connection (loop *l, transfer *t, int64_t now) {
  t->fresh_connection = true;
  reset_attempt(l, t);
  enqueue(l, t, true, now);
  start_attempt(l, t, now);
}


/* Starts or schedules a retry. Returns false if the transfer is not retried. */
static bool retry_attempt (loop *l, transfer *t, const attempt_result *a,
                           int64_t now) {
  retry_context context;
  retry next;
  context.repeatable = t->repeatable;
  context.has_body = t->request.body != NULL;
  context.max_retries = t->request.settings->retries;
  context.failures = t->failures;
  context.resent = t->resent;
  context.fresh_connection = t->fresh_connection;
  context.has_streams =
      t->request_queue->origin->http_version >= CURL_HTTP_VERSION_2_0;
  context.left = t->deadline - now;
  next = retry_decide(a, &context);
  if (next.kind == RETRY_NEVER)
    return false;
  t->fresh_connection = next.fresh_connection;
  counting_retry(t, a, next.kind == RETRY_AT_ONCE);
  reset_attempt(l, t);
  if (next.kind == RETRY_AT_ONCE) {
    t->resent = true;
    enqueue(l, t, true, now);
    return true;
  }
  t->failures += next.kind == RETRY_LATER;
  t->retry_wait_reason = a->retry_after > 0 ? WAIT_RETRY_AFTER : WAIT_BACKOFF;
  schedule_retry(l, t, now + next.wait, now);
  return true;
}


static void attempt_ended (loop *l, transfer *t, CURLcode code) {
  int64_t now = clock_ms();
  attempt_result a =
      response_finish(&t->response, t->easy, code, t->request.message);
  if (a.unclean && !t->fresh_connection) {
    use_new_connection(l, t, now);
    return;
  }
  if (a.status != 0)
    t->request_queue->origin->http_version = t->response.http_version;
  transfer_record_attempt(t, &a, clock_now());
  counting_end_attempt(t);
  t->budget_time =
      request_queue_finish(t->request_queue, t->budget_time, a.status,
                           t->response.head.data, t->response.head.size);
  if (!retry_attempt(l, t, &a, now))
    finish(l, t);
}


static void handle_completed (loop *l) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(l->multi, &left)) != NULL) {
    transfer *t = NULL;
    /* the message is invalid after its handle is removed */
    CURLcode code = message->data.result;
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    attempt_ended(l, t, code);
    time_slice_check(&l->slice);
  }
}

/* }====================================================== */


/* Checks a running transfer. If the caller blocked for long, its response may
** be waiting in the socket, so libcurl gets WATCHDOG_GRACE_MS to read it. */
static void watchdog_check (loop *l, transfer *t, int64_t now) {
  if (now >= t->watchdog_due && t->watchdog_fired) {
    attempt_ended(l, t, CURLE_OPERATION_TIMEDOUT);
    return;
  }
  if (now >= t->watchdog_due) {
    t->watchdog_fired = true;
    t->watchdog_due = now + WATCHDOG_GRACE_MS;
  }
  t->budget_time = request_queue_renew(t->request_queue, t->budget_time);
  watchdog_arm(l, t, now);
}


/* Handles due timers: retries, deadlines of waiting transfers, and the watchdog
** of running ones. */
static void run_timers (loop *l, int64_t now) {
  timer *due;
  while ((due = timers_next(&l->timers)) != NULL && due->due <= now) {
    transfer *t = transfer_of_timer(due);
    timers_clear(&l->timers, due);
    if (t->easy != NULL)
      watchdog_check(l, t, now);
    else if (t->delayed && now < t->deadline) {
      counting_end_wait(t, now);
      enqueue(l, t, true, now);
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
  lease_clients_run(&l->leases, now); /* replies let requests start */
  next = start_ready(l, now);
  if (lease_clients_run(&l->leases, now) < next)
    next = l->leases.due;
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
  handle_completed(l);
  report(l);
  return code;
}


void loop_share_limits (loop *l, const budget *b) {
  if (b != NULL && budget_source(b) != NULL)
    lease_clients_offer(&l->leases, budget_source(b));
}


bool loop_claim_queue (loop *l, request_queue *q, const char **why) {
  return request_queue_claim(q, &l->origins, why);
}


void loop_add (loop *l, transfer *t) {
  int64_t now = clock_ms();
  int64_t least = 0;
  const request_queue *q;
  add_to_counter(&l->pending, 1);
  l->background += t->background;
  transfer_share(t);
  if (!timers_reserve(&l->timers, l->pending) ||
      !completions_reserve(&l->completions, l->pending)) {
    loop_abort(l, t, FAILURE_TRANSPORT, "not enough memory");
    return;
  }
  enqueue(l, t, false, now);
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
    request_queue *q = take_queue(l);
    while (q->first != NULL)
      loop_abort(l, transfer_of_node(q->first), FAILURE_CLOSED, why);
    request_queue_release(q);
  }
  while ((any = timers_next(&l->timers)) != NULL)
    loop_abort(l, transfer_of_timer(any), FAILURE_CLOSED, why);
  lease_clients_close(&l->leases);
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
  if (lease_clients_due(&l->leases) < next)
    next = l->leases.due;
  ms = clock_timeout(next);
  return left >= 0 && (ms < 0 || left < ms) ? left : ms;
}


size_t loop_background (const loop *l) {
  return l->background;
}
