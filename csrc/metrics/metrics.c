/*
** metrics/metrics.c - counts in memory that processes share.
*/
#include "metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metrics/memory.h"

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

#define OTHER "other"

struct metrics_memory *metrics_memory = NULL;

/* Of this process; set under the lock, when it first counts. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static stripe *own_stripe = NULL; /* atomic; NULL: not set */
static process *own_process = NULL;
static process spare_process; /* if all rows are in use; no scrape reads it */


/* {======================================================
** The memory and this process's part of it
** ======================================================= */

static void after_fork_in_child (void) {
  pthread_mutex_init(&lock, NULL);
  own_stripe = NULL;
  own_process = NULL;
}


static bool start (const char **why) {
  struct metrics_memory *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (m == MAP_FAILED) {
    *why = strerror(errno);
    return false;
  }
  (void)names_find(m->operations, MAX_OPERATIONS, OTHER, strlen(OTHER), 0);
  if (pthread_atfork(NULL, NULL, after_fork_in_child) != 0) {
    munmap(m, sizeof(*m));
    *why = "not enough memory";
    return false;
  }
  __atomic_store_n(&metrics_memory, m, __ATOMIC_RELEASE);
  return true;
}


bool metrics_start (const char **why) {
  bool started;
  pthread_mutex_lock(&lock);
  started = metrics_on() || start(why);
  pthread_mutex_unlock(&lock);
  return started;
}


/* Sets the parts of this process, which may be a child that was forked
** since. */
static stripe *take_parts (void) {
  struct metrics_memory *m = metrics_memory;
  stripe *s;
  pthread_mutex_lock(&lock);
  s = own_stripe;
  if (s == NULL) {
    own_process = process_take(m->processes);
    if (own_process == NULL)
      own_process = &spare_process;
    s = &m->stripes[own_process != &spare_process
                        ? (own_process - m->processes) % STRIPES
                        : getpid() % STRIPES];
    if (own_process == &spare_process)
      counter_add(&s->refused[TABLE_PROCESSES], 1);
    __atomic_store_n(&own_stripe, s, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  return s;
}


stripe *metrics_stripe (void) {
  stripe *s = __atomic_load_n(&own_stripe, __ATOMIC_ACQUIRE);
  return s != NULL ? s : take_parts();
}

/* }====================================================== */


/* {======================================================
** Names
** ======================================================= */

static int find (shared_name *table, int max, const char *text, size_t size,
                 uint32_t kind, metrics_table which) {
  int number = names_find(table, max, text, size, kind);
  if (number < 0)
    counter_add(&metrics_stripe()->refused[which], 1);
  return number;
}


int metrics_operation (const char *id, size_t size) {
  int number = find(metrics_memory->operations, MAX_OPERATIONS, id, size, 0,
                    TABLE_OPERATIONS);
  return number > 0 ? number : 0;
}


int metrics_series (const char *key, size_t size, bool is_gauge) {
  return find(metrics_memory->series, MAX_SERIES, key, size, is_gauge,
              TABLE_SERIES);
}


int metrics_file (const char *path, size_t size) {
  return find(metrics_memory->files, MAX_FILES, path, size, 0, TABLE_FILES);
}


bool metrics_source (const char *text, size_t size) {
  int number =
      find(metrics_memory->sources, MAX_SOURCES, text, size, 0, TABLE_SOURCES);
  if (number < 0)
    return false;
  (void)metrics_stripe();
  __atomic_fetch_or(&own_process->sources, UINT32_C(1) << number,
                    __ATOMIC_RELAXED);
  return true;
}


static bool is_limit (const limit_row *row, const metrics_limit *limit) {
  return row->limit.key == limit->key &&
         row->limit.operation == limit->operation &&
         row->limit.file == limit->file;
}


/* Unlike a name, a limit that is written at this moment is not waited for: it
** does no harm that a row is there twice. */
void metrics_add_limit (const metrics_limit *limit) {
  int i;
  for (i = 0; i < MAX_LIMITS; i++) {
    limit_row *row = &metrics_memory->limits[i];
    uint32_t state = __atomic_load_n(&row->state, __ATOMIC_ACQUIRE);
    if (state == NAME_READY && is_limit(row, limit))
      return;
    if (state == NAME_UNUSED &&
        __atomic_compare_exchange_n(&row->state, &state, NAME_WRITTEN, false,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      row->limit = *limit;
      __atomic_store_n(&row->state, NAME_READY, __ATOMIC_RELEASE);
      return;
    }
  }
  counter_add(&metrics_stripe()->refused[TABLE_LIMITS], 1);
}

/* }====================================================== */


/* {======================================================
** Counting
** ======================================================= */

static operation_counters *counters_of (stripe *s, int operation) {
  return &s->operations[operation];
}


void metrics_count_attempt (int operation, retry_reason reason) {
  operation_counters *c = counters_of(metrics_stripe(), operation);
  counter_add(&c->attempts[reason], 1);
}


void metrics_count_request (int operation, long status, double seconds) {
  operation_counters *c = counters_of(metrics_stripe(), operation);
  int bucket = 0;
  while (bucket < BUCKETS - 1 && seconds > metrics_bounds[bucket])
    bucket++;
  counter_add(&c->statuses[metrics_status_number(status)], 1);
  counter_add(&c->durations[bucket], 1);
  if (seconds > 0)
    counter_add(&c->duration, (uint64_t)(seconds * 1e6));
}


void metrics_count_wait (int operation, int64_t ms) {
  if (ms > 0)
    counter_add(&counters_of(metrics_stripe(), operation)->waited,
                (uint64_t)ms);
}


void metrics_count_bytes (uint64_t sent, uint64_t received) {
  stripe *s = metrics_stripe();
  counter_add(&s->sent, sent);
  counter_add(&s->received, received);
}


void metrics_count_event (tracked_event what) {
  counter_add(&metrics_stripe()->events[what], 1);
}


void metrics_add (int series, uint64_t n) {
  counter_add(&metrics_stripe()->series[series], n);
}


/* A gauge has no stripes: the value that was set last counts. */
void metrics_set (int series, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  counter_set(&metrics_memory->stripes[0].series[series], bits);
}


void metrics_change (gauge which, int by) {
  (void)metrics_stripe();
  __atomic_fetch_add(&own_process->gauges[which], by, __ATOMIC_RELAXED);
}

/* }====================================================== */
