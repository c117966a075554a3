/*
** http/background_stats.h - counters of background requests: requests that this
** process submits without waiting for their responses (tracked events).
**
** Every function takes the lock of the counters, so any thread may call it. The
** results are copies, which the caller owns.
*/
#ifndef KLAVIYO_BACKGROUND_STATS_H
#define KLAVIYO_BACKGROUND_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "http/transfer.h"

#define MAX_FAILURES 16
#define MAX_FAILURE_DETAIL 200

/* The total size of the bodies that may be queued, in bytes. */
#define MAX_BACKGROUND_BYTES ((size_t)64 << 20)

typedef struct background_stats {
  size_t queued, running; /* the current numbers */
  size_t sent, failed,
      refused;     /* since the process started; refused: the queue was full */
  size_t reported; /* failed requests that a caller has been informed of */
} background_stats;

typedef struct background_failure {
  long status;                     /* 0: no response */
  char reason[CURL_ERROR_SIZE];    /* set if there was no response */
  char detail[MAX_FAILURE_DETAIL]; /* the start of the response's body */
  size_t detail_size;
} background_failure;

/* Counts a request as queued. Returns false, and counts it as refused, if 'max'
** requests are queued or running already or if their bodies take
** MAX_BACKGROUND_BYTES. */
bool background_add (const transfer *t, size_t max);

/* Counts a queued request as running (true), or a running request as queued
** again (false). */
void background_set_running (bool runs);

/* Counts a queued request as sent or failed, by the response of its
** transfer. */
void background_finish (const transfer *t);

background_stats background_stats_get (void);

/* Moves the oldest recorded failure to '*f'. Returns false if there is none. */
bool background_take_failure (background_failure *f);

/* Returns how many requests have failed since the last call. */
size_t background_take_failed (void);

/* Writes to stderr how many requests were lost and not reported. Called when
** the process ends. */
void background_report_lost (void);

/* Clears the counters in a child process. The lock is initialized again:
** another thread of the parent may have held it at the time of the fork. */
void background_reset_after_fork (void);

#endif
