/*
** http/loop.c - what carries transfers.
**
** A transfer waits in its lane until the origin has room for it and the
** budget lets it go, runs, and then ends or waits for another attempt.
*/
#include "http/loop.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/completion_queue.h"
#include "http/sigpipe.h"
#include "http/background_stats.h"

#define MAX_IDLE_CONNECTIONS 512L
#define MAX_RUNNING 512
#define FOREVER LOOP_FOREVER

/* How often what is under way is counted anew: it must not leave a window of
** the budget, the least of which is a second, while the service may still
** count it. */
#define HOLD_MS 400

#define GRACE_MS 1000


loop *loop_new (void) {
  loop *m = calloc(1, sizeof(*m));
  if (m == NULL)
    return NULL;
  m->multi = curl_multi_init();
  m->poller = m->multi != NULL ? poller_new(m->multi) : NULL;
  if (m->poller == NULL) {
    curl_multi_cleanup(m->multi);
    free(m);
    return NULL;
  }
  m->pid = m->origins.pid = (long)getpid();
  m->last_queue = &m->queues;
  curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, MAX_IDLE_CONNECTIONS);
  curl_multi_setopt(m->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    (long)origin_connections());
  return m;
}


/* Another thread may ask how many there are. */
static void add (size_t *count, int by) {
  __atomic_store_n(count, *count + (size_t)by, __ATOMIC_RELAXED);
}


void loop_stats (const loop *m, size_t *pending, size_t *running) {
  *pending = __atomic_load_n(&m->pending, __ATOMIC_RELAXED);
  *running = __atomic_load_n(&m->running, __ATOMIC_RELAXED);
}


/* {======================================================
** States of a transfer: ready in its lane, running, delayed, done
** ======================================================= */

static void add_queue (loop *m, request_queue *l) {
  if (l->listed)
    return;
  l->listed = true;
  l->next = NULL;
  *m->last_queue = request_queue_share(l);
  m->last_queue = &l->next;
}


static request_queue *take_queue (loop *m) {
  request_queue *l = m->queues;
  m->queues = l->next;
  if (m->queues == NULL)
    m->last_queue = &m->queues;
  l->listed = false;
  return l;
}


static void enqueue (loop *m, transfer *t, bool first) {
  t->delayed = false;
  transfer_set_wait(t, WAIT_RATE_LIMIT, 0);
  request_queue_adopt(t->request_queue, m->pid);
  if (t->deadline != FOREVER)
    timers_set(&m->timers, &t->timer, t->deadline);
  if (first)
    request_queue_prepend(t->request_queue, &t->node);
  else
    request_queue_append(t->request_queue, &t->node);
  add_queue(m, t->request_queue);
}


static void schedule_retry (loop *m, transfer *t, int64_t until) {
  t->delayed = true;
  transfer_set_wait(t, t->gap_reason, until);
  timers_set(&m->timers, &t->timer, until);
}


/* Takes a running transfer from libcurl. */
static void stop (loop *m, transfer *t) {
  sigpipe_state state;
  if (t->easy == NULL)
    return;
  sigpipe_block(&state); /* it may close a connection of TLS */
  curl_multi_remove_handle(m->multi, t->easy);
  sigpipe_restore(&state);
  request_free_mime(&t->request);
  easy_pool_put(&m->easy_pool, t->easy, &t->request, t->response.status == 0);
  t->easy = NULL;
  request_queue_count_running(t->request_queue, -1);
  add(&m->running, -1);
  if (t->background)
    background_run(false);
}


/* To whoever wants to know. */
static void notify_done (loop *m, transfer *t) {
  if (t->background) {
    background_leave(t);
    m->background--;
  }
  if (t->announced)
    completions_add(&m->completions, t->serial);
  if (t->watched && m->unseen++ == 0)
    poller_signal(m->poller, true);
  transfer_finish(t);
  if (t->completion_queue != NULL)
    completion_queue_push(t->completion_queue, t->serial);
}


/* The machine lets go of a transfer, which may be the end of it. */
static void finish (loop *m, transfer *t) {
  stop(m, t);
  timers_clear(&m->timers, &t->timer);
  if (t->node.taken)
    request_queue_remove(t->request_queue, &t->node);
  t->response.elapsed = clock_now() - t->submitted;
  add(&m->pending, -1);
  notify_done(m, t);
  transfer_release(t);
}


