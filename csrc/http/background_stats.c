/*
** http/background_stats.c - the requests of this process that nobody waits for.
*/
#include "http/background_stats.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static background_stats counts;
static size_t bytes; /* of the bodies of those that are queued or running */
static background_failure failures[MAX_FAILURES]; /* a ring */
static size_t first, known;


bool background_enter (const transfer *t, size_t most) {
  bool room;
  pthread_mutex_lock(&lock);
  room = counts.queued + counts.running < most &&
         bytes + t->request.body_size <= TRACKED_BYTES;
  if (room) {
    counts.queued++;
    bytes += t->request.body_size;
  }
  else
    counts.refused++;
  pthread_mutex_unlock(&lock);
  return room;
}


void background_run (bool runs) {
  pthread_mutex_lock(&lock);
  if (runs) {
    counts.queued--;
    counts.running++;
  }
  else {
    counts.running--;
    counts.queued++;
  }
  pthread_mutex_unlock(&lock);
}


static bool is_success (const response *r) {
  return r->failure == FAILURE_NONE && r->status >= 200 && r->status < 300;
}


/* The newest are kept. */
static void note_failure (const response *r) {
  background_failure *f = &failures[(first + known) % MAX_FAILURES];
  if (known < MAX_FAILURES)
    known++;
  else
    first = (first + 1) % MAX_FAILURES;
  memset(f, 0, sizeof(*f));
  if (r->failure != FAILURE_NONE) {
    (void)snprintf(f->reason, sizeof(f->reason), "%s", r->reason);
    return;
  }
  f->status = r->status;
  f->detail_size =
      r->body.size < MAX_FAILURE_DETAIL ? r->body.size : MAX_FAILURE_DETAIL;
  if (f->detail_size > 0)
    memcpy(f->detail, r->body.data, f->detail_size);
}


void background_leave (const transfer *t) {
  pthread_mutex_lock(&lock);
  counts.queued--;
  bytes -= t->request.body_size;
  if (is_success(&t->response))
    counts.sent++;
  else {
    counts.failed++;
    note_failure(&t->response);
  }
  pthread_mutex_unlock(&lock);
}


background_stats background_stats_now (void) {
  background_stats now;
  pthread_mutex_lock(&lock);
  now = counts;
  pthread_mutex_unlock(&lock);
  return now;
}


bool background_take_failure (background_failure *f) {
  bool any;
  pthread_mutex_lock(&lock);
  any = known > 0;
  if (any) {
    *f = failures[first];
    first = (first + 1) % MAX_FAILURES;
    known--;
  }
  pthread_mutex_unlock(&lock);
  return any;
}


size_t tracked_take_failed (void) {
  size_t count;
  pthread_mutex_lock(&lock);
  count = counts.failed - counts.reported;
  counts.reported = counts.failed;
  pthread_mutex_unlock(&lock);
  return count;
}


static void say (size_t count, const char *what) {
  (void)fprintf(stderr, "klaviyo: %lu tracked event%s%s\n",
                (unsigned long)count, count == 1 ? " was" : "s were", what);
}


/* No word of an answer's body, which may hold a key: nothing here knows it. */
void tracked_report_lost (void) {
  size_t failed = tracked_take_failed();
  background_stats now = background_stats_now();
  background_failure f;
  char what[CURL_ERROR_SIZE + 32] = " not delivered";
  while (background_take_failure(&f))
    if (f.status != 0)
      (void)snprintf(what, sizeof(what), " not delivered: status %ld",
                     f.status);
    else
      (void)snprintf(what, sizeof(what), " not delivered: %s", f.reason);
  if (failed > 0)
    say(failed, what);
  if (now.queued + now.running > 0)
    say(now.queued + now.running, " not sent before the process ended");
}


void background_forget (void) {
  static const background_stats none = {0, 0, 0, 0, 0, 0};
  pthread_mutex_init(&lock, NULL);
  counts = none;
  first = known = bytes = 0;
}
