/*
** redis/source.h - shares the limits of budgets through Redis: the source of
** leases that the core calls.
**
** A source lives until the process ends, and may be used by all its threads.
** Each loop has a client of it, with a connection of its own.
*/
#ifndef KLAVIYO_REDIS_SOURCE_H
#define KLAVIYO_REDIS_SOURCE_H

#include "ratelimit/lease_source.h"
#include "redis/connection.h"

typedef struct source source;

typedef struct source_stats {
  uint64_t exchanges; /* with a reply in time */
  uint64_t failures;  /* without */
  uint64_t tokens;    /* that were granted */
  uint64_t waits;     /* requests that had to wait for a reply */
  int64_t away_ms;    /* milliseconds that this process was without Redis */
} source_stats;

/* The source takes over the texts of the address. 'host' names this host, and
** is equal in its processes alone. Returns NULL without memory. */
source *source_new (const redis_address *address, const char *script,
                    const char *host);
lease_source *source_lease_source (source *s);

/* Returns the last problem, or "" if there was none. Each kind counts once. The
** text is copied. */
void source_problem (source *s, char *text, size_t size);

void source_get_stats (source *s, source_stats *stats);

#endif
