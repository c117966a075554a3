/*
** engine.c - the transfers of this process, and who works on them.
**
** The process that waits also pumps, unless it asked for a thread. A child
** that was forked must not touch its parent's connections: it forgets the
** engine, leaking it on purpose, and starts one of its own.
*/
#include "engine.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "machine.h"
#include "port.h"
#include "thread.h"
#include "tracked.h"

/* How long what is tracked may take when the process ends. */
#define LAST_MS 5000

typedef struct engine {
  machine *machine;
  thread *thread;  /* NULL: who waits pumps */
  long pid;
} engine;

static engine *the_engine = NULL;
static bool wants_thread = false;
static CURLcode global_code = CURLE_FAILED_INIT;
static long this_process = 0;  /* to ask the system costs, four times a call */


/* {======================================================
** The engine of this process
** ======================================================= */

/* What is tracked still goes out, for a while. */
static void leave (void) {
  engine *e = the_engine;
  int64_t until = clock_ms() + LAST_MS;
  tracked_counts now = tracked_now();
  if (e == NULL || e->pid != this_process)
    return;
  if (e->thread != NULL)
    thread_stop(e->thread, LAST_MS);
  else
    while (now.queued + now.running > 0 && clock_ms() < until) {
      machine_turn(e->machine, until - clock_ms());
      now = tracked_now();
    }
  e->thread = NULL;
  tracked_report_lost();
}


static void forget (void) {
  this_process = (long)getpid();
  ports_forget();
  tracked_forget();
}


/* Once per process and never undone: others may use libcurl too. What is
** done at the exit is done before what libcurl's own libraries do there. */
static void global_init (void) {
  this_process = (long)getpid();
  global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (global_code == CURLE_OK &&
      (atexit(leave) != 0 || pthread_atfork(NULL, NULL, forget) != 0))
    global_code = CURLE_OUT_OF_MEMORY;
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
  e->machine = machine_new();
  if (e->machine == NULL) {
    free(e);
    return NULL;
  }
  e->pid = e->machine->pid;
  origins_reset();
  return e;
}


static engine *engine_get (void) {
  if (the_engine == NULL || the_engine->pid != this_process)
    the_engine = engine_new();
  return the_engine;
}


/* The machine, for who pumps it. */
static machine *machine_get (void) {
  const engine *e = engine_get();
  return e != NULL && e->thread == NULL ? e->machine : NULL;
}


/* The engine, if it is this process's and has the transfer. */
static engine *engine_of (const transfer *t) {
  engine *e = the_engine;
  return e != NULL && e->pid == this_process && e->pid == t->pid ? e : NULL;
}


void engine_want_thread (void) {
  wants_thread = true;
  origins_widen();
}


bool engine_has_thread (void) {
  return wants_thread;
}

/* }====================================================== */


/* Where nobody can work on it. */
static void refuse (transfer *t) {
  transfer_fail(t, FAILURE_TRANSPORT, "not enough memory");
  if (t->tracked)
    tracked_leave(t);
}


void engine_submit (transfer *t) {
  engine *e = engine_get();
  if (e != NULL && wants_thread && e->thread == NULL)
    e->thread = thread_start(e->machine);
  if (e == NULL || (wants_thread && e->thread == NULL) ||
      (t->port != NULL && !port_expect(t->port))) {
    refuse(t);
    return;
  }
  t->pid = e->pid;
  t->submitted = t->idle_since = clock_now();
  t->deadline = t->tracked ? MACHINE_FOREVER
                           : transfer_deadline(t, clock_ms());
  if (e->thread != NULL) {
    thread_post(e->thread, t);
    return;
  }
  machine_take(e->machine, t);
  machine_turn(e->machine, 0);  /* out with it while the host works on */
}


bool engine_track (transfer *t, size_t most) {
  if (engine_get() == NULL || !tracked_enter(t, most))
    return false;
  t->tracked = true;
  engine_submit(t);
  return true;
}


void engine_cancel (transfer *t) {
  engine *e = engine_of(t);
  if (transfer_is_done(t))
    return;
  if (e == NULL)
    transfer_fail(t, FAILURE_CANCELLED, "cancelled");
  else if (e->thread != NULL)
    thread_cancel(e->thread, t);
  else
    machine_end(e->machine, t, FAILURE_CANCELLED, "cancelled");
}


/* The engine of a transfer. One that a child finds from before the fork is
** done: nobody works on it here. */
static engine *engine_for (transfer *t) {
  engine *e = engine_of(t);
  if (e == NULL && !transfer_is_done(t))
    transfer_fail(t, FAILURE_CLOSED, "submitted before the process forked");
  return e;
}


void engine_announce (transfer *t) {
  engine_for(t);
  if (t->port == NULL)
    t->announced = true;
}


void engine_watch (transfer *t) {
  engine_for(t);
  t->watched = !transfer_is_done(t);
}


void engine_unwatch (transfer *t) {
  engine *e = engine_of(t);
  if (!t->watched)
    return;
  if (e != NULL && transfer_is_done(t) && --e->machine->unseen == 0)
    poller_call(e->machine->poller, false);
  t->watched = false;
}


bool engine_wait (transfer *t, long ms) {
  int64_t until = clock_ms() + ms;
  engine *e = engine_for(t);
  while (!transfer_is_done(t)) {
    int64_t left = until - clock_ms();
    CURLMcode code = machine_turn(e->machine, left > 0 ? left : 0);
    if (code != CURLM_OK && !transfer_is_done(t))
      machine_end(e->machine, t, FAILURE_TRANSPORT, curl_multi_strerror(code));
    if (left <= 0)
      break;
  }
  return transfer_is_done(t);
}


const long *engine_wait_any (long ms, size_t *count) {
  int64_t until = clock_ms() + ms;
  machine *m = machine_get();
  *count = 0;
  if (m == NULL)
    return NULL;
  ends_renew(&m->ends);
  while (m->ends.count == 0) {
    int64_t left = until - clock_ms();
    machine_turn(m, left > 0 ? left : 0);
    if (left <= 0)
      break;
  }
  return ends_tell(&m->ends, count);
}


void engine_pump (long ms) {
  int64_t until = clock_ms() + ms;
  int64_t left = ms;
  machine *m = machine_get();
  while (m != NULL && left >= 0) {
    machine_turn(m, left);
    left = left > 0 ? until - clock_ms() : -1;
  }
}


int engine_fd (void) {
  const machine *m = machine_get();
  return m != NULL ? poller_fd(m->poller) : -1;
}


long engine_timeout (void) {
  const machine *m = machine_get();
  int64_t next;
  long left, ms = -1;
  if (m == NULL)
    return -1;
  next = machine_due(m) - clock_ms();
  if (next < LONG_MAX / 2)
    ms = next > 0 ? (long)next : 0;
  left = poller_timeout(m->poller);
  return left >= 0 && (ms < 0 || left < ms) ? left : ms;
}


void engine_load (size_t *queued, size_t *running) {
  const engine *e = engine_get();
  *queued = *running = 0;
  if (e == NULL)
    return;
  machine_load(e->machine, queued, running);
  *queued -= *running;
  if (e->thread != NULL)
    *queued += thread_posted(e->thread);
}
