/*
** http/timers.h - timers in a heap, the earliest on top.
**
** The heap points to timers and does not own them: an object must clear its
** timer before it is freed. Only the event loop's thread uses them.
*/
#ifndef KLAVIYO_TIMERS_H
#define KLAVIYO_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A timer is a field of the object that it belongs to; setting it needs no
** memory. */
typedef struct timer {
  int64_t due; /* milliseconds of the engine's clock */
  size_t slot; /* index in the heap; 0: not set */
} timer;

typedef struct timers {
  timer **heap; /* heap[1] is the earliest; heap[0] is unused */
  size_t count, capacity;
} timers;

/* Reserves memory for 'count' timers, so that setting one cannot fail. Returns
** false if there is not enough memory. */
bool timers_reserve (timers *all, size_t count);

/* Sets a timer, or changes one that is set. */
void timers_set (timers *all, timer *t, int64_t due);
void timers_clear (timers *all, timer *t);

timer *timers_next (const timers *all); /* the earliest; NULL: none is set */

void timers_free (timers *all);

#endif
