/*
** http/retry.c - whether a request may go out again, and when.
*/
#include "http/retry.h"

#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define MAX_FIRST_GAP_MS (2 * RETRY_MIN_PACE_MS)
#define MIN_ATTEMPT_MS 3 /* that an attempt can make sense in */
#define MAX_GAP_MS 30000


/* The server got it, and may or may not have acted. A 408 may be of a server
** in between that waited for another one. */
static bool is_ambiguous_status (long status) {
  return status == 408 || status == 500 || status == 502 || status == 504 ||
         (status >= 520 && status <= 530);
}


/* Failures before anything was sent that another try will not mend. */
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


retry retry_decide (const attempt_result *a, bool repeatable) {
  if (a->too_large)
    return RETRY_NEVER;
  if (a->code == CURLE_OK) {
    if (a->status == 429)
      return a->retry_after > 0 ? RETRY_PACED : RETRY_LATER;
    if (a->status == 503 ||
        ((is_ambiguous_status(a->status) || a->status == 421) && repeatable))
      return RETRY_LATER;
    return RETRY_NEVER;
  }
  if (!a->sent)
    return is_permanent(a->code) ? RETRY_NEVER : RETRY_LATER;
  if (!repeatable || is_permanent(a->code))
    return RETRY_NEVER;
  return a->refused_resend ? RETRY_AT_ONCE : RETRY_LATER;
}


bool retry_needs_connection (const attempt_result *a) {
  return a->code == CURLE_OK && (a->status == 408 || a->status == 421);
}


/* Spreads clients apart; need not be hard to guess. */
static double random_fraction (void) {
  static uint64_t state = 0;
  if (state == 0)
    state = (uint64_t)time(NULL) * 2654435761u ^ (uint64_t)getpid() << 20;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (double)(state >> 11) / 9007199254740992.0;
}


/* Seconds; a 0 names no time at all. Klaviyo sends it with a 429 that other
** ones follow. */
static int64_t retry_after_ms (const attempt_result *a) {
  return a->code == CURLE_OK && a->retry_after > 0
             ? (int64_t)a->retry_after * 1000
             : 0;
}


int64_t retry_gap (const attempt_result *a, int n, int64_t left) {
  int64_t most = MAX_FIRST_GAP_MS;
  int64_t asked = retry_after_ms(a);
  int64_t gap;
  if (a->status == 429 && asked > 0)
    return asked;
  while (--n > 0 && most < MAX_GAP_MS)
    most *= 2;
  if (most > MAX_GAP_MS)
    most = MAX_GAP_MS;
  /* a limit has no more room for trying more often: half of the gap is for
     sure, and no less of it near the deadline */
  if (a->status == 429)
    return most / 2 + (int64_t)((double)(most / 2) * random_fraction());
  /* a last try within the deadline may find the server well again */
  if (most > left - MIN_ATTEMPT_MS)
    most = left > MIN_ATTEMPT_MS ? left - MIN_ATTEMPT_MS : 0;
  gap = (int64_t)((double)most * random_fraction());
  return asked > gap ? asked : gap;
}
