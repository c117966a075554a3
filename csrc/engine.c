/*
** engine.c - the transfers of this process.
**
** A transfer waits in its lane until the origin has room for it and the
** budget lets it go, runs, and then ends or waits for another attempt. The
** process that waits also pumps. A child that was forked must not touch its
** parent's connections: it forgets the engine, leaking it on purpose, and
** starts one of its own.
*/
#include "engine.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ends.h"
#include "poller.h"

#define SPARE_HANDLES 128
#define KEPT_CONNECTIONS 256L
#define CONNECTIONS_PER_HOST 16L
#define MOST_IN_FLIGHT 512
#define FOREVER INT64_MAX

/* How often what is under way is counted anew: it must not leave a window of
** the budget, the least of which is a second, while the service may still
** count it. */
#define HOLD_MS 400

typedef struct engine {
  CURLM *multi;
  poller *poller;
  long pid;
  CURL *spare[SPARE_HANDLES];  /* used handles, reset: cheaper than new */
  int spares;
  lane *lanes, **last_lane;    /* those that have requests waiting */
  timers timers;
  size_t pending;              /* submitted and not done */
  size_t running;
  ends ends;                   /* of announced transfers */
  size_t unseen;               /* watched ones that ended */
} engine;

static engine *the_engine = NULL;
static CURLcode global_code = CURLE_FAILED_INIT;


double engine_clock (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static int64_t clock_ms (void) {
  return (int64_t)(engine_clock() * 1000);
}


/* {======================================================
** The engine itself
** ======================================================= */

/* Once per process and never undone: others may use libcurl too. */
static void global_init (void) {
  global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}


static engine *engine_new (void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  engine *e;
  pthread_once(&once, global_init);
  if (global_code != CURLE_OK)
    return NULL;
  e = calloc(1, sizeof(*e));
  if (e == NULL)
    return NULL;
  e->multi = curl_multi_init();
  e->poller = e->multi != NULL ? poller_new(e->multi) : NULL;
  if (e->poller == NULL) {
    curl_multi_cleanup(e->multi);
    free(e);
    return NULL;
  }
  e->pid = (long)getpid();
  e->last_lane = &e->lanes;
  origins_reset();
  curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
  curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    CONNECTIONS_PER_HOST);
  return e;
}


static engine *engine_get (void) {
  if (the_engine == NULL || the_engine->pid != (long)getpid())
    the_engine = engine_new();
  return the_engine;
}


/* The engine, if it is this process's and runs the transfer. */
static engine *engine_of (const transfer *t) {
  engine *e = the_engine;
  return e != NULL && e->pid == (long)getpid() && e->pid == t->pid ? e : NULL;
}


static CURL *take_handle (engine *e) {
  return e->spares > 0 ? e->spare[--e->spares] : curl_easy_init();
}


static void keep_handle (engine *e, CURL *easy) {
  if (e->spares == SPARE_HANDLES) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);  /* connections belong to the multi handle */
  e->spare[e->spares++] = easy;
}

/* }====================================================== */


/* {======================================================
** States of a transfer: ready in its lane, running, delayed, done
** ======================================================= */

static void list_lane (engine *e, lane *l) {
  if (l->listed)
    return;
  l->listed = true;
  l->next = NULL;
  *e->last_lane = lane_share(l);
  e->last_lane = &l->next;
}


static lane *unlist_lane (engine *e) {
  lane *l = e->lanes;
  e->lanes = l->next;
  if (e->lanes == NULL)
    e->last_lane = &e->lanes;
  l->listed = false;
  return l;
}


static void be_ready (engine *e, transfer *t, bool first) {
  t->delayed = false;
  lane_adopt(t->lane, e->pid);
  if (t->deadline != FOREVER)
    timers_set(&e->timers, &t->timer, t->deadline);
  if (first)
    lane_prepend(t->lane, &t->place);
  else
    lane_append(t->lane, &t->place);
  list_lane(e, t->lane);
}


static void be_delayed (engine *e, transfer *t, int64_t until) {
  t->delayed = true;
  timers_set(&e->timers, &t->timer, until);
}


