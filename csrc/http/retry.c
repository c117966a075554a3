/*
** http/retry.c - whether a request is sent again, and when.
*/
#include "http/retry.h"

#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define MAX_FIRST_GAP_MS (2L * RETRY_MIN_PACE_MS)
#define MIN_ATTEMPT_MS 3 /* the shortest useful attempt */
#define MAX_GAP_MS 30000


/* The server received the request and may or may not have acted on it. A 408
** may come from a gateway that waited for another server. */
static bool is_ambiguous_status (long status) {
  return status == 408 || status == 500 || status == 502 || status == 504 ||
         (status >= 520 && status <= 530);
}


/* Errors that another attempt would repeat. */
static bool is_permanent (CURLcode code) {
  static const CURLcode codes[] = {CURLE_UNSUPPORTED_PROTOCOL,
                                   CURLE_URL_MALFORMAT,
                                   CURLE_NOT_BUILT_IN,
                                   CURLE_OUT_OF_MEMORY,
                                   CURLE_BAD_FUNCTION_ARGUMENT,
                                   CURLE_UNKNOWN_OPTION,
                                   CURLE_SSL_ENGINE_NOTFOUND,
                                   CURLE_SSL_CERTPROBLEM,
                                   CURLE_SSL_CIPHER,
                                   CURLE_PEER_FAILED_VERIFICATION,
                                   CURLE_SSL_CACERT_BADFILE,
                                   CURLE_FAILED_INIT};
  size_t i;
  for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    if (codes[i] == code)
      return true;
  return false;
}


/* Spreads the retries of many clients. It does not need to be unpredictable. */
static double random_fraction (void) {
  static uint64_t state = 0;
  if (state == 0)
    state = (uint64_t)time(NULL) * 2654435761u ^ (uint64_t)getpid() << 20;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(state >> 11) / 9007199254740992.0;
}


/* Returns Retry-After in milliseconds; 0: not given. A 0 in the response counts
** as not given: Klaviyo sends it with a 429 that is followed by others. */
static int64_t retry_after_ms (const attempt_result *a) {
  return a->code == CURLE_OK && a->retry_after > 0
             ? (int64_t)a->retry_after * 1000
             : 0;
}


/* Returns the milliseconds to wait before the n-th retry: Retry-After, or else
** exponential backoff with full jitter, but less than what is 'left'. */
static int64_t wait_before (const attempt_result *a, int n, int64_t left) {
  int64_t max = MAX_FIRST_GAP_MS;
  int64_t asked = retry_after_ms(a);
  int64_t half, wait;
  if (a->status == 429 && asked > 0)
    return asked;
  while (--n > 0 && max < MAX_GAP_MS)
    max *= 2;
  if (max > MAX_GAP_MS)
    max = MAX_GAP_MS;
  /* trying more often does not raise the limit: at least half of the wait,
     which is RETRY_MIN_PACE_MS at first, even near the deadline */
  half = max / 2;
  if (a->status == 429)
    return half + (int64_t)((double)half * random_fraction());
  /* the server may have recovered for a last attempt before the deadline */
  if (max > left - MIN_ATTEMPT_MS)
    max = left > MIN_ATTEMPT_MS ? left - MIN_ATTEMPT_MS : 0;
  wait = (int64_t)((double)max * random_fraction());
  return asked > wait ? asked : wait;
}


retry retry_decide (const attempt_result *a, const retry_context *c) {
  retry never = {RETRY_NEVER, 0, c->fresh_connection};
  retry later = {RETRY_LATER, 0, c->fresh_connection};
  bool failed = a->code != CURLE_OK; /* without a response */

  /* The next response would be too large as well. */
  if (a->too_large)
    return never;

  /* The next attempt would fail in the same way. */
  if (failed && is_permanent(a->code))
    return never;

  /* The server may have received it: sending it again could do it twice. */
  if (failed && a->sent && !c->repeatable)
    return never;

  /* Only these statuses may change: 429 and 503 say that nothing was done;
     the others do not, so the request must be repeatable. */
  if (!failed && a->status != 429 && a->status != 503 &&
      !(c->repeatable && (is_ambiguous_status(a->status) || a->status == 421)))
    return never;

  /* A kept-alive connection had died before its use, which is not a failure
     of the service: it is sent again at once, and once only. But with
     'retries' 0 a request with a body is never sent twice. Without streams,
     other idle connections are probably dead as well. */
  if (failed && a->sent && a->refused_resend && !c->resent &&
      (c->max_retries > 0 || !c->has_body)) {
    retry at_once = {RETRY_AT_ONCE, 0, !c->has_streams};
    return c->left > 0 ? at_once : never;
  }

  /* The caller wants no retries, and no waiting either. */
  if (c->max_retries == 0)
    return never;

  /* Waiting until the time that a 429 names is not a failed retry: it is
     repeated as often as the service asks for it. */
  if (!failed && a->status == 429 && a->retry_after > 0)
    later.kind = RETRY_PACED;
  else if (c->failures >= c->max_retries)
    return never;

  /* The service names the time, or the waits grow. A retry that would start
     after the deadline is pointless. */
  later.wait = 1 + wait_before(a, c->failures + 1, c->left);
  if (later.wait >= c->left)
    return never;

  /* The server closes this connection (408), or the connection leads to the
     wrong server (421). */
  if (!failed && (a->status == 408 || a->status == 421))
    later.fresh_connection = true;
  return later;
}
