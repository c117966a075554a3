/*
** metrics/memory.h - the memory of the metrics, for metrics/ alone.
**
** Processes count in stripes, one of which each uses, so that two workers
** seldom write to one cache line; a scrape adds the stripes. All zeros is the
** state before anything was counted. Pages that are never used take no memory.
*/
#ifndef KLAVIYO_METRICS_MEMORY_H
#define KLAVIYO_METRICS_MEMORY_H

#include "metrics/counter.h"
#include "metrics/leases.h"
#include "metrics/metrics.h"
#include "metrics/names.h"
#include "metrics/totals.h"

#define STRIPES 8

#define CACHE_LINE 64
#define COUNTERS_OF_OPERATION (STATUSES + RETRY_REASONS + BUCKETS + 2)

/* The counters of an operation. */
typedef struct operation_counters {
  counter statuses[STATUSES];      /* requests that ended */
  counter attempts[RETRY_REASONS]; /* by why they were sent */
  counter durations[BUCKETS];      /* requests that ended */
  counter duration;                /* microseconds */
  counter waited;                  /* milliseconds */
  char unused[CACHE_LINE - COUNTERS_OF_OPERATION * 8 % CACHE_LINE];
} operation_counters;

typedef struct stripe {
  operation_counters operations[MAX_OPERATIONS];
  counter series[MAX_SERIES];
  counter events[EVENTS];
  counter leases[LEASE_COUNTS];
  counter sent, received; /* bytes */
  counter refused[TABLES];
  char unused[4096]; /* the next stripe has other pages */
} stripe;

typedef struct limit_row {
  uint32_t state; /* atomic; as of a name */
  metrics_limit limit;
} limit_row;

/* Of the whole host; atomic. Times are of clock_uptime, 0: never. */
typedef struct lease_gauges {
  uint32_t away_at; /* when a process last went on without Redis */
  uint32_t hosts, hosts_at;
} lease_gauges;

struct metrics_memory {
  stripe stripes[STRIPES];
  process processes[MAX_PROCESSES];
  shared_name operations[MAX_OPERATIONS];
  shared_name series[MAX_SERIES];
  shared_name sources[MAX_SOURCES];
  shared_name files[MAX_FILES];
  limit_row limits[MAX_LIMITS];
  lease_gauges leases;
};

/* Returns the stripe in which this process counts. */
stripe *metrics_stripe (void);

/* Returns the number of a status: its index in metrics_statuses, or 0. */
int metrics_status_number (long status);

#endif
