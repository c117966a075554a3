/*
** http/background_stats.h - the requests of this process that nobody waits
** for: how many there are, and what became of them.
*/
#ifndef KLAVIYO_BACKGROUND_STATS_H
#define KLAVIYO_BACKGROUND_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "http/transfer.h"

#define MAX_FAILURES 16
#define MAX_FAILURE_DETAIL 200

/* Bytes of bodies that may be queued. */
#define MAX_BACKGROUND_BYTES ((size_t)64 << 20)

typedef struct background_stats {
  size_t queued, running;       /* now */
  size_t sent, failed, refused; /* so far; refused: there were too many */
  size_t reported;              /* of those that failed */
} background_stats;

typedef struct background_failure {
  long status;                     /* 0: no answer */
  char reason[CURL_ERROR_SIZE];    /* where there was no answer */
  char detail[MAX_FAILURE_DETAIL]; /* how the answer's body begins */
  size_t detail_size;
} background_failure;

/* One more is to be queued; false if there are as many as may be, or if they
** take as many bytes. */
bool background_add (const transfer *t, size_t max);

/* One began to run (or ceased to, and waits again). */
void background_set_running (bool runs);

/* One came to its end. */
void background_finish (const transfer *t);

background_stats background_stats_get (void);

/* Takes the oldest failure that is still known; false: there is none. */
bool background_take_failure (background_failure *f);

/* How many failed since this was last called. */
size_t background_take_failed (void);

/* When the process ends: writes to stderr how many were lost and are not
** reported. */
void background_report_lost (void);

/* A child process has none of its parent's, whatever thread was at them. */
void background_reset_after_fork (void);

#endif
