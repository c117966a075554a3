/*
** http/attempt.c - an attempt of a transfer: its start, its end and what
** follows it.
*/
#include "http/inside.h"

#include "base/clock.h"
#include "http/background_stats.h"
#include "http/counting.h"

/* How often a running request is counted again in the budget. The shortest
** window of a budget is one second: the request must not leave it while the
** service may still count it. */
#define RENEW_MS 400

#define WATCHDOG_GRACE_MS 1000


static long attempt_timeout (const transfer *t, int64_t now) {
  long most = t->request.settings->timeout_ms;
  if (t->deadline - now < most)
    most = (long)(t->deadline - now);
  return most > 0 ? most : 1;
}


/* libcurl itself ends an attempt that times out. The watchdog ends it if
** libcurl could not, for lack of memory. */
static void watchdog_arm (loop *l, transfer *t, int64_t now) {
  int64_t due = t->watchdog_due;
  if (t->request_queue->budget != NULL && now + RENEW_MS < due)
    due = now + RENEW_MS;
  timers_set(&l->timers, &t->timer, due);
}


/* Sets all options of an attempt on its easy handle. */
static CURLcode configure (loop *l, transfer *t, bool configured, int64_t now) {
  CURLcode code = connections_prepare(&l->connections);
  if (code == CURLE_OK && !configured)
    code = request_setup(&t->request, t->easy);
  if (code == CURLE_OK && !configured)
    code = connections_apply(&l->connections, t->easy);
  if (code == CURLE_OK)
    code = request_set_target(&t->request, t->easy, attempt_timeout(t, now));
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy, &l->connections);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code == CURLE_OK)
    code = origin_apply(t->request_queue->origin, t->easy, t->fresh_connection);
  return code;
}


void attempt_start (loop *l, transfer *t, int64_t now) {
  CURLcode code;
  bool configured;
  request_queue_remove(t->request_queue, &t->node);
  transfer_set_wait(t, WAIT_NONE, 0);
  if (t->background && t->deadline == CLOCK_NEVER)
    t->deadline = transfer_deadline(t, now);
  t->watchdog_due = now + attempt_timeout(t, now) + WATCHDOG_GRACE_MS;
  t->watchdog_fired = false;
  watchdog_arm(l, t, now);
  t->started = clock_now();
  t->easy = easy_pool_take(&l->easy_pool, &t->request, &configured);
  if (t->easy == NULL) {
    loop_abort(l, t, FAILURE_TRANSPORT, "curl_easy_init failed");
    return;
  }
  request_queue_count_running(t->request_queue, 1);
  loop_count(&l->running, 1);
  if (t->background)
    background_set_running(true);
  code = configure(l, t, configured, now);
  if (code != CURLE_OK)
    loop_abort(l, t, FAILURE_TRANSPORT, curl_easy_strerror(code));
  else if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
    loop_abort(l, t, FAILURE_TRANSPORT, "curl_multi_add_handle failed");
}


/* Resets a transfer to its state before an attempt. */
static void reset_attempt (loop *l, transfer *t) {
  size_t max_bytes = t->response.max_bytes;
  loop_detach(l, t);
  timers_clear(&l->timers, &t->timer);
  response_close(&t->response);
  response_open(&t->response, max_bytes);
}


/* Starts an attempt again on a new connection. Nothing was sent because the
** connection was not clean: this does not count as an attempt, and the budget
** is still debited for it. */
static void use_new_connection (loop *l, transfer *t, int64_t now) {
  t->fresh_connection = true;
  reset_attempt(l, t);
  loop_enqueue(l, t, true, now);
  attempt_start(l, t, now);
}


/* Starts or schedules a retry. Returns false if the transfer is not retried. */
static bool retry_attempt (loop *l, transfer *t, const attempt_result *a,
                           int64_t now) {
  retry_context context;
  retry next;
  context.repeatable = t->repeatable;
  context.has_body = t->request.body != NULL;
  context.max_retries = t->request.settings->retries;
  context.failures = t->failures;
  context.resent = t->resent;
  context.fresh_connection = t->fresh_connection;
  context.has_streams =
      t->request_queue->origin->http_version >= CURL_HTTP_VERSION_2_0;
  context.left = t->deadline - now;
  next = retry_decide(a, &context);
  if (next.kind == RETRY_NEVER)
    return false;
  t->fresh_connection = next.fresh_connection;
  counting_retry(t, a, next.kind == RETRY_AT_ONCE);
  reset_attempt(l, t);
  if (next.kind == RETRY_AT_ONCE) {
    t->resent = true;
    loop_enqueue(l, t, true, now);
    return true;
  }
  t->failures += next.kind == RETRY_LATER;
  t->retry_wait_reason = a->retry_after > 0 ? WAIT_RETRY_AFTER : WAIT_BACKOFF;
  loop_schedule_retry(l, t, now + next.wait, now);
  return true;
}


void attempt_end (loop *l, transfer *t, CURLcode code) {
  int64_t now = clock_ms();
  attempt_result a =
      response_finish(&t->response, t->easy, code, t->request.message);
  if (a.unclean && !t->fresh_connection) {
    use_new_connection(l, t, now);
    return;
  }
  if (a.status != 0)
    t->request_queue->origin->http_version = t->response.http_version;
  transfer_record_attempt(t, &a, clock_now());
  counting_end_attempt(t);
  t->budget_time =
      request_queue_finish(t->request_queue, t->budget_time, a.status,
                           t->response.head.data, t->response.head.size);
  if (!retry_attempt(l, t, &a, now))
    loop_finish(l, t);
}


void attempts_end (loop *l) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(l->multi, &left)) != NULL) {
    transfer *t = NULL;
    /* the message is invalid after its handle is removed */
    CURLcode code = message->data.result;
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    attempt_end(l, t, code);
    time_slice_check(&l->slice);
  }
}

void attempt_check (loop *l, transfer *t, int64_t now) {
  if (now >= t->watchdog_due && t->watchdog_fired) {
    attempt_end(l, t, CURLE_OPERATION_TIMEDOUT);
    return;
  }
  if (now >= t->watchdog_due) {
    t->watchdog_fired = true;
    t->watchdog_due = now + WATCHDOG_GRACE_MS;
  }
  t->budget_time = request_queue_renew(t->request_queue, t->budget_time);
  watchdog_arm(l, t, now);
}
