/*
** machine.c - what carries transfers.
**
** A transfer waits in its lane until the origin has room for it and the
** budget lets it go, runs, and then ends or waits for another attempt.
*/
#include "machine.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "port.h"
#include "sigpipe.h"
#include "tracked.h"

#define KEPT_CONNECTIONS 512L
#define MOST_IN_FLIGHT 512
#define FOREVER MACHINE_FOREVER

/* How often what is under way is counted anew: it must not leave a window of
** the budget, the least of which is a second, while the service may still
** count it. */
#define HOLD_MS 400

#define GRACE_MS 1000


machine *machine_new (void) {
  machine *m = calloc(1, sizeof(*m));
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
  m->last_lane = &m->lanes;
  curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
  curl_multi_setopt(m->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    (long)origin_connections());
  return m;
}


/* Another thread may ask how many there are. */
static void add (size_t *count, int by) {
  __atomic_store_n(count, *count + (size_t)by, __ATOMIC_RELAXED);
}


void machine_load (const machine *m, size_t *pending, size_t *running) {
  *pending = __atomic_load_n(&m->pending, __ATOMIC_RELAXED);
  *running = __atomic_load_n(&m->running, __ATOMIC_RELAXED);
}


/* {======================================================
** States of a transfer: ready in its lane, running, delayed, done
** ======================================================= */

static void list_lane (machine *m, lane *l) {
  if (l->listed)
    return;
  l->listed = true;
  l->next = NULL;
  *m->last_lane = lane_share(l);
  m->last_lane = &l->next;
}


static lane *unlist_lane (machine *m) {
  lane *l = m->lanes;
  m->lanes = l->next;
  if (m->lanes == NULL)
    m->last_lane = &m->lanes;
  l->listed = false;
  return l;
}


static void be_ready (machine *m, transfer *t, bool first) {
  t->delayed = false;
  transfer_set_wait(t, WAIT_RATE_LIMIT, 0);
  lane_adopt(t->lane, m->pid);
  if (t->deadline != FOREVER)
    timers_set(&m->timers, &t->timer, t->deadline);
  if (first)
    lane_prepend(t->lane, &t->place);
  else
    lane_append(t->lane, &t->place);
  list_lane(m, t->lane);
}


static void be_delayed (machine *m, transfer *t, int64_t until) {
  t->delayed = true;
  transfer_set_wait(t, t->gap_reason, until);
  timers_set(&m->timers, &t->timer, until);
}


/* Takes a running transfer from libcurl. */
static void stop (machine *m, transfer *t) {
  sigpipe_state state;
  if (t->easy == NULL)
    return;
  sigpipe_block(&state);  /* it may close a connection of TLS */
  curl_multi_remove_handle(m->multi, t->easy);
  sigpipe_restore(&state);
  request_detach(&t->request);
  handles_keep(&m->handles, t->easy, &t->request, t->response.status == 0);
  t->easy = NULL;
  lane_runs(t->lane, -1);
  add(&m->running, -1);
  if (t->tracked)
    tracked_run(false);
}


/* To whoever wants to know. */
static void tell_end (machine *m, transfer *t) {
  if (t->tracked) {
    tracked_leave(t);
    m->tracked--;
  }
  if (t->announced)
    ends_add(&m->ends, t->serial);
  if (t->watched && m->unseen++ == 0)
    poller_call(m->poller, true);
  transfer_finish(t);
  if (t->port != NULL)
    port_tell(t->port, t->serial);
}


/* The machine lets go of a transfer, which may be the end of it. */
static void be_done (machine *m, transfer *t) {
  stop(m, t);
  timers_clear(&m->timers, &t->timer);
  if (t->place.taken)
    lane_remove(t->lane, &t->place);
  t->response.elapsed = clock_now() - t->submitted;
  add(&m->pending, -1);
  tell_end(m, t);
  transfer_release(t);
}


void machine_end (machine *m, transfer *t, failure kind,
                  const char *reason) {
  if (t->easy != NULL) {
    transfer_break(t, reason, clock_now());
    t->taken = lane_settle(t->lane, t->taken);
  }
  transfer_blame(t, kind, reason);
  be_done(m, t);
}


static void give_up_waiting (machine *m, transfer *t, int64_t ms) {
  t->response.retry_after = (double)ms / 1000;
  machine_end(m, t, FAILURE_RATE_LIMITED,
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
static void watch_over (machine *m, transfer *t, int64_t now) {
  int64_t due = t->overdue;
  if (t->lane->budget != NULL && now + HOLD_MS < due)
    due = now + HOLD_MS;
  timers_set(&m->timers, &t->timer, due);
}


/* All that libcurl has to know. */
static CURLcode prepare (machine *m, transfer *t, bool dressed,
                         int64_t now) {
  CURLcode code = connections_prepare(&m->connections);
  if (code == CURLE_OK && !dressed)
    code = request_dress(&t->request, t->easy);
  if (code == CURLE_OK && !dressed)
    code = connections_apply(&m->connections, t->easy);
  if (code == CURLE_OK)
    code = request_address(&t->request, t->easy, time_for(t, now));
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy, &m->connections);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code == CURLE_OK)
    code = origin_apply(t->lane->origin, t->easy, t->renew);
  return code;
}


