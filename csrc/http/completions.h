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
  size_t first; /* the serials before it were taken */
  size_t count, capacity;
} completions;

/* Reserves memory for 'more' further serials, so that adding them cannot fail.
** Returns false if there is not enough memory. */
bool completions_reserve (completions *c, size_t more);

void completions_add (completions *c, long serial);

/* Returns how many serials were not taken yet. */
size_t completions_left (const completions *c);

/* Takes all serials. The list owns them; they are valid until the next call of
** any of these functions. */
const long *completions_take_all (completions *c, size_t *count);

/* Takes the oldest serial. Returns false if there is none. */
bool completions_take_one (completions *c, long *serial);

void completions_free (completions *c);

#endif
