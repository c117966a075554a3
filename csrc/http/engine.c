/*
** http/engine.c - the engines, one per thread, and which thread runs their
** event loops.
**
** The thread that waits for a transfer also runs the loop, unless the process
** asked for background threads. Engines share nothing with other threads, so a
** program may run a Lua state in each of its threads. A forked child must not
** touch its parent's connections: it leaks the parent's engine on purpose and
** creates its own.
*/
#include "http/engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/counting.h"
#include "http/loop.h"
#include "http/completion_queue.h"
#include "http/loop_thread.h"
#include "http/background_stats.h"

/* How long background transfers may take when the process ends. */
#define DRAIN_TIMEOUT_MS 5000

typedef struct engine {
  loop *loop;
  loop_thread *loop_thread; /* NULL: the waiting thread runs the loop */
  long pid;
  long id;
} engine;

static __thread engine *the_engine = NULL; /* of the current thread */
static pthread_key_t engine_key;           /* its destructor frees the engine */
static bool uses_thread = false;
static CURLcode global_code = CURLE_FAILED_INIT;
/* Kept, because each call would need getpid() four times. */
static long this_process = 0;


/* {======================================================
** The engine of this thread
** ======================================================= */

/* Runs the loop until the background transfers are done or time is up. */
static void drain_background (engine *e) {
  int64_t until = clock_deadline(DRAIN_TIMEOUT_MS);
  if (e->loop_thread != NULL) {
    loop_thread_stop(e->loop_thread, DRAIN_TIMEOUT_MS);
    e->loop_thread = NULL;
    return;
  }
  while (loop_background(e->loop) > 0 && clock_left(until) > 0)
    loop_run_once(e->loop, clock_left(until));
}


static void at_process_exit (void) {
  engine *e = the_engine;
  if (e == NULL || e->pid != this_process)
    return;
  drain_background(e);
  background_report_lost();
}


static void engine_free (void *self) {
  engine *e = self;
  if (e->pid != this_process)
    return;
  drain_background(e);
  loop_free(e->loop);
  free(e);
  the_engine = NULL;
}


static void after_fork_in_child (void) {
  this_process = (long)getpid();
  completion_queues_reset_after_fork();
  background_reset_after_fork();
}


/* Runs once per process. curl_global_cleanup is never called: other code may
** use libcurl too. The atexit handler runs before those of the libraries that
** libcurl uses. */
static void global_init (void) {
  this_process = (long)getpid();
  global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global_code == CURLE_OK &&
      (pthread_key_create(&engine_key, engine_free) != 0 ||
       atexit(at_process_exit) != 0 ||
       pthread_atfork(NULL, NULL, after_fork_in_child) != 0))
    global_code = CURLE_OUT_OF_MEMORY;
}


static engine *engine_new (void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static long last_id = 0;
  engine *e;
  pthread_once(&once, global_init);
  if (global_code != CURLE_OK)
    return NULL;
  e = calloc(1, sizeof(*e));
  if (e == NULL)
    return NULL;
  e->loop = loop_new();
  if (e->loop == NULL) {
    free(e);
    return NULL;
  }
  e->pid = this_process;
  e->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
  if (pthread_setspecific(engine_key, e) != 0) {
    loop_free(e->loop);
    free(e);
    return NULL;
  }
  return e;
}


static engine *engine_get (void) {
  if (the_engine == NULL || the_engine->pid != this_process)
    the_engine = engine_new();
  return the_engine;
}


/* Returns the loop if this thread may run it, else NULL. */
static loop *loop_get (void) {
  const engine *e = engine_get();
  return e != NULL && e->loop_thread == NULL ? e->loop : NULL;
}


/* Returns this thread's engine if the transfer was submitted to it, else
** NULL. */
static engine *engine_of (const transfer *t) {
  engine *e = the_engine;
  return e != NULL && e->pid == this_process && e->id == t->engine ? e : NULL;
}


bool engine_is_foreign (const transfer *t) {
  return t->engine != 0 && t->pid == this_process && engine_of(t) == NULL &&
         !transfer_is_done(t);
}


void engine_use_thread (void) {
  __atomic_store_n(&uses_thread, true, __ATOMIC_RELAXED);
  origins_widen();
}


bool engine_has_thread (void) {
  return __atomic_load_n(&uses_thread, __ATOMIC_RELAXED);
}

/* }====================================================== */


/* Fails a transfer that cannot be submitted. */
static void fail_submit (transfer *t, const char *why) {
  transfer_set_failure(t, FAILURE_TRANSPORT, why);
  counting_finish(t);
  transfer_finish(t);
  if (t->background)
    background_finish(t);
}


/* Returns this thread's engine, with the thread of its loop if it has one. */
static engine *engine_start (void) {
  engine *e = engine_get();
  if (e != NULL && engine_has_thread() && e->loop_thread == NULL)
    e->loop_thread = loop_thread_start(e->loop);
  return e;
}


