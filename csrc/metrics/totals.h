/*
** metrics/totals.h - what all processes counted, for a scrape. Any thread may
** call these functions, while others count, and only if metrics_on.
*/
#ifndef KLAVIYO_TOTALS_H
#define KLAVIYO_TOTALS_H

#include "metrics/metrics.h"
#include "metrics/names.h"

#define STATUSES 64 /* number 0: any other */
#define BUCKETS 14  /* of the histogram; the last one has no bound */

/* The status of each number, from the index 1 on; 0: the number is unused.
** Those below 100 are of metrics_status. */
extern const short metrics_statuses[STATUSES];

/* The upper bounds of the histogram, in seconds. */
extern const double metrics_bounds[BUCKETS - 1];

typedef struct operation_totals {
  uint64_t statuses[STATUSES];      /* requests that ended */
  uint64_t attempts[RETRY_REASONS]; /* by why they were sent */
  uint64_t durations[BUCKETS];      /* requests that ended; not cumulative */
  double duration, waited;          /* seconds */
} operation_totals;

typedef struct process_totals {
  uint64_t events[EVENTS];
  uint64_t sent, received; /* bytes */
  uint64_t refused[TABLES];
  int64_t gauges[GAUGES]; /* of the processes that run */
  int processes;          /* how many of them run */
  uint32_t sources;       /* a bit for each source that they have */
} process_totals;

/* Each returns NULL for a number without a name; see names_get. */
const shared_name *metrics_operation_name (int number, bool *end);
const shared_name *metrics_series_name (int number, bool *end);
const char *metrics_source_text (int number);
const char *metrics_file_path (int number);

void metrics_sum_operation (int number, operation_totals *sum);
void metrics_sum_processes (process_totals *sum);

/* Returns the value of a series: of a counter, or of a gauge. */
uint64_t metrics_sum_series (int number);
double metrics_gauge (int number);

/* Returns the limit of a number, from 0 on. Returns false if there is none;
** '*end' is then true if there are no others. */
bool metrics_get_limit (int number, metrics_limit *limit, bool *end);

#endif