void loop_abort (loop *m, transfer *t, failure kind, const char *reason) {
  if (t->easy != NULL) {
    transfer_break(t, reason, clock_now());
    t->taken = request_queue_renew(t->request_queue, t->taken);
  }
  transfer_blame(t, kind, reason);
  finish(m, t);
}


static void fail_rate_limited (loop *m, transfer *t, int64_t ms) {
  t->response.retry_after = (double)ms / 1000;
  loop_abort(m, t, FAILURE_RATE_LIMITED,
             "the rate limit leaves no room before the deadline");
}

/* }====================================================== */


static long time_for (const transfer *t, int64_t now) {
  long most = t->request.settings->timeout_ms;
  if (t->deadline - now < most)
    most = (long)(t->deadline - now);
  return most > 0 ? most : 1;
}


/* libcurl keeps the time of what runs. Where it had no memory for that, it is
** missed when it is overdue. */
static void watchdog_arm (loop *m, transfer *t, int64_t now) {
  int64_t due = t->watchdog_due;
  if (t->request_queue->budget != NULL && now + HOLD_MS < due)
    due = now + HOLD_MS;
  timers_set(&m->timers, &t->timer, due);
}


/* All that libcurl has to know. */
static CURLcode prepare (loop *m, transfer *t, bool configured, int64_t now) {
  CURLcode code = connections_prepare(&m->connections);
  if (code == CURLE_OK && !configured)
    code = request_setup(&t->request, t->easy);
  if (code == CURLE_OK && !configured)
    code = connections_apply(&m->connections, t->easy);
  if (code == CURLE_OK)
    code = request_set_target(&t->request, t->easy, time_for(t, now));
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy, &m->connections);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code == CURLE_OK)
    code = origin_apply(t->request_queue->origin, t->easy, t->renew);
  return code;
}


static void run (loop *m, transfer *t, int64_t now) {
  CURLcode code;
  bool configured;
  request_queue_remove(t->request_queue, &t->node);
  transfer_set_wait(t, WAIT_NONE, 0);
  if (t->background && t->deadline == FOREVER)
    t->deadline = transfer_deadline(t, now);
  t->watchdog_due = now + time_for(t, now) + GRACE_MS;
  t->watchdog_fired = false;
  watchdog_arm(m, t, now);
  t->started = clock_now();
  t->easy = easy_pool_take(&m->easy_pool, &t->request, &configured);
  if (t->easy == NULL) {
    loop_abort(m, t, FAILURE_TRANSPORT, "libcurl cannot be started");
    return;
  }
  request_queue_count_running(t->request_queue, 1);
  add(&m->running, 1);
  if (t->background)
    background_run(true);
  code = prepare(m, t, configured, now);
  if (code != CURLE_OK)
    loop_abort(m, t, FAILURE_TRANSPORT, curl_easy_strerror(code));
  else if (curl_multi_add_handle(m->multi, t->easy) != CURLM_OK)
    loop_abort(m, t, FAILURE_TRANSPORT, "libcurl takes no more transfers");
}


static transfer *transfer_at (queue_node *p) {
  return (transfer *)(void *)((char *)p - offsetof(transfer, node));
}


/* How long until the first of the lane may go; 0: now. */
static int64_t queue_wait (request_queue *l, transfer *t, int64_t now) {
  int64_t wait;
  if (l->closed_until > now)
    return l->closed_until - now;
  if (l->budget == NULL)
    return 0;
  t->taken = budget_now(l->budget);
  wait = budget_take(l->budget, l->buckets, l->bucket_count, t->taken);
  __atomic_store_n(&l->closed_until, now + wait, __ATOMIC_RELAXED);
  return wait;
}


/* Runs the first of a lane, if it may go; gives up on those whose turn will
** come too late. False when there is nothing more to be done for now:
** '*again' is then when the lane is to be looked at again. */
static bool start_one (loop *m, request_queue *l, int64_t now, int64_t *again) {
  *again = FOREVER; /* until something ends */
  while (l->first != NULL && m->running < MAX_RUNNING &&
         request_queue_has_capacity(l)) {
    transfer *t = transfer_at(l->first);
    int64_t wait = queue_wait(l, t, now);
    if (wait == 0) {
      run(m, t, now);
      return true;
    }
    if (t->deadline == FOREVER || now + wait < t->deadline) {
      *again = now + wait;
      return false;
    }
    fail_rate_limited(m, t, wait);
  }
  return false;
}


