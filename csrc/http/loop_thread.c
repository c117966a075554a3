/*
** http/loop_thread.c - an event loop in a background thread.
*/
#include "http/loop_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "http/completion_queue.h"
#include "http/background_stats.h"

#define MAX_SLEEP_MS 60000 /* at most, even if nothing is posted */

struct loop_thread {
  loop *loop;
  pthread_t id;
  pthread_mutex_t lock; /* protects all fields below */
  transfer *posted, **last_posted;
  transfer *cancelled;
  size_t posted_count;
  int64_t until; /* when to stop */
  bool asleep;   /* or about to sleep: it must be woken */
};


static bool is_empty (const loop_thread *thread) {
  return thread->posted == NULL && thread->cancelled == NULL;
}


/* Wakes the thread if it sleeps. The caller holds the lock; this unlocks it. */
static void wake (loop_thread *thread) {
  bool asleep = thread->asleep;
  thread->asleep = false;
  pthread_mutex_unlock(&thread->lock);
  if (asleep)
    loop_wake(thread->loop);
}


void loop_thread_post (loop_thread *thread, transfer *t) {
  t->next_posted = NULL;
  transfer_share(t);
  pthread_mutex_lock(&thread->lock);
  *thread->last_posted = t;
  thread->last_posted = &t->next_posted;
  thread->posted_count++;
  wake(thread);
}


void loop_thread_cancel (loop_thread *thread, transfer *t) {
  if (t->cancelled)
    return;
  t->cancelled = true;
  transfer_share(t);
  pthread_mutex_lock(&thread->lock);
  t->next_cancelled = thread->cancelled;
  thread->cancelled = t;
  wake(thread);
}


/* Returns whether the thread may sleep: nothing was posted since it last
** looked. */
static bool prepare_sleep (loop_thread *thread, int64_t until) {
  bool asleep;
  pthread_mutex_lock(&thread->lock);
  asleep = thread->asleep = is_empty(thread) && thread->until == until;
  pthread_mutex_unlock(&thread->lock);
  return asleep;
}


/* Adds the posted transfers to the loop, then cancels those to cancel: in this
** order, a transfer is always added before it is cancelled. Returns when to
** stop. */
static int64_t take_posted (loop_thread *thread) {
  transfer *posted, *cancelled;
  int64_t until;
  pthread_mutex_lock(&thread->lock);
  thread->asleep = false;
  posted = thread->posted;
  cancelled = thread->cancelled;
  until = thread->until;
  thread->posted = thread->cancelled = NULL;
  thread->last_posted = &thread->posted;
  thread->posted_count = 0;
  pthread_mutex_unlock(&thread->lock);
  while (posted != NULL) {
    transfer *t = posted;
    posted = t->next_posted;
    loop_add(thread->loop, t);
    transfer_release(t);
  }
  while (cancelled != NULL) {
    transfer *t = cancelled;
    cancelled = t->next_cancelled;
    if (!transfer_is_done(t))
      loop_abort(thread->loop, t, FAILURE_CANCELLED, "cancelled");
    transfer_release(t);
  }
  return until;
}


static bool is_over (int64_t until) {
  background_stats now;
  if (until == CLOCK_NEVER)
    return false;
  now = background_stats_get();
  return now.queued + now.running == 0 || clock_left(until) == 0;
}


static void *work (void *self) {
  loop_thread *thread = self;
  int64_t until;
  loop_share_processor(thread->loop);
  until = take_posted(thread);
  while (!is_over(until)) {
    int64_t ms = completion_queues_sweep_idle(clock_ms());
    int64_t left = clock_left(until);
    if (ms < 0 || ms > MAX_SLEEP_MS)
      ms = MAX_SLEEP_MS;
    if (ms > left)
      ms = left;
    loop_run_once(thread->loop,
                  ms > 0 && prepare_sleep(thread, until) ? ms : 0);
    until = take_posted(thread);
  }
  return NULL;
}


/* The thread blocks all signals, which are the host's, but those that a fault
** of its own code raises. */
static int create (loop_thread *thread) {
  static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                            SIGTRAP, SIGABRT, SIGSYS};
  sigset_t all, before;
  size_t i;
  int code;
  sigfillset(&all);
  for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
    sigdelset(&all, own[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  code = pthread_create(&thread->id, NULL, work, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}


loop_thread *loop_thread_start (loop *l) {
  loop_thread *thread = calloc(1, sizeof(*thread));
  if (thread == NULL)
    return NULL;
  thread->loop = l;
  thread->last_posted = &thread->posted;
  thread->until = CLOCK_NEVER;
  pthread_mutex_init(&thread->lock, NULL);
  if (create(thread) == 0)
    return thread;
  pthread_mutex_destroy(&thread->lock);
  free(thread);
  return NULL;
}


size_t loop_thread_posted (loop_thread *thread) {
  size_t count;
  pthread_mutex_lock(&thread->lock);
  count = thread->posted_count;
  pthread_mutex_unlock(&thread->lock);
  return count;
}


void loop_thread_stop (loop_thread *thread, long ms) {
  pthread_mutex_lock(&thread->lock);
  thread->until = clock_deadline(ms);
  wake(thread);
  pthread_join(thread->id, NULL);
  pthread_mutex_destroy(&thread->lock);
  free(thread);
}
