/*
** http/counting.c - counts requests for the metrics.
*/
#include "http/counting.h"

#include "base/clock.h"

#define MAX_INITIAL_BODY 65536 /* of libcurl */


void counting_start_attempt (transfer *t, int64_t now) {
  if (!metrics_on())
    return;
  counting_end_wait(t, now);
  metrics_count_attempt(t->operation, t->retry_reason);
  t->retry_reason = RETRY_NONE;
  if (t->first_attempt == 0)
    t->first_attempt = now;
}


/* Returns whether libcurl counts the body in CURLINFO_REQUEST_SIZE, too: since
** 8.7 always, before if it sent it in one piece with the header fields. */
static bool counts_body (const transfer *t) {
  return libcurl_number() >= 0x080700 ||
         (t->request.form == NULL && t->request.body_size < MAX_INITIAL_BODY &&
          t->response.http_version < CURL_HTTP_VERSION_2_0);
}


/* Without TLS and the framing of HTTP/2. */
void counting_end_attempt (const transfer *t) {
  curl_off_t sent = 0, received = 0;
  long request_size = 0, head_size = 0;
  if (!metrics_on() || !t->response.started)
    return;
  curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
  if (!counts_body(t))
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &head_size);
  curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
  metrics_count_bytes((uint64_t)(request_size + sent),
                      (uint64_t)(head_size + received));
}


static retry_reason reason_of (const attempt_result *a, bool at_once) {
  if (a->code != CURLE_OK) {
    if (at_once)
      return RETRY_CONNECTION_CLOSED;
    if (!a->sent)
      return RETRY_NOT_SENT;
    return a->code == CURLE_OPERATION_TIMEDOUT ? RETRY_TIMEOUT
                                               : RETRY_CONNECTION_FAILED;
  }
  switch (a->status) {
    case 429: return RETRY_RATE_LIMITED;
    case 503: return RETRY_UNAVAILABLE;
    case 408: return RETRY_REQUEST_TIMEOUT;
    case 421: return RETRY_MISDIRECTED;
    default: return RETRY_SERVER_ERROR;
  }
}


void counting_retry (transfer *t, const attempt_result *a, bool at_once) {
  t->retry_reason = reason_of(a, at_once);
}


/* A request waited for its limits if they closed its queue since it was added,
** or if the service refused it with 429. */
void counting_end_wait (const transfer *t, int64_t now) {
  bool limited = t->delayed ? t->retry_reason == RETRY_RATE_LIMITED
                            : t->node.queued && t->request_queue->limited_at >=
                                                    t->waits_since;
  if (limited && metrics_on())
    metrics_count_wait(t->operation, now - t->waits_since);
}


static long status_of (const transfer *t) {
  switch (t->response.failure) {
    case FAILURE_TIMEOUT: return STATUS_TIMEOUT;
    case FAILURE_RATE_LIMITED: return STATUS_RATE_LIMITED;
    case FAILURE_TRANSPORT: return STATUS_TRANSPORT;
    case FAILURE_CANCELLED: return STATUS_CANCELLED;
    case FAILURE_CLOSED: return STATUS_CLOSED;
    case FAILURE_NONE: break;
  }
  return t->response.status;
}


/* No caller waits for a background request: it counts from its first
** attempt. */
void counting_finish (const transfer *t) {
  double seconds = t->response.elapsed;
  if (!metrics_on())
    return;
  if (t->background)
    seconds = t->first_attempt != 0
                  ? clock_now() - (double)t->first_attempt / 1000
                  : 0;
  metrics_count_request(t->operation, status_of(t), seconds);
}


static void report (gauge which, int *last, size_t now) {
  int by = (int)now - *last;
  if (by != 0)
    metrics_change(which, by);
  *last = (int)now;
}


void counting_report (reported *last, size_t pending, size_t running,
                      size_t open) {
  if (!metrics_on())
    return;
  report(GAUGE_QUEUED, &last->queued, pending - running);
  report(GAUGE_RUNNING, &last->running, running);
  report(GAUGE_CONNECTIONS, &last->connections, open);
}
