/*
** ratelimit/lease_source.h - what shares the limits of a budget with other
** machines: a shared object of its own (csrc/redis) implements it, and the core
** calls it. Without one, a budget has the limits of its accounts alone.
**
** A source lives until the process ends. Beside each usage the budget keeps a
** record for the source, its lease. Functions with records are called by any
** thread while the budget is locked: they must not use a budget, and must not
** wait.
*/
#ifndef KLAVIYO_LEASE_SOURCE_H
#define KLAVIYO_LEASE_SOURCE_H

#include "base/client_kind.h"
#include "metrics/leases.h"
#include "ratelimit/usage.h"

#define LEASE_SOURCE_VERSION 3

struct budget;

/* The records of a bucket, which may be changed. */
typedef struct lease_records {
  usage *usage;
  record_head *lease; /* RATE_LIMIT_RECORD bytes; zeros if it is new */
} lease_records;

typedef void lease_visitor (void *arg, const bucket *b, lease_records *r,
                            int64_t now);

/* What a source may call. */
typedef struct lease_core {
  /* Locks the records of a bucket, calls the visitor and saves them. Returns
  ** false if there is not enough memory. */
  bool (*visit)(struct budget *b, const bucket *one, lease_visitor *visitor,
                void *arg);
  struct budget *(*share)(struct budget *b);
  void (*release)(struct budget *b); /* not while a budget is locked */
  /* Counts a problem, for the Lua code that reports it. */
  void (*count_problem)(void);
  /* Count for the metrics, if they are on: see metrics/leases.h. */
  void (*count)(lease_count what, uint64_t n);
  void (*note_away)(bool is_away);
  void (*note_hosts)(uint32_t hosts);
  /* Watches a socket of a client: its loop then calls 'run'. Ends a wait of
  ** that loop, from any thread. */
  void (*watch)(void *loop, int fd, bool input, bool output);
  void (*unwatch)(void *loop, int fd);
  void (*wake)(void *loop);
} lease_core;

typedef struct lease_source lease_source;
struct lease_source {
  client_kind clients; /* first */
  int version;         /* LEASE_SOURCE_VERSION */
  void (*attach)(lease_source *s, const lease_core *core);
  uint32_t layout; /* of its records: those with another one are not read */

  /* Takes a request from the leases of all buckets, or from none. Returns 0 if
  ** it was taken, or else the milliseconds until it makes sense to try again.
  ** The budget counts it in the usage. */
  int64_t (*take)(lease_source *s, struct budget *b, const bucket *list,
                  lease_records *records, int n, int64_t now);

  /* These pass on calls of the budget: see budget.h. 'learn' returns what
  ** the usage may learn. */
  void (*move)(lease_source *s, struct budget *b, const bucket *one,
               lease_records *r, int64_t then, int64_t now);
  void (*block)(lease_source *s, struct budget *b, const bucket *one,
                lease_records *r, int64_t ms, int64_t now);
  rate_limit (*learn)(lease_source *s, const bucket *one, lease_records *r,
                      const rate_limit *limit, int64_t now);
};

#endif
