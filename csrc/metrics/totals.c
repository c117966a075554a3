/*
** metrics/totals.c - what all processes counted.
*/
#include "metrics/totals.h"

#include <string.h>

#include "metrics/memory.h"

const short metrics_statuses[STATUSES] = {0,
                                          STATUS_TIMEOUT,
                                          STATUS_RATE_LIMITED,
                                          STATUS_TRANSPORT,
                                          STATUS_CANCELLED,
                                          STATUS_CLOSED,
                                          200,
                                          201,
                                          202,
                                          203,
                                          204,
                                          206,
                                          207,
                                          300,
                                          301,
                                          302,
                                          303,
                                          304,
                                          307,
                                          308,
                                          400,
                                          401,
                                          402,
                                          403,
                                          404,
                                          405,
                                          406,
                                          407,
                                          408,
                                          409,
                                          410,
                                          411,
                                          412,
                                          413,
                                          414,
                                          415,
                                          416,
                                          417,
                                          421,
                                          422,
                                          423,
                                          424,
                                          425,
                                          426,
                                          428,
                                          429,
                                          431,
                                          451,
                                          500,
                                          501,
                                          502,
                                          503,
                                          504,
                                          505,
                                          507,
                                          511,
                                          520,
                                          521,
                                          522,
                                          523,
                                          524};

const double metrics_bounds[BUCKETS - 1] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};


/* The list is sorted. */
int metrics_status_number (long status) {
  int low = 1, high = STATUSES - 1;
  while (high > low && metrics_statuses[high] == 0)
    high--;
  while (low <= high) {
    int middle = (low + high) / 2;
    if (metrics_statuses[middle] == status)
      return middle;
    if (metrics_statuses[middle] < status)
      low = middle + 1;
    else
      high = middle - 1;
  }
  return 0;
}


const shared_name *metrics_operation_name (int number, bool *end) {
  return names_get(metrics_memory->operations, MAX_OPERATIONS, number, end);
}


const shared_name *metrics_series_name (int number, bool *end) {
  return names_get(metrics_memory->series, MAX_SERIES, number, end);
}


static const char *text_of (const shared_name *table, int max, int number) {
  bool end;
  const shared_name *n = names_get(table, max, number, &end);
  return n != NULL ? n->text : NULL;
}


const char *metrics_source_text (int number) {
  return text_of(metrics_memory->sources, MAX_SOURCES, number);
}


const char *metrics_file_path (int number) {
  return text_of(metrics_memory->files, MAX_FILES, number);
}


static void add_all (uint64_t *sums, const counter *counters, int count) {
  int i;
  for (i = 0; i < count; i++)
    sums[i] += counter_read(&counters[i]);
}


void metrics_sum_operation (int number, operation_totals *sum) {
  uint64_t microseconds = 0, milliseconds = 0;
  int i;
  memset(sum, 0, sizeof(*sum));
  for (i = 0; i < STRIPES; i++) {
    const operation_counters *c =
        &metrics_memory->stripes[i].operations[number];
    add_all(sum->statuses, c->statuses, STATUSES);
    add_all(sum->attempts, c->attempts, RETRY_REASONS);
    add_all(sum->durations, c->durations, BUCKETS);
    add_all(&microseconds, &c->duration, 1);
    add_all(&milliseconds, &c->waited, 1);
  }
  sum->duration = (double)microseconds / 1e6;
  sum->waited = (double)milliseconds / 1e3;
}


static void add_processes (process_totals *sum) {
  int i, j;
  for (i = 0; i < MAX_PROCESSES; i++) {
    const process *p = &metrics_memory->processes[i];
    if (!process_is_alive(p))
      continue;
    sum->processes++;
    sum->sources |= __atomic_load_n(&p->sources, __ATOMIC_RELAXED);
    for (j = 0; j < GAUGES; j++)
      sum->gauges[j] += __atomic_load_n(&p->gauges[j], __ATOMIC_RELAXED);
  }
}


void metrics_sum_processes (process_totals *sum) {
  int i;
  memset(sum, 0, sizeof(*sum));
  for (i = 0; i < STRIPES; i++) {
    const stripe *s = &metrics_memory->stripes[i];
    add_all(sum->events, s->events, EVENTS);
    add_all(&sum->sent, &s->sent, 1);
    add_all(&sum->received, &s->received, 1);
    add_all(sum->refused, s->refused, TABLES);
  }
  add_processes(sum);
}


uint64_t metrics_sum_series (int number) {
  uint64_t sum = 0;
  int i;
  for (i = 0; i < STRIPES; i++)
    add_all(&sum, &metrics_memory->stripes[i].series[number], 1);
  return sum;
}


double metrics_gauge (int number) {
  uint64_t bits = counter_read(&metrics_memory->stripes[0].series[number]);
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}


bool metrics_get_limit (int number, metrics_limit *limit, bool *end) {
  const limit_row *row =
      number < MAX_LIMITS ? &metrics_memory->limits[number] : NULL;
  uint32_t state = row != NULL ? __atomic_load_n(&row->state, __ATOMIC_ACQUIRE)
                               : NAME_UNUSED;
  *end = state == NAME_UNUSED;
  if (state == NAME_READY)
    *limit = row->limit;
  return state == NAME_READY;
}
