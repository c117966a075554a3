/*
** ratelimit/usage.h - the used part of the limits of one account and operation.
**
** Pure functions on a record that the caller owns and has locked.
*/
#ifndef KLAVIYO_USAGE_H
#define KLAVIYO_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/headers.h"
#include "ratelimit/rate_limit_file.h"

#define BUDGET_BUCKETS 4 /* the most limits that one request counts against */
#define BUDGET_WINDOWS 3 /* a second, a minute, a day */
#define USAGE_SLOTS 250  /* slots per window */
#define USAGE_SIZE 1664  /* of a record: a change needs another FORMAT */

/* A limit that a request counts against. */
typedef struct bucket {
  uint64_t key;                   /* hash of account and operation */
  uint32_t limit[BUDGET_WINDOWS]; /* requests per window; 0: no limit */
  bool fixed;                     /* the service does not report it */
} bucket;

typedef struct window {
  int64_t length; /* milliseconds; 0: the default */
  int64_t head;   /* number of the newest slot in the ring */
  int64_t others_until;
  uint32_t others; /* requests of other programs, until others_until */
  uint32_t limit;  /* as the service reported; 0: not reported */
  uint32_t sum;    /* the sum of all slots */
  uint16_t slot[USAGE_SLOTS + 1];
  uint16_t unused[3]; /* the layout is the same for 32 and for 64 bits */
} window;

/* A record of the file. All zeros: nothing was used. */
typedef struct usage {
  record_head head;
  int64_t blocked; /* blocked until this time */
  window windows[BUDGET_WINDOWS];
} usage;

/* What is used of the limits of a bucket. */
typedef struct usage_state {
  int64_t wait; /* milliseconds until another request fits */
  struct {
    int64_t length;  /* milliseconds */
    uint32_t limit;  /* 0: no limit */
    uint32_t used;   /* by the processes that share the file */
    uint32_t others; /* by other programs, as the service reported */
  } windows[BUDGET_WINDOWS];
} usage_state;

/* Validates and repairs what was read: another program may have written to the
** file, or the clock may have gone back. Returns true if the record must be
** written, so that other processes see the change. */
bool usage_check (usage *u, int64_t now);

/* Returns the milliseconds until another request fits into every window. */
int64_t usage_wait (usage *u, const bucket *b, int64_t now);

/* Describes what is used now. */
void usage_describe (usage *u, const bucket *b, int64_t now,
                     usage_state *state);

/* Counts a request at 'now', or moves one from 'then' to 'now'. */
void usage_add (usage *u, const bucket *b, int64_t now);
void usage_move (usage *u, const bucket *b, int64_t then, int64_t now);

/* Blocks for 'ms' milliseconds, a day at most. */
void usage_block (usage *u, int64_t now, int64_t ms);

/* Updates the limits from the rate limit fields of a response. */
void usage_learn (usage *u, const rate_limit *limit, int64_t now);

/* Returns the index of the window that is 'seconds' long. */
int usage_window (long seconds);

/* Returns which of the windows a response's "remaining" and "reset" describe,
** or -1. */
int usage_described_window (const rate_limit *limit);

/* Returns the milliseconds that pass at least before a request can be sent that
** has 'queued_before' others before it. */
int64_t usage_min_wait (const usage *u, const bucket *b, int64_t queued_before,
                        int64_t now);

#endif
