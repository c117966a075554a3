/*
** metrics/counter.h - a counter of 64 bits in memory that processes share. Any
** thread of any of them may add to it and read it.
**
** Adding is relaxed: a counter orders no other memory. A processor that cannot
** add 64 bits at once adds two halves; a reader may then be off by 2^32, for
** the few nanoseconds between the two, once in 2^32 additions.
*/
#ifndef KLAVIYO_COUNTER_H
#define KLAVIYO_COUNTER_H

#include <stdint.h>

#if __GCC_ATOMIC_LLONG_LOCK_FREE == 2 && !defined(KLAVIYO_PORTABLE)

/* Some systems align 64 bits to four bytes only. */
typedef struct counter {
  uint64_t value __attribute__((aligned(8)));
} counter;

static inline void counter_add (counter *c, uint64_t n) {
  __atomic_fetch_add(&c->value, n, __ATOMIC_RELAXED);
}


static inline uint64_t counter_read (const counter *c) {
  return __atomic_load_n(&c->value, __ATOMIC_RELAXED);
}


static inline void counter_set (counter *c, uint64_t value) {
  __atomic_store_n(&c->value, value, __ATOMIC_RELAXED);
}

#else

typedef struct counter {
  uint32_t low, high;
} counter;

static inline void counter_add (counter *c, uint64_t n) {
  uint32_t low = (uint32_t)n;
  uint32_t high = (uint32_t)(n >> 32);
  if (__atomic_add_fetch(&c->low, low, __ATOMIC_RELAXED) < low)
    high++;
  if (high != 0)
    __atomic_fetch_add(&c->high, high, __ATOMIC_RELAXED);
}


static inline uint64_t counter_read (const counter *c) {
  uint32_t high, low;
  do {
    high = __atomic_load_n(&c->high, __ATOMIC_ACQUIRE);
    low = __atomic_load_n(&c->low, __ATOMIC_ACQUIRE);
  } while (high != __atomic_load_n(&c->high, __ATOMIC_RELAXED));
  return (uint64_t)high << 32 | low;
}


static inline void counter_set (counter *c, uint64_t value) {
  __atomic_store_n(&c->high, (uint32_t)(value >> 32), __ATOMIC_RELAXED);
  __atomic_store_n(&c->low, (uint32_t)value, __ATOMIC_RELAXED);
}

#endif

#endif
