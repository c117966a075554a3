/*
** http/loop.h - what carries transfers: the queue, the connections, the times.
** One thread at a time works on it.
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
  request_queue *queues, **last_queue; /* those that have requests waiting */
  timers timers;
  size_t pending; /* taken and not done */
  size_t running;
  size_t background;       /* pending ones that nobody waits for */
  completions completions; /* of announced transfers */
  size_t watched_done;     /* watched ones that ended */
} loop;

loop *loop_new (void); /* NULL when it cannot be had */

/* Ends what it still has, and closes its connections. */
void loop_free (loop *l);

/* Takes a transfer on. It comes to an end in any case, by its deadline at
** the latest; at once, where there is no memory for it. */
void loop_add (loop *l, transfer *t);

/* Ends a transfer that was taken on and is not done. */
void loop_abort (loop *l, transfer *t, failure kind, const char *reason);

/* A round: what is due is started, what libcurl has to do is done, waiting
** for it up to 'ms'. */
CURLMcode loop_run_once (loop *l, int64_t ms);

/* What was taken and is not done, and what of it is under way: for any
** thread. */
void loop_stats (const loop *l, size_t *pending, size_t *running);

/* When it has something to do, whatever the sockets say. */
int64_t loop_timeout (const loop *l);

#endif
