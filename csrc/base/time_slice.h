/*
** base/time_slice.h - lets the other threads of a process run while one has
** much work.
*/
#ifndef KLAVIYO_TIME_SLICE_H
#define KLAVIYO_TIME_SLICE_H

#include <stdbool.h>

/* All zero: the thread never yields. */
typedef struct time_slice {
  bool enabled;
  double end; /* by clock_now */
  double wait_start;
} time_slice;

/* A thread calls these before and after it waits: the wait is not work. */
void time_slice_begin_wait (time_slice *s);
void time_slice_end_wait (time_slice *s);

/* Yields the processor if the thread worked for a whole slice since it last
** yielded. A thread calls this between two pieces of work, without a lock. */
void time_slice_check (time_slice *s);

#endif
