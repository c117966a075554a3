/*
** base/refcount.h - atomic reference counts, for any thread.
*/
#ifndef KLAVIYO_REFCOUNT_H
#define KLAVIYO_REFCOUNT_H

#include <stdbool.h>

static inline void refcount_up (int *references) {
  __atomic_add_fetch(references, 1, __ATOMIC_RELAXED);
}


/* Returns true if that was the last reference. */
static inline bool refcount_down (int *references) {
  return __atomic_sub_fetch(references, 1, __ATOMIC_ACQ_REL) == 0;
}

#endif