static void run (machine *m, transfer *t, int64_t now) {
  CURLcode code;
  bool dressed;
  lane_remove(t->lane, &t->place);
  transfer_set_wait(t, WAIT_NONE, 0);
  if (t->tracked && t->deadline == FOREVER)
    t->deadline = transfer_deadline(t, now);
  t->overdue = now + time_for(t, now) + GRACE_MS;
  t->missed = false;
  watch_over(m, t, now);
  t->started = clock_now();
  t->easy = handles_take(&m->handles, &t->request, &dressed);
  if (t->easy == NULL) {
    machine_end(m, t, FAILURE_TRANSPORT, "libcurl cannot be started");
    return;
  }
  lane_runs(t->lane, 1);
  add(&m->running, 1);
  if (t->tracked)
    tracked_run(true);
  code = prepare(m, t, dressed, now);
  if (code != CURLE_OK)
    machine_end(m, t, FAILURE_TRANSPORT, curl_easy_strerror(code));
  else if (curl_multi_add_handle(m->multi, t->easy) != CURLM_OK)
    machine_end(m, t, FAILURE_TRANSPORT, "libcurl takes no more transfers");
}


static transfer *transfer_at (place *p) {
  return (transfer *)(void *)((char *)p - offsetof(transfer, place));
}


/* How long until the first of the lane may go; 0: now. */
static int64_t lane_wait (lane *l, transfer *t, int64_t now) {
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
static bool start_one (machine *m, lane *l, int64_t now, int64_t *again) {
  *again = FOREVER;  /* until something ends */
  while (l->first != NULL && m->running < MOST_IN_FLIGHT &&
         lane_has_room(l)) {
    transfer *t = transfer_at(l->first);
    int64_t wait = lane_wait(l, t, now);
    if (wait == 0) {
      run(m, t, now);
      return true;
    }
    if (t->deadline == FOREVER || now + wait < t->deadline) {
      *again = now + wait;
      return false;
    }
    give_up_waiting(m, t, wait);
  }
  return false;
}


/* One of each lane in turn, so that a long one does not keep the others from
** the connections, until none has anything to start. Returns when to look
** again. */
static int64_t start_ready (machine *m, int64_t now) {
  int64_t next = FOREVER;
  const lane *first_idle = NULL;  /* since which all were */
  while (m->lanes != NULL && m->lanes != first_idle) {
    lane *l = unlist_lane(m);
    int64_t again;
    bool started = start_one(m, l, now, &again);
    if (again < next)
      next = again;
    if (l->first != NULL)
      list_lane(m, l);
    if (started)
      first_idle = NULL;
    else if (first_idle == NULL && l->listed)
      first_idle = l;
    lane_release(l);
  }
  return next;
}


/* {======================================================
** The end of an attempt
** ======================================================= */

static void tell_budget (transfer *t, const attempt *a) {
  lane *l = t->lane;
  rate_limit limit;
  t->taken = lane_settle(l, t->taken);
  if (l->budget == NULL || l->bucket_count == 0)
    return;
  if (a->status == 429)  /* nor is there room for the other ones */
    budget_block(l->budget, &l->buckets[0], t->taken,
                 a->retry_after > 0 ? (int64_t)a->retry_after * 1000
                                    : RETRY_MIN_PACE_MS);
  else if (a->status != 0 &&
           headers_rate_limit(t->response.head.data, t->response.head.size,
                              &limit))
    budget_learn(l->budget, l->buckets, l->bucket_count, &limit, t->taken);
}


/* As before an attempt. */
static void reset (machine *m, transfer *t) {
  size_t max_bytes = t->response.max_bytes;
  stop(m, t);
  timers_clear(&m->timers, &t->timer);
  response_close(&t->response);
  response_open(&t->response, max_bytes);
}


/* Nothing was sent, for the connection was not clean: this is no attempt, and
** what it took from the budget is still there. */
static void use_new_connection (machine *m, transfer *t, int64_t now) {
  t->renew = true;
  reset(m, t);
  be_ready(m, t, true);
  run(m, t, now);
}


/* True where there will be another attempt. */
static bool try_again (machine *m, transfer *t, const attempt *a,
                       int64_t now) {
  retry verdict = retry_verdict(a, t->repeatable);
  int retries = t->request.settings->retries;
  int64_t until = now;
  /* to wait until the time that the service names is no retry that failed,
     and a connection that had died no attempt; but nobody who wants none is
     made to wait, nor has anything with a body go out twice */
  if (verdict == RETRY_AT_ONCE && !t->resent &&
      (retries > 0 || t->request.body == NULL)) {
    t->resent = true;
    /* where there are no streams, the other old ones may be dead as well */
    t->renew = t->lane->origin->http_version < CURL_HTTP_VERSION_2_0;
  }
  else if (verdict == RETRY_NEVER || retries == 0 ||
           (verdict != RETRY_PACED && t->failures >= retries))
    return false;
  else {
    int n = verdict == RETRY_PACED ? 1 : ++t->failures;
    until = now + 1 + retry_gap(a, n, t->deadline - now);
    t->gap_reason = a->retry_after > 0 ? WAIT_RETRY_AFTER : WAIT_BACKOFF;
  }
  if (until >= t->deadline)
    return false;
  t->renew = t->renew || retry_needs_connection(a);
  reset(m, t);
  if (until > now)
    be_delayed(m, t, until);
  else
    be_ready(m, t, true);
  return true;
}


static void attempt_ended (machine *m, transfer *t, CURLcode code) {
  int64_t now = clock_ms();
  attempt a = response_finish(&t->response, t->easy, code,
                              t->request.message);
  if (a.unclean && !t->renew) {
    use_new_connection(m, t, now);
    return;
  }
  if (a.status != 0)
    t->lane->origin->http_version = t->response.http_version;
  transfer_note(t, &a, clock_now());
  tell_budget(t, &a);
  if (!try_again(m, t, &a, now))
    be_done(m, t);
}


static void collect (machine *m) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(m->multi, &left)) != NULL) {
    transfer *t = NULL;
    CURLcode code = message->data.result;  /* gone once it is removed */
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    attempt_ended(m, t, code);
  }
}

