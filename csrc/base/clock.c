/*
** base/clock.c - a monotonic clock.
*/
#include "base/clock.h"

#include <time.h>


double clock_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


int64_t clock_ms (void) {
  return (int64_t)(clock_now() * 1000);
}
