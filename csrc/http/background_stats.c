/*
** http/background_stats.c - counters of background requests.
*/
#include "http/background_stats.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static background_stats counts;
static size_t bytes; /* the bodies of queued and running requests */
static background_failure failures[MAX_FAILURES]; /* a ring buffer */
static size_t first_failure, failure_count;


bool background_add (const transfer *t, size_t max) {
  bool room;
  pthread_mutex_lock(&lock);
  room = counts.queued + counts.running < max &&
         bytes + t->request.body_size <= MAX_BACKGROUND_BYTES;
  if (room) {
    counts.queued++;
    bytes += t->request.body_size;
  }
  else
    counts.refused++;
  pthread_mutex_unlock(&lock);
  if (metrics_on())
    metrics_count_event(room ? EVENT_TRACKED : EVENT_REFUSED);
  return room;
}


void background_set_running (bool runs) {
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


/* Records a failure. If the ring is full, the new failure replaces the
** oldest. */
static void record_failure (const response *r) {
  background_failure *f =
      &failures[(first_failure + failure_count) % MAX_FAILURES];
  if (failure_count < MAX_FAILURES)
    failure_count++;
  else
    first_failure = (first_failure + 1) % MAX_FAILURES;
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


/* Rejected: the service will not take it, whenever it is sent. */
static tracked_event event_of (const response *r) {
  if (is_success(r))
    return EVENT_SENT;
  return r->failure == FAILURE_NONE && r->status >= 400 && r->status < 500
             ? EVENT_REJECTED
             : EVENT_FAILED;
}


void background_finish (const transfer *t) {
  if (metrics_on())
    metrics_count_event(event_of(&t->response));
  pthread_mutex_lock(&lock);
  counts.queued--;
  bytes -= t->request.body_size;
  if (is_success(&t->response))
    counts.sent++;
  else {
    counts.failed++;
    record_failure(&t->response);
  }
  pthread_mutex_unlock(&lock);
}


background_stats background_stats_get (void) {
  background_stats now;
  pthread_mutex_lock(&lock);
  now = counts;
  pthread_mutex_unlock(&lock);
  return now;
}


bool background_take_failure (background_failure *f) {
  bool any;
  pthread_mutex_lock(&lock);
  any = failure_count > 0;
  if (any) {
    *f = failures[first_failure];
    first_failure = (first_failure + 1) % MAX_FAILURES;
    failure_count--;
  }
  pthread_mutex_unlock(&lock);
  return any;
}


size_t background_take_failed (void) {
  size_t count;
  pthread_mutex_lock(&lock);
  count = counts.failed - counts.reported;
  counts.reported = counts.failed;
  pthread_mutex_unlock(&lock);
  return count;
}


static void print_lost (size_t count, const char *what) {
  (void)fprintf(stderr, "klaviyo: %lu tracked event%s%s\n",
                (unsigned long)count, count == 1 ? " was" : "s were", what);
}


/* The response's body is not printed: it could repeat a key, and no redaction
** is available here. */
void background_report_lost (void) {
  size_t failed = background_take_failed();
  background_stats now = background_stats_get();
  background_failure f;
  char what[CURL_ERROR_SIZE + 32] = " not delivered";
  while (background_take_failure(&f))
    if (f.status != 0)
      (void)snprintf(what, sizeof(what), " not delivered: status %ld",
                     f.status);
    else
      (void)snprintf(what, sizeof(what), " not delivered: %s", f.reason);
  if (failed > 0)
    print_lost(failed, what);
  if (now.queued + now.running > 0)
    print_lost(now.queued + now.running, " not sent before the process ended");
}


void background_reset_after_fork (void) {
  static const background_stats none = {0, 0, 0, 0, 0, 0};
  pthread_mutex_init(&lock, NULL);
  counts = none;
  first_failure = failure_count = bytes = 0;
}
