/*
** redis/lease.h - the part of the shared limits that this host may use. All
** hosts of an account share its limits through Redis; docs/scale.md explains
** the algorithm, whose other half is lua/klaviyo/redis/lease_script.lua.
**
** Functions without input and output, on records that the caller owns and has
** locked: the lease of a bucket, and beside it what this host used. Times are
** those of the budget, in milliseconds.
*/
#ifndef KLAVIYO_LEASE_H
#define KLAVIYO_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "ratelimit/usage.h"

/* The layout of a lease, in a file that programs of other versions may use,
** too, and of 32 and of 64 bits: raise its number with each change. A spec has
** its own. */
#ifndef LEASE_LAYOUT
#define LEASE_LAYOUT 2
#endif
#define LEASE_SIZE 1760

#define LEASE_EVENTS 72
#define LEASE_REPLY 15 /* numbers in a reply */

#define LEASE_NEVER INT64_MAX
#define LEASE_MAX_MS INT64_C(172800000) /* no wait is longer: two days */

/* How long a host waits for a reply before it goes on without Redis. Specs have
** a longer time: the machine may be busy. */
#ifndef LEASE_TIMEOUT_MS
#define LEASE_TIMEOUT_MS 50
#endif

/* Requests that started (+1), or whose count moved to a later time (-1, +1). */
typedef struct lease_events {
  int32_t count, unused;
  int16_t by[LEASE_EVENTS];
  int64_t at[LEASE_EVENTS];
} lease_events;

/* A record of the file. All zeros: Redis was never asked. */
typedef struct lease {
  record_head head;
  int64_t epoch;      /* of the shared count; 0: not known */
  int64_t until;      /* when the tokens end */
  int64_t granted_at; /* when they were granted or last in use */
  int64_t wanted_at;  /* since when requests wait without a pause */
  int64_t looked_at;  /* when one last looked for a token */
  int64_t asked;      /* when a process asked that has no reply yet; 0: none */
  int64_t sent_at;    /* when the last report was first sent */
  int64_t asked_for;  /* when the exchange before that was made */
  int64_t retry_at;   /* the shared limits allow nothing before */
  int64_t away;       /* since when Redis does not reply; 0: it does */
  int64_t try_again;  /* when away */
  int64_t away_use;   /* the last request without Redis */
  int64_t turn;       /* when away: the next request, if a part is below one */
  int64_t clock;      /* from here to the time of Redis */
  int64_t blocked;    /* by the service, and not reported yet */
  int64_t blocked_at;
  uint32_t tokens;   /* granted, and not taken */
  uint32_t granted;  /* the last time */
  uint32_t taken;    /* since the last exchange */
  uint32_t report;   /* the number of the last report */
  uint32_t hosts;    /* that Redis saw; 0: not known */
  uint32_t index;    /* which of them this one is */
  uint8_t wanted;    /* a request waits for a token */
  uint8_t contended; /* other hosts use the limits, too */
  uint8_t tell_all;  /* Redis lost its data: report the whole usage */
  uint8_t was_away;  /* used without Redis, which does not know it */
  uint32_t unused;
  struct {
    uint32_t own;     /* used by this host, when Redis last replied */
    uint32_t used;    /* by all hosts, at that time */
    uint32_t start;   /* this host may use just after Redis went away */
    uint32_t part;    /* and then, for one or two windows */
    uint32_t counted; /* by the service; 0: not known, or reported */
    uint32_t unused;
    int64_t counted_at;
    int64_t reset; /* when the service's window ends */
  } windows[BUDGET_WINDOWS];
  lease_events sent; /* in the last report, which may not have arrived */
  lease_events events;
} lease;

/* Repairs what was read: another program may have written to the file, or the
** clock may have gone back. */
void lease_check (lease *l, int64_t now);

/* Returns the milliseconds until a token may be there; 0: one can be taken.
** Notes that a request waits. */
int64_t lease_wait (lease *l, usage *u, const bucket *b, int64_t now);

/* Returns whether a request that lease_wait was called for at 'now' waits for
** Redis to reply: neither for its limits, nor without Redis. */
static inline bool lease_waits_for_reply (const lease *l, int64_t now) {
  return l->looked_at == now && l->away == 0 && l->retry_at <= now;
}


/* Takes a token, after lease_wait returned 0. The caller counts it in the usage
** by usage_add. */
void lease_take (lease *l, const usage *u, const bucket *b, int64_t now);

/* Notes that the count of a request moved from 'then' to 'now'. */
void lease_move (lease *l, int64_t then, int64_t now);

/* Notes what the service reported: nothing for 'ms' milliseconds, or its
** limits. The caller updates the usage, too; see lease_limits. */
void lease_block (lease *l, int64_t now, int64_t ms);
void lease_learn (lease *l, const rate_limit *limit, int64_t now);

/* Returns the part of what the service reported that the usage of this host
** may learn: the limits, not what all hosts used. */
rate_limit lease_limits (const rate_limit *limit);

/* Returns when this host should make the next exchange; LEASE_NEVER: it need
** not. */
int64_t lease_due (const lease *l, int64_t now);

/* Begins an exchange: appends the arguments of the script after the name of
** the host, separated by spaces, and returns true; or returns false without
** memory. */
bool lease_ask (lease *l, usage *u, const bucket *b, int64_t now,
                buffer *arguments);

/* Returns a number of a reply, which any server may have sent, or the nearest
** one that the script can reply. */
int64_t lease_bound (int which, int64_t number);

/* Ends an exchange that was begun at 'asked': with a reply, whose numbers are
** those that lease_bound returned, or without one. A late reply is one that
** comes after lease_fail. If another process asked meanwhile, a failure changes
** nothing. */
void lease_answer (lease *l, usage *u, const bucket *b,
                   const int64_t reply[LEASE_REPLY], int64_t asked, int64_t now,
                   bool late);
void lease_fail (lease *l, usage *u, const bucket *b, int64_t asked,
                 int64_t now);

#endif
