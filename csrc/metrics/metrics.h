/*
** metrics/metrics.h - counts requests, events and what the processes have now,
** in memory that this process shares with its children.
**
** Before metrics_start nothing is counted, and each call costs one branch. The
** memory is anonymous and of a fixed size; it stays until the last process that
** has it ends, and no process can damage it by being killed. nginx's master
** starts it once: it outlives reloads of the configuration and all workers.
**
** Any thread of any process may call these functions. Counting takes no lock.
*/
#ifndef KLAVIYO_METRICS_H
#define KLAVIYO_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/process.h"

#define MAX_OPERATIONS 640
#define MAX_SERIES 1024
#define MAX_LIMITS 2048
#define MAX_FILES 16
#define LIMIT_WINDOWS 3

/* Why a request is sent again. */
typedef enum retry_reason {
  RETRY_NONE, /* it is sent for the first time */
  RETRY_RATE_LIMITED,
  RETRY_UNAVAILABLE,
  RETRY_SERVER_ERROR,
  RETRY_REQUEST_TIMEOUT,
  RETRY_MISDIRECTED,
  RETRY_NOT_SENT,
  RETRY_TIMEOUT,
  RETRY_CONNECTION_CLOSED,
  RETRY_CONNECTION_FAILED,
  RETRY_REASONS
} retry_reason;

/* How a request without a response ended, as a status below 100. */
typedef enum metrics_status {
  STATUS_TIMEOUT = 1,
  STATUS_RATE_LIMITED,
  STATUS_TRANSPORT,
  STATUS_CANCELLED,
  STATUS_CLOSED
} metrics_status;

typedef enum tracked_event {
  EVENT_TRACKED,
  EVENT_SENT,
  EVENT_REJECTED,
  EVENT_FAILED,
  EVENT_REFUSED,
  EVENTS
} tracked_event;

typedef enum metrics_table {
  TABLE_OPERATIONS,
  TABLE_SERIES,
  TABLE_LIMITS,
  TABLE_PROCESSES,
  TABLE_SOURCES,
  TABLE_FILES,
  TABLES
} metrics_table;

/* Where this process counts; NULL: it does not. Set by metrics_start only. */
extern struct metrics_memory *metrics_memory;

static inline bool metrics_on (void) {
  return __atomic_load_n(&metrics_memory, __ATOMIC_ACQUIRE) != NULL;
}


/* Begins to count; does nothing if this process counts already. Returns false
** and sets '*why' if the system has no memory for it. */
bool metrics_start (const char **why);

/* The functions below must be called only if metrics_on. */

/* Returns the number of an operation. If there are too many, it is 0, under
** which all others are counted together; number 0 is that from the start. */
int metrics_operation (const char *id, size_t size);

static inline bool metrics_is_operation (int number) {
  return number >= 0 && number < MAX_OPERATIONS;
}


/* Returns the number of a series; -1: there are too many, or its key is too
** long. A series that is a gauge is set, others are added to. */
int metrics_series (const char *key, size_t size, bool is_gauge);
void metrics_add (int series, uint64_t n);
void metrics_set (int series, double value);

/* Counts an attempt that starts. */
void metrics_count_attempt (int operation, retry_reason reason);

/* Counts a request that ended with that status, after 'seconds'. */
void metrics_count_request (int operation, long status, double seconds);

/* Counts milliseconds for which a request waited for its rate limits. */
void metrics_count_wait (int operation, int64_t ms);

/* Counts the bytes of an attempt, of header fields and body. */
void metrics_count_bytes (uint64_t sent, uint64_t received);

void metrics_count_event (tracked_event what);

/* Changes what this process has now. */
void metrics_change (gauge which, int by);

/* Adds a source of metrics of this process, for as long as it lives: a text
** that a scrape by any process passes to Lua. Returns false if there are too
** many. */
bool metrics_source (const char *text, size_t size);

/* A rate limit that requests of an operation count against. */
typedef struct metrics_limit {
  uint64_t key; /* of its bucket */
  uint32_t limit[LIMIT_WINDOWS];
  int operation;
  int file; /* see metrics_file */
} metrics_limit;

/* Returns the number of a file that counts rate limits; -1: there are too many,
** or its name is too long. */
int metrics_file (const char *path, size_t size);

/* Adds a limit, unless it is there. Without room it is not added. */
void metrics_add_limit (const metrics_limit *limit);

#endif