/* Takes a running transfer from libcurl. */
static void stop (engine *e, transfer *t) {
  if (t->easy == NULL)
    return;
  curl_multi_remove_handle(e->multi, t->easy);
  request_detach(&t->request);
  keep_handle(e, t->easy);
  t->easy = NULL;
  t->lane->origin->in_flight--;
  e->running--;
}


/* For those who wait elsewhere. */
static void tell_end (engine *e, const transfer *t) {
  if (t->announced)
    ends_add(&e->ends, t->serial);
  if (t->watched && e->unseen++ == 0)
    poller_call(e->poller, true);
}


/* The engine lets go of a transfer, which may be the end of it. */
static void be_done (engine *e, transfer *t) {
  stop(e, t);
  timers_clear(&e->timers, &t->timer);
  if (t->place.taken)
    lane_remove(t->lane, &t->place);
  t->done = true;
  t->response.elapsed = engine_clock() - t->submitted;
  tell_end(e, t);
  e->pending--;
  transfer_release(t);
}


static void give_up (engine *e, transfer *t, failure kind,
                     const char *reason) {
  if (t->easy != NULL) {
    transfer_break(t, reason, engine_clock());
    t->taken = lane_settle(t->lane, t->taken);
  }
  transfer_fail(t, kind, reason);
  be_done(e, t);
}


static void give_up_waiting (engine *e, transfer *t, int64_t ms) {
  t->response.retry_after = (double)ms / 1000;
  give_up(e, t, FAILURE_RATE_LIMITED,
          "the rate limit leaves no room before the deadline");
}

/* }====================================================== */


static long time_for (const transfer *t, int64_t now) {
  long most = t->request.settings->timeout_ms;
  if (t->deadline - now < most)
    most = (long)(t->deadline - now);
  return most > 0 ? most : 1;
}


static void run (engine *e, transfer *t, int64_t now) {
  CURLcode code;
  lane_remove(t->lane, &t->place);
  if (t->lane->budget != NULL)
    timers_set(&e->timers, &t->timer, now + HOLD_MS);
  else
    timers_clear(&e->timers, &t->timer);  /* libcurl keeps the time now */
  t->started = engine_clock();
  t->easy = take_handle(e);
  if (t->easy == NULL) {
    give_up(e, t, FAILURE_TRANSPORT, "libcurl cannot be started");
    return;
  }
  t->lane->origin->in_flight++;
  e->running++;
  code = request_apply(&t->request, t->easy, time_for(t, now));
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code == CURLE_OK)
    code = origin_apply(t->lane->origin, t->easy, t->resent);
  if (code != CURLE_OK)
    give_up(e, t, FAILURE_TRANSPORT, curl_easy_strerror(code));
  else if (curl_multi_add_handle(e->multi, t->easy) != CURLM_OK)
    give_up(e, t, FAILURE_TRANSPORT, "libcurl takes no more transfers");
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
  t->taken = budget_now();
  wait = budget_take(l->budget, l->buckets, l->bucket_count, t->taken);
  l->closed_until = now + wait;
  return wait;
}


/* Runs the first of a lane, if it may go; gives up on those whose turn will
** come too late. False when there is nothing more to be done for now:
** '*again' is then when the lane is to be looked at again. */
static bool start_one (engine *e, lane *l, int64_t now, int64_t *again) {
  *again = FOREVER;  /* until something ends */
  while (l->first != NULL && e->running < MOST_IN_FLIGHT &&
         l->origin->in_flight < origin_capacity(l->origin)) {
    transfer *t = transfer_at(l->first);
    int64_t wait = lane_wait(l, t, now);
    if (wait == 0) {
      run(e, t, now);
      return true;
    }
    if (t->deadline == FOREVER || now + wait < t->deadline) {
      *again = now + wait;
      return false;
    }
    give_up_waiting(e, t, wait);
  }
  return false;
}


/* One of each lane in turn, so that a long one does not keep the others from
** the connections, until none has anything to start. Returns when to look
** again. */
static int64_t start_ready (engine *e, int64_t now) {
  int64_t next = FOREVER;
  const lane *first_idle = NULL;  /* since which all were */
  while (e->lanes != NULL && e->lanes != first_idle) {
    lane *l = unlist_lane(e);
    int64_t again;
    bool started = start_one(e, l, now, &again);
    if (again < next)
      next = again;
    if (l->first != NULL)
      list_lane(e, l);
    if (started)
      first_idle = NULL;
    else if (first_idle == NULL && l->listed)
      first_idle = l;
    lane_release(l);
  }
  return next;
}


