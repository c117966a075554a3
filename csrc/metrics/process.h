/*
** metrics/process.h - what the current processes have: a row for each, in
** memory that processes share. The row of a process that has ended does not
** count, and another process may take it.
*/
#ifndef KLAVIYO_PROCESS_H
#define KLAVIYO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_PROCESSES 256
#define MAX_SOURCES 32

typedef enum gauge {
  GAUGE_QUEUED,      /* requests */
  GAUGE_RUNNING,     /* requests */
  GAUGE_CONNECTIONS, /* open sockets */
  GAUGES
} gauge;

/* All fields are atomic. */
typedef struct process {
  int32_t pid; /* 0: unused; negative: the process fills the row */
  uint32_t sources;
  uint32_t started[2]; /* see process_started */
  int32_t gauges[GAUGES];
  char unused[64 - 4 * (4 + GAUGES)]; /* to the end of a cache line */
} process;

/* Takes a row of the table for this process. Returns it, or NULL if all are in
** use. */
process *process_take (process *table);

/* Returns whether the process of a row runs. */
bool process_is_alive (const process *p);

#endif
