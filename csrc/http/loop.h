/*
** http/loop.h - the event loop: it starts queued transfers, drives libcurl's
** multi handle and retries failed attempts.
**
** Only one thread at a time may use a loop, but for loop_stats.
*/
#ifndef KLAVIYO_LOOP_H
#define KLAVIYO_LOOP_H

#include "http/completions.h"
#include "http/easy_pool.h"
#include "http/poller.h"
#include "http/transfer.h"

#define LOOP_FOREVER INT64_MAX

typedef struct loop {
  CURLM *multi;
  poller *poller;
  long pid;
  easy_pool easy_pool;
  connections connections;
  origins origins;
  request_queue *queues, **last_queue; /* queues with waiting requests */
  timers timers;
  size_t pending; /* added and not done */
  size_t running;
  size_t background;       /* pending background transfers */
  completions completions; /* serials of announced transfers */
  size_t watched_done;     /* watched transfers that ended */
} loop;

loop *loop_new (void); /* NULL: out of memory or descriptors */

/* Fails the transfers still pending, closes the connections and frees the
** loop. */
void loop_free (loop *l);

/* Adds a transfer and takes a reference to it. The transfer always finishes, by
** its deadline at the latest, or at once if there is not enough memory. */
void loop_add (loop *l, transfer *t);

/* Fails a transfer that was added and is not done. */
void loop_abort (loop *l, transfer *t, failure kind, const char *reason);

/* Runs the loop once: handles due timers, starts transfers and lets libcurl
** work, waiting for it for at most 'ms' milliseconds. */
CURLMcode loop_run_once (loop *l, int64_t ms);

/* Counts the pending transfers, and how many of them are running. Any thread
** may call it. */
void loop_stats (const loop *l, size_t *pending, size_t *running);

/* Returns the time of the next timer, at which the loop must run even if no
** socket is ready. */
int64_t loop_timeout (const loop *l);

#endif
