/*
** http/timers.h - what is to happen when: a heap, the next one on top.
*/
#ifndef KLAVIYO_TIMERS_H
#define KLAVIYO_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of what waits. */
typedef struct timer {
  int64_t due; /* milliseconds of the engine's clock */
  size_t slot; /* in the heap, from 1; 0: not in it */
} timer;

typedef struct timers {
  timer **heap; /* heap[1] is the next; heap[0] is not used */
  size_t count, capacity;
} timers;

/* Makes room for so many, so that setting one cannot fail. */
bool timers_reserve (timers *all, size_t count);

/* Sets a timer, anew if it is set already. */
void timers_set (timers *all, timer *t, int64_t due);
void timers_clear (timers *all, timer *t);

timer *timers_next (const timers *all); /* NULL: there is none */

void timers_free (timers *all);

#endif
