/*
** base/clock.h - a monotonic clock, and deadlines by it. Any thread may call
** these functions.
*/
#ifndef KLAVIYO_CLOCK_H
#define KLAVIYO_CLOCK_H

#include <stdint.h>

double clock_now (void); /* seconds */
int64_t clock_ms (void);

/* Returns the time of day: seconds since 1970-01-01T00:00:00Z. It may jump. */
double clock_time (void);

/* Returns the milliseconds since the system was started, with the time in which
** it was suspended. All processes agree on it. */
int64_t clock_uptime (void);

/* A deadline is a time of clock_ms. This one never passes. */
#define CLOCK_NEVER INT64_MAX

/* Returns the deadline that is 'ms' milliseconds from now. */
int64_t clock_deadline (int64_t ms);

/* Returns the milliseconds that are left until a deadline; 0: it has passed. */
int64_t clock_left (int64_t deadline);

/* Returns the same as a timeout for poll(2), which is -1 for CLOCK_NEVER. */
int clock_timeout (int64_t deadline);

#endif
