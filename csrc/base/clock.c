/*
** base/clock.c - a monotonic clock, and deadlines by it.
*/
#include "base/clock.h"

#include <limits.h>
#include <time.h>


double clock_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


int64_t clock_ms (void) {
  return (int64_t)(clock_now() * 1000);
}


double clock_time (void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


int64_t clock_uptime (void) {
#if defined(CLOCK_BOOTTIME)
  struct timespec t;
  if (clock_gettime(CLOCK_BOOTTIME, &t) == 0)
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
#endif
  return clock_ms();
}


int64_t clock_deadline (int64_t ms) {
  int64_t now = clock_ms();
  return ms < CLOCK_NEVER - now ? now + ms : CLOCK_NEVER;
}


int64_t clock_left (int64_t deadline) {
  int64_t now = clock_ms();
  return deadline > now ? deadline - now : 0;
}


int clock_timeout (int64_t deadline) {
  int64_t left = clock_left(deadline);
  if (deadline == CLOCK_NEVER)
    return -1;
  return left < INT_MAX ? (int)left : INT_MAX;
}
