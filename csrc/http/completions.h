/*
** http/completions.h - the transfers that ended since somebody asked, by their
** serials.
*/
#ifndef KLAVIYO_COMPLETIONS_H
#define KLAVIYO_COMPLETIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct completions {
  long *serials;
  size_t count, capacity;
  bool taken; /* these were handed out */
} completions;

/* Makes room for so many more, so that adding one cannot fail. */
bool completions_reserve (completions *c, size_t more);

void completions_add (completions *c, long serial);

/* Forgets those that were handed out. */
void completions_discard_taken (completions *c);

/* Those that there are, valid until the next call of any of these. */
const long *completions_take (completions *c, size_t *count);

void completions_free (completions *c);

#endif
