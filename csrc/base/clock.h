/*
** base/clock.h - a clock that is never set.
*/
#ifndef KLAVIYO_CLOCK_H
#define KLAVIYO_CLOCK_H

#include <stdint.h>

double clock_now (void); /* seconds */
int64_t clock_ms (void);

#endif
