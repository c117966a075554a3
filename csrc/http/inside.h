/*
** http/inside.h - the struct of a loop, for the sources that implement it:
** loop.c, loop_states.c and attempt.c. The thread that owns the loop alone
** calls these functions.
*/
#ifndef KLAVIYO_HTTP_INSIDE_H
#define KLAVIYO_HTTP_INSIDE_H

#include "http/completions.h"
#include "http/connections.h"
#include "http/counting.h"
#include "http/easy_pool.h"
#include "http/loop_clients.h"
#include "http/loop.h"
#include "http/poller.h"
#include "http/timers.h"

struct loop {
  CURLM *multi;
  poller *poller;
  long pid;
  easy_pool easy_pool;
  connections connections;
  origins origins;
  request_queue *queues, **last_queue; /* queues with waiting requests */
  timers timers;
  size_t pending;          /* added and not done; atomic */
  size_t running;          /* atomic */
  size_t background;       /* pending background transfers */
  completions completions; /* serials of announced transfers */
  size_t watched_done;     /* watched transfers that ended */
  time_slice slice;        /* enabled in a thread of the loop's own */
  reported reported;       /* to the metrics */
  loop_clients clients;
};

/* Adds to 'pending' or 'running', which other threads read. */
void loop_count (size_t *count, int by);

/* Adds a queue to those with waiting requests, or takes their first. */
void loop_add_queue (loop *l, request_queue *q);
request_queue *loop_take_queue (loop *l);

/* Lets a transfer wait in its queue, before or after the others, or wait until
** its retry. */
void loop_enqueue (loop *l, transfer *t, bool first, int64_t now);
void loop_schedule_retry (loop *l, transfer *t, int64_t until, int64_t now);

/* Removes a running transfer from the multi handle. */
void loop_detach (loop *l, transfer *t);

/* Finishes a transfer and releases the loop's reference, which may free it. */
void loop_finish (loop *l, transfer *t);

/* Starts an attempt of the first transfer of a queue. */
void attempt_start (loop *l, transfer *t, int64_t now);

/* Ends an attempt: the transfer is done, or tried again. */
void attempt_end (loop *l, transfer *t, CURLcode code);

/* Ends the attempts that libcurl completed. */
void attempts_end (loop *l);

/* Checks a running transfer whose timer is due. If the caller blocked for long,
** its response may be waiting in the socket, so libcurl gets a second to read
** it. */
void attempt_check (loop *l, transfer *t, int64_t now);

#endif
