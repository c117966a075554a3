/*
** time_slice_probe.c - a time slice, with a clock that this program sets; see
** spec/core/base/time_slice_spec.lua. Prints how often each thread yields in
** 100 pieces of work.
*/
#include "base/time_slice.c"

#include <stdio.h>

static double now = 1000;
static int yields;


double clock_now (void) {
  return now;
}


int sched_yield (void) {
  yields++;
  return 0;
}


static void run (const char *name, bool enabled, double work, double wait) {
  time_slice slice = {0};
  int i;
  slice.enabled = enabled;
  time_slice_check(&slice); /* begins a slice */
  yields = 0;
  for (i = 0; i < 100; i++) {
    time_slice_begin_wait(&slice);
    now += wait;
    time_slice_end_wait(&slice);
    now += work;
    time_slice_check(&slice);
  }
  printf("%s %d\n", name, yields);
}


int main (void) {
  run("long", true, 0.0003, 0);
  run("short", true, 0.00003, 0);
  run("waiting", true, 0.00003, 1);
  run("idle", true, 0, 1);
  run("disabled", false, 0.0003, 0);
  return 0;
}