void engine_share_limits (const budget *b) {
  const engine *e = budget_source(b) != NULL ? engine_start() : NULL;
  if (e != NULL)
    loop_share_limits(e->loop, b);
}


void *engine_offer (client_kind *kind) {
  engine *e = engine_start();
  if (e == NULL || (engine_has_thread() && e->loop_thread == NULL))
    return NULL;
  return loop_offer(e->loop, kind);
}


void engine_run_once (long ms) {
  loop *l = loop_get();
  if (l != NULL)
    loop_run_once(l, ms);
}


void engine_submit (transfer *t) {
  engine *e = engine_start();
  const char *why = "not enough memory";
  if (e == NULL || (engine_has_thread() && e->loop_thread == NULL) ||
      !loop_claim_queue(e->loop, t->request_queue, &why) ||
      (t->completion_queue != NULL &&
       !completion_queue_reserve(t->completion_queue))) {
    fail_submit(t, why);
    return;
  }
  t->pid = e->pid;
  t->engine = e->id;
  t->submitted = t->idle_since = clock_now();
  t->deadline = t->background ? CLOCK_NEVER : transfer_deadline(t, clock_ms());
  if (e->loop_thread != NULL) {
    loop_thread_post(e->loop_thread, t);
    return;
  }
  loop_add(e->loop, t);
  loop_run_once(e->loop, 0); /* send it while the caller goes on */
}


bool engine_track (transfer *t, size_t max) {
  if (engine_get() == NULL || !background_add(t, max))
    return false;
  t->background = true;
  engine_submit(t);
  return true;
}


void engine_cancel (transfer *t) {
  engine *e = engine_of(t);
  if (transfer_is_done(t) || engine_is_foreign(t))
    return;
  if (e == NULL)
    transfer_fail(t, FAILURE_CANCELLED, "cancelled");
  else if (e->loop_thread != NULL)
    loop_thread_cancel(e->loop_thread, t);
  else
    loop_abort(e->loop, t, FAILURE_CANCELLED, "cancelled");
}


/* Returns the engine of a transfer. A transfer from before a fork fails here:
** no engine of this process runs it. */
static engine *engine_for (transfer *t) {
  engine *e = engine_of(t);
  if (e == NULL && !transfer_is_done(t))
    transfer_fail(t, FAILURE_CLOSED, "submitted before the process forked");
  return e;
}


void engine_announce (transfer *t) {
  engine_for(t);
  if (t->completion_queue == NULL)
    t->announced = true;
}


void engine_check_fork (transfer *t) {
  loop *l;
  if (t->pid == 0 || t->pid == this_process || !t->announced)
    return;
  engine_for(t);
  l = loop_get();
  if (l != NULL)
    loop_announce(l, t->serial);
}


void engine_watch (transfer *t) {
  engine_for(t);
  if (!t->watched) /* of one that is done the loop counts the watched */
    t->watched = !transfer_is_done(t);
}


void engine_unwatch (transfer *t) {
  engine *e = engine_of(t);
  if (!t->watched)
    return;
  if (e != NULL && transfer_is_done(t))
    loop_unwatch(e->loop);
  t->watched = false;
}


bool engine_wait (transfer *t, long ms) {
  int64_t until = clock_deadline(ms);
  int64_t left = 1;
  engine *e = engine_for(t);
  while (!transfer_is_done(t) && left > 0) {
    CURLMcode code;
    left = clock_left(until);
    code = loop_run_once(e->loop, left);
    if (code != CURLM_OK && !transfer_is_done(t))
      loop_abort(e->loop, t, FAILURE_TRANSPORT, curl_multi_strerror(code));
  }
  return transfer_is_done(t);
}


const long *engine_wait_any (long ms, size_t *count) {
  int64_t until = clock_deadline(ms);
  int64_t left = 1;
  loop *l = loop_get();
  const long *serials;
  *count = 0;
  if (l == NULL)
    return NULL;
  serials = loop_take_announced(l, count);
  while (*count == 0 && left > 0) {
    left = clock_left(until);
    loop_run_once(l, left);
    serials = loop_take_announced(l, count);
  }
  return serials;
}


void engine_pump (long ms) {
  int64_t until = clock_deadline(ms);
  int64_t left = 1;
  loop *l = loop_get();
  while (l != NULL && left > 0) {
    left = clock_left(until);
    loop_run_once(l, left);
  }
}


int engine_fd (void) {
  const loop *l = loop_get();
  return l != NULL ? loop_fd(l) : -1;
}


long engine_timeout (void) {
  const loop *l = loop_get();
  return l != NULL ? loop_timeout(l) : -1;
}


void engine_stats (size_t *queued, size_t *running) {
  const engine *e = engine_get();
  *queued = *running = 0;
  if (e == NULL)
    return;
  loop_stats(e->loop, queued, running);
  *queued -= *running;
  if (e->loop_thread != NULL)
    *queued += loop_thread_posted(e->loop_thread);
}
