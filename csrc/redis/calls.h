/*
** redis/calls.h - commands of Lua code to Redis, and their replies. A loop of
** the core does the input and output, in the thread of a script or in a thread
** of its own.
**
** A caller has one connection. Its calls are sent one after another: the next
** one when the replies to the one before have arrived. A call may have several
** parts, between which no other call is sent.
**
** The thread that submits a call also uses it, but while a part is in progress
** only with call_is_done, call_announce and call_cancel.
*/
#ifndef KLAVIYO_REDIS_CALLS_H
#define KLAVIYO_REDIS_CALLS_H

#include "base/buffer.h"
#include "base/client_kind.h"
#include "redis/connection.h"

#define CALL_PROBLEM 200

typedef struct caller caller;

typedef enum call_failure {
  CALL_SUCCEEDED,
  CALL_TRANSPORT,
  CALL_REFUSED, /* by an error reply before the first command */
  CALL_TIMEOUT,
  CALL_CANCELLED,
  CALL_CLOSED
} call_failure;

typedef struct call {
  /* One part. Its owner sets these fields while none is in progress. */
  buffer commands;
  size_t *offsets; /* in these bytes, of the end of each command */
  int count;
  bool more;                      /* parts will follow */
  int64_t ms;                     /* that the part may take */
  struct completion_queue *queue; /* a reference; NULL: loops have no thread */

  /* The outcome of the part, for the owner when it is done. */
  redisReply **replies;
  int reply_count;
  call_failure failure;
  char problem[CALL_PROBLEM];
  int maybe_run; /* commands that were sent, with or without a reply */

  /* Private. */
  caller *caller; /* a reference */
  int references;
  bool done, cancelled, announced; /* done and cancelled are atomic */
  int64_t submitted;               /* by clock_ms */
  long serial;
  long generation;
  struct call *next_posted;
  /* The fields below belong to the loop's thread. */
  int state;
  int tries;      /* to connect */
  bool continues; /* it is not the first part */
  bool expired;   /* the next part would come too late */
  int64_t deadline;
  struct call *next;
} call;

/* Sets what the core provides, before any other function is called. */
void calls_attach (const loop_functions *functions);

/* Takes over the texts of the address. NULL: not enough memory. */
caller *caller_new (const redis_address *address,
                    const connection_limits *limits);

/* Closes the connection; calls in progress fail. The caller may be used as long
** as it is not released. */
void caller_close (caller *k);
void caller_release (caller *k);

/* Returns a call with one reference, or NULL without memory. */
call *call_new (caller *k, struct completion_queue *queue);
void call_release (call *c);

/* Sends a part, which is then in progress. It always ends, at the latest when
** its time is over. */
void call_submit (call *c);
bool call_is_done (call *c);

/* In a forked child: announces a call from before the fork, which fails there.
** Callers that wait for an announcement call it from time to time. */
void call_check_fork (call *c);

/* Makes the loop announce the serial, which is returned. */
long call_announce (call *c);

/* Waits until the part is done, for at most 'ms' milliseconds. */
bool call_wait (call *c, long ms);

/* The replies are not needed any more. */
void call_cancel (call *c);

#endif
