/*
** base/clock.h - a monotonic clock.
*/
#ifndef KLAVIYO_CLOCK_H
#define KLAVIYO_CLOCK_H

#include <stdint.h>

double clock_now (void); /* seconds */
int64_t clock_ms (void);

#endif
