/*
** http/transfer.c - one request from submit to its end.
*/
#include "http/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "http/completion_queue.h"

#define MAX_RECORDED_HEAD ((size_t)16 * 1024)


transfer *transfer_new (settings *s, request_queue *q, const char *method,
                        const char *url, const char *body, size_t body_size) {
  transfer *t = calloc(1, sizeof(*t));
  if (t == NULL)
    return NULL;
  t->references = 1;
  t->request_queue = request_queue_share(q);
  response_open(&t->response, s->max_response_bytes);
  if (!request_open(&t->request, s, method, url, body, body_size)) {
    transfer_release(t);
    return NULL;
  }
  return t;
}


long transfer_new_serial (void) {
  static long last = 0;
  return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}


transfer *transfer_share (transfer *t) {
  refcount_up(&t->references);
  return t;
}


static void free_attempts (transfer *t) {
  int i;
  for (i = 0; i < t->attempt_count; i++)
    buffer_free(&t->attempts[i].head);
  free(t->attempts);
}


void transfer_release (transfer *t) {
  if (t == NULL || !refcount_down(&t->references))
    return;
  request_close(&t->request);
  response_close(&t->response);
  request_queue_release(t->request_queue);
  completion_queue_release(t->completion_queue);
  free_attempts(t);
  free(t);
}


/* Records what only traces report. Without memory the head is left out. */
static void record_trace (attempt *one, const transfer *t) {
  const response *r = &t->response;
  one->failure = r->failure;
  one->started = t->started;
  one->span_id = t->request.trace->span_id;
  one->http_version = r->http_version;
  if (r->head.size <= MAX_RECORDED_HEAD)
    (void)buffer_add(&one->head, r->head.data, r->head.size);
}


static void record (transfer *t, long status, const char *reason, double now) {
  attempt *more =
      realloc(t->attempts, ((size_t)t->attempt_count + 1) * sizeof(*more));
  attempt *one;
  if (more == NULL)
    return;
  t->attempts = more;
  one = &more[t->attempt_count++];
  memset(one, 0, sizeof(*one));
  one->status = status;
  one->reason = reason;
  one->elapsed = now - t->started;
  one->waited = t->started - t->idle_since;
  if (t->request.trace != NULL && t->request.trace->is_recorded)
    record_trace(one, t);
  t->idle_since = now;
}


void transfer_record_attempt (transfer *t, const attempt_result *a,
                              double now) {
  bool ambiguous =
      a->code != CURLE_OK
          ? a->sent
          : a->status == 408 || (a->status >= 500 && a->status != 503);
  t->maybe_sent = t->maybe_sent || ambiguous;
  record(t, a->status, a->code != CURLE_OK ? curl_easy_strerror(a->code) : NULL,
         now);
}


void transfer_record_aborted (transfer *t, const char *reason, double now) {
  t->maybe_sent = t->maybe_sent || response_was_sent(&t->response);
  record(t, 0, reason, now);
}


int64_t transfer_deadline (const transfer *t, int64_t now) {
  long ms = t->request.settings->deadline_ms;
  return ms > 0 ? now + 1 + ms : CLOCK_NEVER;
}


void transfer_set_wait (transfer *t, wait_reason reason, int64_t until) {
  __atomic_store_n(&t->wait_until, until, __ATOMIC_RELAXED);
  __atomic_store_n(&t->wait_reason, (int)reason, __ATOMIC_RELEASE);
}


int64_t transfer_wait (const transfer *t, int64_t now, wait_reason *reason) {
  int64_t until;
  *reason = (wait_reason)__atomic_load_n(&t->wait_reason, __ATOMIC_ACQUIRE);
  until = __atomic_load_n(&t->wait_until, __ATOMIC_RELAXED);
  if (*reason == WAIT_RATE_LIMIT) {
    int64_t open =
        __atomic_load_n(&t->request_queue->closed_until, __ATOMIC_RELAXED);
    if (open > until)
      until = open;
  }
  return *reason != WAIT_NONE && !transfer_is_done(t) && until > now
             ? until - now
             : 0;
}


void transfer_set_failure (transfer *t, failure kind, const char *reason) {
  t->response.failure = kind;
  t->response.reason = reason;
}


void transfer_finish (transfer *t) {
  __atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
}


bool transfer_is_done (const transfer *t) {
  return __atomic_load_n(&t->done, __ATOMIC_ACQUIRE);
}


void transfer_fail (transfer *t, failure kind, const char *reason) {
  transfer_set_failure(t, kind, reason);
  transfer_finish(t);
}