/* }====================================================== */


/* One that is under way. Whoever stood still may have its answer waiting, and
** first sees to that. */
static void look_after (machine *m, transfer *t, int64_t now) {
  if (now >= t->overdue && t->missed) {
    attempt_ended(m, t, CURLE_OPERATION_TIMEDOUT);
    return;
  }
  if (now >= t->overdue) {
    t->missed = true;
    t->overdue = now + GRACE_MS;
  }
  t->taken = lane_settle(t->lane, t->taken);
  watch_over(m, t, now);
}


/* Gaps that have passed, deadlines of those that still wait, and what is
** under way for long. */
static void run_timers (machine *m, int64_t now) {
  timer *due;
  while ((due = timers_next(&m->timers)) != NULL && due->due <= now) {
    transfer *t = (transfer *)(void *)((char *)due - offsetof(transfer, timer));
    timers_clear(&m->timers, due);
    if (t->easy != NULL)
      look_after(m, t, now);
    else if (t->delayed && now < t->deadline)
      be_ready(m, t, true);
    else if (t->lane->closed_until > now)
      give_up_waiting(m, t, t->lane->closed_until - now);
    else
      machine_end(m, t, FAILURE_TIMEOUT,
              "the deadline passed while it waited for its turn");
  }
}


CURLMcode machine_turn (machine *m, int64_t ms) {
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


void machine_take (machine *m, transfer *t) {
  int64_t now = clock_ms();
  int64_t least;
  add(&m->pending, 1);
  m->tracked += t->tracked;
  transfer_share(t);
  if (!timers_reserve(&m->timers, m->pending) ||
      !ends_reserve(&m->ends, m->pending)) {
    machine_end(m, t, FAILURE_TRANSPORT, "not enough memory");
    return;
  }
  be_ready(m, t, false);
  least = t->lane->budget == NULL || t->deadline == FOREVER ? 0
    : budget_least_wait(t->lane->budget, t->lane->buckets,
                        t->lane->bucket_count, t->lane->length - 1,
                        budget_now(t->lane->budget));
  if (least > 0 && t->deadline - now < least)
    give_up_waiting(m, t, least);
  else if (least > 0)
    transfer_set_wait(t, WAIT_RATE_LIMIT, now + least);
}


void machine_free (machine *m) {
  static const char why[] = "the thread that submitted it has ended";
  sigpipe_state state;
  timer *any;
  while (m->lanes != NULL) {
    lane *l = unlist_lane(m);
    while (l->first != NULL)
      machine_end(m, transfer_at(l->first), FAILURE_CLOSED, why);
    lane_release(l);
  }
  while ((any = timers_next(&m->timers)) != NULL)
    machine_end(m, (transfer *)(void *)((char *)any -
                                        offsetof(transfer, timer)),
                FAILURE_CLOSED, why);
  handles_free(&m->handles);
  sigpipe_block(&state);
  curl_multi_cleanup(m->multi);
  sigpipe_restore(&state);
  connections_free(&m->connections);
  poller_free(m->poller);
  origins_close(&m->origins);
  timers_free(&m->timers);
  ends_free(&m->ends);
  free(m);
}


int64_t machine_due (const machine *m) {
  int64_t now = clock_ms();
  const timer *due = timers_next(&m->timers);
  int64_t next = due != NULL ? due->due : FOREVER;
  const lane *l;
  for (l = m->lanes; l != NULL; l = l->next)
    if (l->closed_until > now && l->closed_until < next)
      next = l->closed_until;
  return next;
}