/* Gaps that have passed, deadlines of those that still wait, and what is
** under way for long. */
static void run_timers (engine *e, int64_t now) {
  timer *due;
  while ((due = timers_next(&e->timers)) != NULL && due->due <= now) {
    transfer *t = (transfer *)(void *)((char *)due - offsetof(transfer, timer));
    timers_clear(&e->timers, due);
    if (t->easy != NULL) {
      t->taken = lane_settle(t->lane, t->taken);
      timers_set(&e->timers, &t->timer, now + HOLD_MS);
    }
    else if (t->delayed && now < t->deadline)
      be_ready(e, t, true);
    else if (t->lane->closed_until > now)
      give_up_waiting(e, t, t->lane->closed_until - now);
    else
      give_up(e, t, FAILURE_TIMEOUT,
              "the deadline passed while it waited for its turn");
  }
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
  if (a->status == 429 && a->retry_after >= 0)
    budget_block(l->budget, &l->buckets[0], t->taken,
                 (int64_t)a->retry_after * 1000);
  else if (a->status != 0 &&
           headers_rate_limit(t->response.head.data, t->response.head.size,
                              &limit))
    budget_learn(l->budget, l->buckets, l->bucket_count, &limit, t->taken);
}


/* True where there will be another attempt. */
static bool try_again (engine *e, transfer *t, const attempt *a,
                       int64_t now) {
  retry verdict = retry_verdict(a, t->repeatable);
  size_t max_bytes = t->response.max_bytes;
  int retries = t->request.settings->retries;
  int64_t until = now;
  /* to wait as the service says is no retry that failed, and a connection
     that had died no attempt; but nobody who wants none is made to wait, nor
     has anything with a body go out twice */
  if (verdict == RETRY_AT_ONCE && !t->resent &&
      (retries > 0 || t->request.body == NULL))
    t->resent = true;
  else if (verdict == RETRY_NEVER || retries == 0 ||
           (verdict != RETRY_PACED && t->failures >= retries))
    return false;
  else {
    int n = verdict == RETRY_PACED ? t->trial_count : ++t->failures;
    until = now + 1 + retry_gap(a, n, t->deadline - now);
  }
  if (until >= t->deadline)
    return false;
  stop(e, t);
  timers_clear(&e->timers, &t->timer);
  response_close(&t->response);
  response_open(&t->response, max_bytes);
  if (until > now)
    be_delayed(e, t, until);
  else
    be_ready(e, t, true);
  return true;
}


static void attempt_ended (engine *e, transfer *t, CURLcode code) {
  int64_t now = clock_ms();
  attempt a = response_finish(&t->response, t->easy, code,
                              t->request.message);
  if (a.status != 0)
    t->lane->origin->http_version = t->response.http_version;
  transfer_note(t, &a, engine_clock());
  tell_budget(t, &a);
  if (!try_again(e, t, &a, now))
    be_done(e, t);
}


static void collect (engine *e) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(e->multi, &left)) != NULL) {
    transfer *t = NULL;
    CURLcode code = message->data.result;  /* gone once it is removed */
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    attempt_ended(e, t, code);
  }
}

/* }====================================================== */


/* A round: what is due is started, what libcurl has to do is done, waiting
** for it up to 'ms'. */
static CURLMcode turn (engine *e, int64_t ms) {
  int64_t now = clock_ms();
  int64_t next;
  const timer *due;
  CURLMcode code;
  run_timers(e, now);
  next = start_ready(e, now);
  due = timers_next(&e->timers);
  if (due != NULL && due->due < next)
    next = due->due;
  if (next - now < ms)
    ms = next > now ? next - now : 0;
  code = poller_wait(e->poller, (long)ms);
  collect(e);
  return code;
}


