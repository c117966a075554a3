/*
** http/counting.h - counts requests for the metrics. The thread that may write
** to the transfer calls these functions. Before metrics_start they do nothing.
**
** An attempt is counted when it starts, a request when it ends, both once: if
** the process is killed, its attempts in progress are counted without a
** request.
*/
#ifndef KLAVIYO_COUNTING_H
#define KLAVIYO_COUNTING_H

#include "http/transfer.h"

/* What a loop reported last; all zeros at first. */
typedef struct reported {
  int queued, running, connections;
} reported;

/* An attempt is about to start, at 'now' in clock_ms time. */
void counting_start_attempt (transfer *t, int64_t now);

/* An attempt ended, whose handle still has its figures. */
void counting_end_attempt (const transfer *t);

/* The request is sent again because of that result. */
void counting_retry (transfer *t, const attempt_result *a, bool at_once);

/* A wait in the queue, or for a retry, ends. */
void counting_end_wait (const transfer *t, int64_t now);

/* The request is done. */
void counting_finish (const transfer *t);

/* Reports what the loop has now, if it changed: pending and running transfers,
** open connections. */
void counting_report (reported *last, size_t pending, size_t running,
                      size_t open);

#endif
