/*
** http/completions.h - a list of the serials of completed transfers.
**
** The struct that contains the list owns its memory. One thread at a time may
** use it: the loop's thread, or the one that holds the queue's lock.
*/
#ifndef KLAVIYO_COMPLETIONS_H
#define KLAVIYO_COMPLETIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct completions {
  long *serials;
  size_t count, capacity;
  bool taken; /* take has returned these */
} completions;

/* Reserves memory for 'more' further serials, so that adding them cannot fail.
** Returns false if there is not enough memory. */
bool completions_reserve (completions *c, size_t more);

void completions_add (completions *c, long serial);

/* Returns the serials that were added since the last call. The list owns them;
** they are valid until the next call of any of these functions. */
const long *completions_take (completions *c, size_t *count);

void completions_free (completions *c);

#endif