void engine_submit (transfer *t) {
  engine *e = engine_get();
  const settings *s = t->request.settings;
  int64_t now = clock_ms();
  int64_t least;
  if (e == NULL || !timers_reserve(&e->timers, e->pending + 1) ||
      !ends_reserve(&e->ends, e->pending + 1)) {
    transfer_fail(t, FAILURE_TRANSPORT, "not enough memory");
    return;
  }
  t->pid = e->pid;
  t->submitted = t->idle_since = engine_clock();
  t->deadline = s->deadline_ms > 0 ? now + 1 + s->deadline_ms : FOREVER;
  e->pending++;
  transfer_share(t);
  be_ready(e, t, false);
  least = t->lane->budget == NULL ? 0
    : budget_least_wait(t->lane->budget, t->lane->buckets,
                        t->lane->bucket_count, t->lane->length - 1,
                        budget_now());
  if (least > 0 && t->deadline - now < least)
    give_up_waiting(e, t, least);
  else
    turn(e, 0);  /* out with it while the host works on */
}


void engine_cancel (transfer *t) {
  engine *e = engine_of(t);
  if (t->done)
    return;
  if (e != NULL)
    give_up(e, t, FAILURE_CANCELLED, "cancelled");
  else
    transfer_fail(t, FAILURE_CANCELLED, "cancelled");
}


/* The engine of a transfer. One that a child finds from before the fork is
** done: nobody works on it here. */
static engine *engine_for (transfer *t) {
  engine *e = engine_of(t);
  if (!t->done && e == NULL)
    transfer_fail(t, FAILURE_CLOSED, "submitted before the process forked");
  return e;
}


void engine_announce (transfer *t) {
  engine_for(t);
  t->announced = true;
}


void engine_watch (transfer *t) {
  engine_for(t);
  t->watched = !t->done;
}


void engine_unwatch (transfer *t) {
  engine *e = engine_of(t);
  if (e != NULL && t->watched && t->done && --e->unseen == 0)
    poller_call(e->poller, false);
  t->watched = false;
}


bool engine_wait (transfer *t, long ms) {
  int64_t until = clock_ms() + ms;
  engine *e = engine_for(t);
  while (!t->done) {
    int64_t left = until - clock_ms();
    CURLMcode code = turn(e, left > 0 ? left : 0);
    if (code != CURLM_OK && !t->done)
      give_up(e, t, FAILURE_TRANSPORT, curl_multi_strerror(code));
    if (left <= 0)
      break;
  }
  return t->done;
}


const long *engine_wait_any (long ms, size_t *count) {
  int64_t until = clock_ms() + ms;
  engine *e = engine_get();
  *count = 0;
  if (e == NULL)
    return NULL;
  ends_renew(&e->ends);
  while (e->ends.count == 0) {
    int64_t left = until - clock_ms();
    turn(e, left > 0 ? left : 0);
    if (left <= 0)
      break;
  }
  return ends_tell(&e->ends, count);
}


void engine_pump (long ms) {
  int64_t until = clock_ms() + ms;
  int64_t left = ms;
  engine *e = engine_get();
  while (e != NULL && left >= 0) {
    turn(e, left);
    left = left > 0 ? until - clock_ms() : -1;
  }
}


int engine_fd (void) {
  engine *e = engine_get();
  return e != NULL ? poller_fd(e->poller) : -1;
}


long engine_timeout (void) {
  engine *e = engine_get();
  int64_t now = clock_ms();
  int64_t next = FOREVER;
  const lane *l;
  const timer *due;
  long ms;
  if (e == NULL)
    return -1;
  due = timers_next(&e->timers);
  if (due != NULL)
    next = due->due;
  for (l = e->lanes; l != NULL; l = l->next)
    if (l->closed_until > now && l->closed_until < next)
      next = l->closed_until;
  ms = next == FOREVER ? -1 : next > now ? (long)(next - now) : 0;
  if (poller_timeout(e->poller) >= 0 &&
      (ms < 0 || poller_timeout(e->poller) < ms))
    ms = poller_timeout(e->poller);
  return ms;
}


void engine_load (size_t *queued, size_t *running) {
  engine *e = engine_get();
  *running = e != NULL ? e->running : 0;
  *queued = e != NULL ? e->pending - e->running : 0;
}