/* One of each lane in turn, so that a long one does not keep the others from
** the connections, until none has anything to start. Returns when to look
** again. */
static int64_t start_ready (loop *m, int64_t now) {
  int64_t next = FOREVER;
  const request_queue *first_idle = NULL; /* since which all were */
  while (m->queues != NULL && m->queues != first_idle) {
    request_queue *l = take_queue(m);
    int64_t again;
    bool started = start_one(m, l, now, &again);
    if (again < next)
      next = again;
    if (l->first != NULL)
      add_queue(m, l);
    if (started)
      first_idle = NULL;
    else if (first_idle == NULL && l->listed)
      first_idle = l;
    request_queue_release(l);
  }
  return next;
}


/* {======================================================
** The end of an attempt
** ======================================================= */

static void report_to_budget (transfer *t, const attempt_result *a) {
  request_queue *l = t->request_queue;
  rate_limit limit;
  t->taken = request_queue_renew(l, t->taken);
  if (l->budget == NULL || l->bucket_count == 0)
    return;
  if (a->status == 429) /* nor is there room for the other ones */
    budget_block(l->budget, &l->buckets[0], t->taken,
                 a->retry_after > 0 ? (int64_t)a->retry_after * 1000
                                    : RETRY_MIN_PACE_MS);
  else if (a->status != 0 && headers_rate_limit(t->response.head.data,
                                                t->response.head.size, &limit))
    budget_learn(l->budget, l->buckets, l->bucket_count, &limit, t->taken);
}


/* As before an attempt. */
static void reset (loop *m, transfer *t) {
  size_t max_bytes = t->response.max_bytes;
  stop(m, t);
  timers_clear(&m->timers, &t->timer);
  response_close(&t->response);
  response_open(&t->response, max_bytes);
}


/* Nothing was sent, for the connection was not clean: this is no attempt, and
** what it took from the budget is still there. */
static void use_new_connection (loop *m, transfer *t, int64_t now) {
  t->renew = true;
  reset(m, t);
  enqueue(m, t, true);
  run(m, t, now);
}


/* True where there will be another attempt. */
static bool retry_attempt (loop *m, transfer *t, const attempt_result *a,
                           int64_t now) {
  retry decision = retry_decide(a, t->repeatable);
  int retries = t->request.settings->retries;
  int64_t until = now;
  /* to wait until the time that the service names is no retry that failed,
     and a connection that had died no attempt; but nobody who wants none is
     made to wait, nor has anything with a body go out twice */
  if (decision == RETRY_AT_ONCE && !t->resent &&
      (retries > 0 || t->request.body == NULL)) {
    t->resent = true;
    /* where there are no streams, the other old ones may be dead as well */
    t->renew = t->request_queue->origin->http_version < CURL_HTTP_VERSION_2_0;
  }
  else if (decision == RETRY_NEVER || retries == 0 ||
           (decision != RETRY_PACED && t->failures >= retries))
    return false;
  else {
    int n = decision == RETRY_PACED ? 1 : ++t->failures;
    until = now + 1 + retry_gap(a, n, t->deadline - now);
    t->gap_reason = a->retry_after > 0 ? WAIT_RETRY_AFTER : WAIT_BACKOFF;
  }
  if (until >= t->deadline)
    return false;
  t->renew = t->renew || retry_needs_connection(a);
  reset(m, t);
  if (until > now)
    schedule_retry(m, t, until);
  else
    enqueue(m, t, true);
  return true;
}


static void attempt_ended (loop *m, transfer *t, CURLcode code) {
  int64_t now = clock_ms();
  attempt_result a =
      response_finish(&t->response, t->easy, code, t->request.message);
  if (a.unclean && !t->renew) {
    use_new_connection(m, t, now);
    return;
  }
  if (a.status != 0)
    t->request_queue->origin->http_version = t->response.http_version;
  transfer_note(t, &a, clock_now());
  report_to_budget(t, &a);
  if (!retry_attempt(m, t, &a, now))
    finish(m, t);
}


static void collect (loop *m) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(m->multi, &left)) != NULL) {
    transfer *t = NULL;
    CURLcode code = message->data.result; /* gone once it is removed */
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    attempt_ended(m, t, code);
  }
}

