/*
** http/loop_thread.c - a machine at work in a thread of its own.
*/
#include "http/loop_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "http/completion_queue.h"
#include "http/background_stats.h"

#define MAX_SLEEP_MS 60000 /* without a look at the inbox, come what may */

struct loop_thread {
  loop *loop;
  pthread_t id;
  pthread_mutex_t lock; /* of all below */
  transfer *posted, **last_posted;
  transfer *unwanted;
  size_t posted_count;
  int64_t until; /* when to stop; 0: not yet known */
  bool asleep;   /* or about to be: has to be woken */
};


static bool is_empty (const loop_thread *d) {
  return d->posted == NULL && d->unwanted == NULL;
}


/* With the lock held, which is given back: a thread at work looks anyway. */
static void wake (loop_thread *d) {
  bool asleep = d->asleep;
  d->asleep = false;
  pthread_mutex_unlock(&d->lock);
  if (asleep)
    poller_wake(d->loop->poller);
}


void loop_thread_post (loop_thread *d, transfer *t) {
  t->next_posted = NULL;
  transfer_share(t);
  pthread_mutex_lock(&d->lock);
  *d->last_posted = t;
  d->last_posted = &t->next_posted;
  d->posted_count++;
  wake(d);
}


void loop_thread_cancel (loop_thread *d, transfer *t) {
  if (t->unwanted)
    return;
  t->unwanted = true;
  transfer_share(t);
  pthread_mutex_lock(&d->lock);
  t->next_unwanted = d->unwanted;
  d->unwanted = t;
  wake(d);
}


/* True where it may sleep: nothing changed since it looked. */
static bool prepare_sleep (loop_thread *d, int64_t until) {
  bool asleep;
  pthread_mutex_lock(&d->lock);
  asleep = d->asleep = is_empty(d) && d->until == until;
  pthread_mutex_unlock(&d->lock);
  return asleep;
}


/* Takes what came in. The cancelled ones come after the new ones, so that
** none is cancelled before it was taken on. */
static int64_t take_posted (loop_thread *d) {
  transfer *posted, *unwanted;
  int64_t until;
  pthread_mutex_lock(&d->lock);
  d->asleep = false;
  posted = d->posted;
  unwanted = d->unwanted;
  until = d->until;
  d->posted = d->unwanted = NULL;
  d->last_posted = &d->posted;
  d->posted_count = 0;
  pthread_mutex_unlock(&d->lock);
  while (posted != NULL) {
    transfer *t = posted;
    posted = t->next_posted;
    loop_add(d->loop, t);
    transfer_release(t);
  }
  while (unwanted != NULL) {
    transfer *t = unwanted;
    unwanted = t->next_unwanted;
    if (!transfer_is_done(t))
      loop_abort(d->loop, t, FAILURE_CANCELLED, "cancelled");
    transfer_release(t);
  }
  return until;
}


static bool is_over (int64_t until) {
  background_stats now;
  if (until == 0)
    return false;
  now = background_stats_now();
  return now.queued + now.running == 0 || clock_ms() >= until;
}


static void *work (void *self) {
  loop_thread *d = self;
  int64_t until = take_posted(d);
  while (!is_over(until)) {
    int64_t ms = completion_queues_sweep_idle(clock_ms());
    if (ms < 0 || ms > MAX_SLEEP_MS)
      ms = MAX_SLEEP_MS;
    if (until != 0 && ms > until - clock_ms())
      ms = until - clock_ms();
    loop_run_once(d->loop, ms > 0 && prepare_sleep(d, until) ? ms : 0);
    until = take_posted(d);
  }
  return NULL;
}


/* Signals are the host's: all but those that a thread brings on itself. */
static int create (loop_thread *d) {
  static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                            SIGTRAP, SIGABRT, SIGSYS};
  sigset_t all, before;
  size_t i;
  int code;
  sigfillset(&all);
  for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
    sigdelset(&all, own[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  code = pthread_create(&d->id, NULL, work, d);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}


loop_thread *loop_thread_start (loop *m) {
  loop_thread *d = calloc(1, sizeof(*d));
  if (d == NULL)
    return NULL;
  d->loop = m;
  d->last_posted = &d->posted;
  pthread_mutex_init(&d->lock, NULL);
  if (create(d) == 0)
    return d;
  pthread_mutex_destroy(&d->lock);
  free(d);
  return NULL;
}


size_t loop_thread_posted (loop_thread *d) {
  size_t count;
  pthread_mutex_lock(&d->lock);
  count = d->posted_count;
  pthread_mutex_unlock(&d->lock);
  return count;
}


void loop_thread_stop (loop_thread *d, long ms) {
  pthread_mutex_lock(&d->lock);
  d->until = clock_ms() + (ms > 0 ? ms : 1);
  wake(d);
  pthread_join(d->id, NULL);
  pthread_mutex_destroy(&d->lock);
  free(d);
}
