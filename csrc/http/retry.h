/*
** http/retry.h - whether a request is sent again, and when. The decision
** depends on its arguments and a random number only; any thread may ask for it.
*/
#ifndef KLAVIYO_RETRY_H
#define KLAVIYO_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/libcurl.h"

/* The shortest wait between a 429 and the next attempt. */
#define RETRY_MIN_PACE_MS 250

/* The outcome of one attempt. */
typedef struct attempt_result {
  CURLcode code; /* CURLE_OK: there is a response */
  long status;
  long retry_after;    /* seconds; -1: not in the response */
  bool sent;           /* a part of the request, or all of it */
  bool unclean;        /* nothing was sent: see connection_is_clean */
  bool refused_resend; /* libcurl tried to send it again on its own */
  bool too_large;      /* the response exceeds max_response_bytes */
} attempt_result;

/* What the decision depends on besides the outcome. */
typedef struct retry_context {
  bool repeatable; /* sending it twice has the effect of sending it once */
  bool has_body;
  int max_retries;       /* the setting 'retries' */
  int failures;          /* retries that have been counted so far */
  bool resent;           /* it was sent again at once before */
  bool fresh_connection; /* this attempt needed a new connection */
  bool has_streams;      /* the origin speaks HTTP/2 or later */
  int64_t left;          /* milliseconds until the deadline */
} retry_context;

typedef enum retry_kind {
  RETRY_NEVER,
  RETRY_AT_ONCE, /* not counted as a retry */
  RETRY_PACED,   /* after 'wait'; not counted as a retry */
  RETRY_LATER    /* after 'wait' */
} retry_kind;

typedef struct retry {
  retry_kind kind;
  int64_t wait;          /* milliseconds; 0 for RETRY_AT_ONCE */
  bool fresh_connection; /* the next attempt needs a new connection */
} retry;

/* Returns whether, when and on which connection a request is sent again. This
** is the only place where a retry is decided. */
retry retry_decide (const attempt_result *a, const retry_context *c);

#endif