/* }====================================================== */


/* One that is under way. Whoever stood still may have its answer waiting, and
** first sees to that. */
static void watchdog_check (loop *m, transfer *t, int64_t now) {
  if (now >= t->watchdog_due && t->watchdog_fired) {
    attempt_ended(m, t, CURLE_OPERATION_TIMEDOUT);
    return;
  }
  if (now >= t->watchdog_due) {
    t->watchdog_fired = true;
    t->watchdog_due = now + GRACE_MS;
  }
  t->taken = request_queue_renew(t->request_queue, t->taken);
  watchdog_arm(m, t, now);
}


/* Gaps that have passed, deadlines of those that still wait, and what is
** under way for long. */
static void run_timers (loop *m, int64_t now) {
  timer *due;
  while ((due = timers_next(&m->timers)) != NULL && due->due <= now) {
    transfer *t = (transfer *)(void *)((char *)due - offsetof(transfer, timer));
    timers_clear(&m->timers, due);
    if (t->easy != NULL)
      watchdog_check(m, t, now);
    else if (t->delayed && now < t->deadline)
      enqueue(m, t, true);
    else if (t->request_queue->closed_until > now)
      fail_rate_limited(m, t, t->request_queue->closed_until - now);
    else
      loop_abort(m, t, FAILURE_TIMEOUT,
                 "the deadline passed while it waited for its turn");
  }
}


CURLMcode loop_run_once (loop *m, int64_t ms) {
  int64_t now = clock_ms();
  int64_t next;
  const timer *due;
  bool was_idle = m->running == 0;
  CURLMcode code;
  run_timers(m, now);
  next = start_ready(m, now);
  due = timers_next(&m->timers);
  if (due != NULL && due->due < next)
    next = due->due;
  if (next - now < ms)
    ms = next > now ? next - now : 0;
  /* what has only just begun is not yet to be heard of */
  code = was_idle && ms == 0 ? poller_start(m->poller)
                             : poller_wait(m->poller, (long)ms);
  collect(m);
  return code;
}


void loop_add (loop *m, transfer *t) {
  int64_t now = clock_ms();
  int64_t least;
  add(&m->pending, 1);
  m->background += t->background;
  transfer_share(t);
  if (!timers_reserve(&m->timers, m->pending) ||
      !completions_reserve(&m->completions, m->pending)) {
    loop_abort(m, t, FAILURE_TRANSPORT, "not enough memory");
    return;
  }
  enqueue(m, t, false);
  least =
      t->request_queue->budget == NULL || t->deadline == FOREVER
          ? 0
          : budget_min_wait(t->request_queue->budget, t->request_queue->buckets,
                            t->request_queue->bucket_count,
                            t->request_queue->length - 1,
                            budget_now(t->request_queue->budget));
  if (least > 0 && t->deadline - now < least)
    fail_rate_limited(m, t, least);
  else if (least > 0)
    transfer_set_wait(t, WAIT_RATE_LIMIT, now + least);
}


void machine_free (loop *m) {
  static const char why[] = "the thread that submitted it has ended";
  sigpipe_state state;
  timer *any;
  while (m->queues != NULL) {
    request_queue *l = take_queue(m);
    while (l->first != NULL)
      loop_abort(m, transfer_at(l->first), FAILURE_CLOSED, why);
    request_queue_release(l);
  }
  while ((any = timers_next(&m->timers)) != NULL)
    loop_abort(m, (transfer *)(void *)((char *)any - offsetof(transfer, timer)),
               FAILURE_CLOSED, why);
  handles_free(&m->easy_pool);
  sigpipe_block(&state);
  curl_multi_cleanup(m->multi);
  sigpipe_restore(&state);
  connections_free(&m->connections);
  poller_free(m->poller);
  origins_close(&m->origins);
  timers_free(&m->timers);
  completions_free(&m->completions);
  free(m);
}


int64_t loop_timeout (const loop *m) {
  int64_t now = clock_ms();
  const timer *due = timers_next(&m->timers);
  int64_t next = due != NULL ? due->due : FOREVER;
  const request_queue *l;
  for (l = m->queues; l != NULL; l = l->next)
    if (l->closed_until > now && l->closed_until < next)
      next = l->closed_until;
  return next;
}
