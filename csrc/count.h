/*
** count.h - references, which two threads may take and drop at a time.
*/
#ifndef KLAVIYO_COUNT_H
#define KLAVIYO_COUNT_H

#include <stdbool.h>

static inline void count_up (int *references) {
  __atomic_add_fetch(references, 1, __ATOMIC_RELAXED);
}


/* True when that was the last one. */
static inline bool count_down (int *references) {
  return __atomic_sub_fetch(references, 1, __ATOMIC_ACQ_REL) == 0;
}

#endif
