/*
** http/transfer.h - one request on its way, from submit to its end: all that
** was tried, and what came of it.
*/
#ifndef KLAVIYO_TRANSFER_H
#define KLAVIYO_TRANSFER_H

#include "ratelimit/request_queue.h"
#include "http/request.h"
#include "http/response.h"
#include "http/retry.h"
#include "http/timers.h"

/* One attempt, as it is told. */
typedef struct attempt {
  long status;        /* 0: no answer */
  const char *reason; /* static text; NULL with an answer */
  double elapsed;     /* seconds */
  double waited;      /* seconds before it, since the one before */
} attempt;

/* What a transfer waits for, when it is not running. */
typedef enum wait_reason {
  WAIT_NONE,
  WAIT_RATE_LIMIT,  /* its turn, by the limits of its lane */
  WAIT_RETRY_AFTER, /* as the service asked */
  WAIT_BACKOFF      /* the gap before another attempt */
} wait_reason;

typedef struct transfer {
  int references; /* who asked, and the engine */
  request request;
  response response;
  request_queue *request_queue;
  bool repeatable; /* sending it twice is sending it once */
  bool announced;  /* its end goes into the engine's list */
  long serial;     /* its name in that list */
  bool watched;    /* its end is to be seen by another loop */
  struct completion_queue
      *completion_queue; /* its end is told there; NULL: nowhere */
  bool background;       /* nobody waits for it */
  bool cancelled;        /* cancelled, while a thread has it */
  struct transfer *next_posted, *next_cancelled; /* on the way there */

  bool done;             /* see transfer_is_done */
  bool maybe_sent;       /* the service could have acted on it */
  bool resent;           /* at once, after an old connection's death */
  bool fresh_connection; /* the next attempt is to have a new connection */
  int failures;          /* attempts that count as retries */
  attempt *attempts;
  int attempt_count;

  CURL *easy;      /* while it runs */
  long pid;        /* of the process that submitted it */
  long engine;     /* and of its engine */
  queue_node node; /* in the lane, while it is ready */
  timer timer;     /* its deadline, or the end of a gap; see 'watchdog_due' */
  int64_t watchdog_due; /* when libcurl should have ended the attempt by */
  bool watchdog_fired;  /* it was overdue once */
  bool delayed;         /* the timer is a gap's */
  int64_t deadline;     /* milliseconds of the engine's clock */
  int64_t budget_time;  /* from the budget, on its clock */
  double submitted, started, idle_since; /* seconds of the engine's clock */
  wait_reason
      retry_wait_reason; /* of the gap that comes next, or is under way */
  int wait_reason;       /* these two: see transfer_set_wait */
  int64_t wait_until;
} transfer;

/* A transfer with one reference, the caller's; NULL when memory is out. */
transfer *transfer_new (settings *s, request_queue *q, const char *method,
                        const char *url, const char *body, size_t body_size);
transfer *transfer_share (transfer *t);
void transfer_release (transfer *t);

/* Notes an attempt that ended. Without memory it is left out. */
void transfer_record_attempt (transfer *t, const attempt_result *a, double now);

/* Notes one that is broken off. */
void transfer_record_aborted (transfer *t, const char *reason, double now);

/* When it has to have come to its end, if it is submitted now. */
int64_t transfer_deadline (const transfer *t, int64_t now);

/* It begins to wait until about 'until', or (WAIT_NONE) no longer waits. Called
** by the thread that works on it; any other may ask for how long: how many
** milliseconds, and '*reason'; 0 when it does not wait. */
void transfer_set_wait (transfer *t, wait_reason reason, int64_t until);
int64_t transfer_wait (const transfer *t, int64_t now, wait_reason *reason);

/* What went wrong, if it was not the service. */
void transfer_set_failure (transfer *t, failure kind, const char *reason);

/* It has come to its end: from now on nobody changes it, and whoever sees
** that it is done, in whichever thread, sees all of it. */
void transfer_finish (transfer *t);
bool transfer_is_done (const transfer *t);

/* Both: blamed and finished. */
void transfer_fail (transfer *t, failure kind, const char *reason);

#endif
