/*
** http/transfer.h - one request from submit to its end, with all its attempts.
*/
#ifndef KLAVIYO_TRANSFER_H
#define KLAVIYO_TRANSFER_H

#include "ratelimit/request_queue.h"
#include "metrics/metrics.h"
#include "http/request.h"
#include "http/response.h"
#include "http/retry.h"
#include "http/timers.h"

/* One attempt, as it is reported. */
typedef struct attempt {
  long status;        /* 0: no response */
  const char *reason; /* a static string; NULL with a response */
  double elapsed;     /* seconds */
  double waited;      /* seconds since the attempt before */

  /* Only if the trace of the request is recorded. */
  failure failure;
  double started;    /* clock_now time */
  uint64_t span_id;  /* 0: nothing was sent */
  long http_version; /* one of libcurl's CURL_HTTP_VERSION_*; 0: not known */
  buffer head;       /* the header block of the response; owned */
} attempt;

/* What a transfer that is not running waits for. */
typedef enum wait_reason {
  WAIT_NONE,
  WAIT_RATE_LIMIT,  /* its turn in the request queue */
  WAIT_RETRY_AFTER, /* until the time that the service named */
  WAIT_BACKOFF      /* before a retry */
} wait_reason;

/*
** A transfer is reference counted: the caller holds one reference, and the
** event loop another from submit to the end. It owns what its fields point to,
** except what the comments below name.
*/
typedef struct transfer {
  int references; /* atomic: any thread */

  /* Set by the submitting thread before engine_submit and constant from then
     on, so that any thread may read them. */
  request_queue *request_queue;              /* one reference */
  struct completion_queue *completion_queue; /* one reference; NULL: none */
  bool repeatable; /* sending it twice has the effect of sending it once */
  bool background; /* no caller waits for it */
  int operation;   /* its number in the metrics */
  long serial;     /* identifies it in lists of completions */
  long pid;        /* the process that submitted it */
  long engine;     /* the engine that it was submitted to */
  double submitted;

  /* Of the submitting thread. 'announced' and 'watched' are also read by the
     event loop, which then runs in the same thread. */
  bool announced; /* engine_wait_any returns its serial */
  bool watched;   /* its end signals the poller */
  bool cancelled; /* the loop's thread was asked to cancel it */

  /* The links of two lists of the loop's thread, protected by its lock. Each
     list holds a reference to the transfers in it. */
  struct transfer *next_posted, *next_cancelled;

  /* Of the thread that runs the event loop, until 'done' is set. From then on
     no other thread changes them, and the submitting thread may read them and
     take the body. The last thread that releases the transfer frees them. */
  request request;
  response response;
  attempt *attempts; /* owned; 'attempt_count' of them */
  int attempt_count;
  bool maybe_sent; /* the service may have received it */

  /* Of the thread that runs the event loop alone. The queue's list and the
     loop's heap point to 'node' and 'timer': both are unlinked before the loop
     releases the transfer. */
  CURL *easy;            /* from the loop's pool while it runs; NULL: not */
  queue_node node;       /* in the request queue while it waits there */
  timer timer;           /* a deadline, a retry or the watchdog */
  bool delayed;          /* the timer is that of a retry */
  int64_t deadline;      /* clock_ms time */
  int64_t budget_time;   /* when it was last counted, in the budget's time */
  int64_t watchdog_due;  /* when libcurl should have ended the attempt */
  bool watchdog_fired;   /* it did not, once */
  int failures;          /* attempts that count as retries */
  bool resent;           /* once, after a connection had died */
  bool fresh_connection; /* the next attempt needs a new connection */
  double started, idle_since;    /* clock_now time */
  wait_reason retry_wait_reason; /* of the next retry */
  retry_reason retry_reason;     /* of the next attempt, for the metrics */
  int64_t waits_since;   /* clock_ms time; in the queue, or for a retry */
  int64_t first_attempt; /* clock_ms time; 0: not counted yet */

  /* Atomic: written by the thread that runs the event loop, read by any. */
  bool done;       /* see transfer_is_done */
  int wait_reason; /* these two: see transfer_set_wait */
  int64_t wait_until;
} transfer;

/* Returns a transfer with one reference, the caller's; NULL: out of memory. It
** takes a reference to the settings and to the queue. */
transfer *transfer_new (settings *s, request_queue *q, const char *method,
                        const char *url, const char *body, size_t body_size);
transfer *transfer_share (transfer *t);

/* Returns a serial that is unique in the process. */
long transfer_new_serial (void);

void transfer_release (transfer *t);

/* Records an attempt that ended. Without memory it is not recorded. */
void transfer_record_attempt (transfer *t, const attempt_result *a, double now);

/* Records an attempt that is aborted while it runs. */
void transfer_record_aborted (transfer *t, const char *reason, double now);

/* Returns the deadline of a transfer that is submitted now. */
int64_t transfer_deadline (const transfer *t, int64_t now);

/* Sets that the transfer waits until about 'until', or (WAIT_NONE) no longer
** waits. Only the loop's thread calls transfer_set_wait. Any thread may call
** transfer_wait: it returns the remaining milliseconds and sets '*reason'; 0:
** it does not wait. */
void transfer_set_wait (transfer *t, wait_reason reason, int64_t until);
int64_t transfer_wait (const transfer *t, int64_t now, wait_reason *reason);

/* Sets the failure of a transfer without a response. */
void transfer_set_failure (transfer *t, failure kind, const char *reason);

/* Marks the transfer as done. From then on no thread changes it, and a thread
** that finds it done may read all of it. */
void transfer_finish (transfer *t);
bool transfer_is_done (const transfer *t);

/* Sets the failure and marks the transfer as done. */
void transfer_fail (transfer *t, failure kind, const char *reason);

/* Return the transfer of one of its fields. */
static inline transfer *transfer_of_node (queue_node *p) {
  return (transfer *)(void *)((char *)p - offsetof(transfer, node));
}

static inline transfer *transfer_of_timer (timer *p) {
  return (transfer *)(void *)((char *)p - offsetof(transfer, timer));
}

#endif
