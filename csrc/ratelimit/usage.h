/*
** ratelimit/usage.h - what was used of the limits of one account and operation.
*/
#ifndef KLAVIYO_USAGE_H
#define KLAVIYO_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/headers.h"
#include "ratelimit/rate_limit_file.h"

#define BUDGET_WINDOWS 3 /* a second, a minute, a day */
#define USAGE_SLOTS 250  /* that a window is cut into evenly */

/* One of the limits that a request draws from. */
typedef struct bucket {
  uint64_t key;                   /* of the account and the operation */
  uint32_t limit[BUDGET_WINDOWS]; /* requests a window; 0: none */
  bool fixed;                     /* not told of by the service */
} bucket;

typedef struct window {
  int64_t length; /* milliseconds; 0: the usual */
  int64_t head;   /* number of the newest slot in the ring */
  int64_t others_until;
  uint32_t others; /* requests of other programs, until then */
  uint32_t limit;  /* as the service told; 0: it did not */
  uint32_t sum;    /* of all slots */
  uint16_t slot[USAGE_SLOTS + 1];
} window;

/* A record of the file. Zeros: nothing was used. */
typedef struct usage {
  record_head head;
  int64_t blocked; /* until when */
  window windows[BUDGET_WINDOWS];
} usage;

/* Mends what was read: another program may have written there, and the clock
** may have gone back, which is to be noted for those who read it next: then
** true. */
bool usage_check (usage *u, int64_t now);

/* Milliseconds until one more fits into every window of the bucket. */
int64_t usage_wait (usage *u, const bucket *b, int64_t now);

/* Counts one request, or moves one from 'then' to 'now'. */
void usage_add (usage *u, const bucket *b, int64_t now);
void usage_move (usage *u, const bucket *b, int64_t then, int64_t now);

/* Nothing more for so many milliseconds, a day at most. */
void usage_block (usage *u, int64_t now, int64_t ms);

/* What an answer's header fields tell of this bucket. */
void usage_learn (usage *u, const rate_limit *limit, int64_t now);

/* Which of ours a window of so many seconds is. */
int usage_window (long seconds);

/* Requests in a window, as the service told or as the bucket says. */
uint32_t usage_limit (const usage *u, const bucket *b, int i);

/* At least so many milliseconds pass before the request that has 'queued_before'
** others before it can be sent. */
int64_t usage_min_wait (const usage *u, const bucket *b, int64_t queued_before,
                        int64_t now);

#endif
