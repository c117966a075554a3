/*
** engine.c - the transfers of each thread, and who works on them.
**
** The thread that waits also pumps, unless the process asked for threads that
** do. Nothing of an engine is another thread's business, so a program may run a
** Lua state in each of its threads. A child that was forked must not touch its
** parent's connections: it forgets the engine, leaking it on purpose, and
** starts one of its own.
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
  long id;
} engine;

static __thread engine *the_engine = NULL;  /* of this thread */
static pthread_key_t at_thread_end;         /* has the same, to end it */
static bool wants_thread = false;
static CURLcode global_code = CURLE_FAILED_INIT;
static long this_process = 0;  /* to ask the system costs, four times a call */


/* {======================================================
** The engine of this process
** ======================================================= */

/* What is tracked still goes out, for a while. */
static void send_the_last (engine *e) {
  int64_t until = clock_ms() + LAST_MS;
  if (e->thread != NULL) {
    thread_stop(e->thread, LAST_MS);
    e->thread = NULL;
    return;
  }
  while (e->machine->tracked > 0 && clock_ms() < until)
    machine_turn(e->machine, until - clock_ms());
}


static void leave (void) {
  engine *e = the_engine;
  if (e == NULL || e->pid != this_process)
    return;
  send_the_last(e);
  tracked_report_lost();
}


static void end_engine (void *self) {
  engine *e = self;
  if (e->pid != this_process)
    return;
  send_the_last(e);
  machine_free(e->machine);
  free(e);
  the_engine = NULL;
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
      (pthread_key_create(&at_thread_end, end_engine) != 0 ||
       atexit(leave) != 0 || pthread_atfork(NULL, NULL, forget) != 0))
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
  e->machine = machine_new();
  if (e->machine == NULL) {
    free(e);
    return NULL;
  }
  e->pid = e->machine->pid;
  e->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
  if (pthread_setspecific(at_thread_end, e) != 0) {
    machine_free(e->machine);
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


/* The machine, for who pumps it. */
static machine *machine_get (void) {
  const engine *e = engine_get();
  return e != NULL && e->thread == NULL ? e->machine : NULL;
}


/* The engine, if it is this thread's and has the transfer. */
static engine *engine_of (const transfer *t) {
  engine *e = the_engine;
  return e != NULL && e->pid == this_process && e->id == t->engine ? e : NULL;
}


bool engine_is_foreign (const transfer *t) {
  return t->engine != 0 && t->pid == this_process && engine_of(t) == NULL &&
         !transfer_is_done(t);
}


void engine_want_thread (void) {
  __atomic_store_n(&wants_thread, true, __ATOMIC_RELAXED);
  origins_widen();
}


bool engine_has_thread (void) {
  return __atomic_load_n(&wants_thread, __ATOMIC_RELAXED);
}

/* }====================================================== */


/* Where nobody can work on it. */
static void refuse (transfer *t, const char *why) {
  transfer_fail(t, FAILURE_TRANSPORT, why);
  if (t->tracked)
    tracked_leave(t);
}


void engine_submit (transfer *t) {
  engine *e = engine_get();
  const char *why = "not enough memory";
  if (e != NULL && engine_has_thread() && e->thread == NULL)
    e->thread = thread_start(e->machine);
  if (e == NULL || (engine_has_thread() && e->thread == NULL) ||
      !lane_claim(t->lane, &e->machine->origins, &why) ||
      (t->port != NULL && !port_expect(t->port))) {
    refuse(t, why);
    return;
  }
  t->pid = e->pid;
  t->engine = e->id;
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
  if (transfer_is_done(t) || engine_is_foreign(t))
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
