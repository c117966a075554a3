/*
** http/retry.h - whether a request may go out again, and when.
*/
#ifndef KLAVIYO_RETRY_H
#define KLAVIYO_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

/* The least time between a 429 and another attempt. */
#define RETRY_MIN_PACE_MS 250

/* How one attempt ended. */
typedef struct attempt_result {
  CURLcode code; /* CURLE_OK: an answer came */
  long status;
  long retry_after;    /* seconds; -1: the answer did not say */
  bool sent;           /* a part of the request, or all of it */
  bool unclean;        /* nothing: the connection had something to read */
  bool refused_resend; /* libcurl would have sent it again on its own */
  bool too_large;      /* the answer was more than was asked for */
} attempt_result;

typedef enum retry {
  RETRY_NEVER,
  RETRY_PACED,   /* 429 that names a time: then, as often as it does */
  RETRY_AT_ONCE, /* a kept-alive connection had died before its use */
  RETRY_LATER    /* with growing gaps */
} retry;

/* 'repeatable': sending it twice has the effect of sending it once. */
retry retry_decide (const attempt_result *a, bool repeatable);

/* Whether it has to be sent on a new connection: the server gave up on this
** one, or it does not lead to the right server. */
bool retry_needs_connection (const attempt_result *a);

/* Milliseconds to wait before the n-th repetition: what the service says, or
** else exponential with full jitter, but less than what is 'left'. After a 429
** that names no time at least half of that, which is RETRY_MIN_PACE_MS at
** first. */
int64_t retry_gap (const attempt_result *a, int n, int64_t left);

#endif
