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
  size_t count, room;
  bool told; /* these were handed out */
} completions;

/* Makes room for so many more, so that adding one cannot fail. */
bool completions_reserve (completions *all, size_t more);

void completions_add (completions *all, long serial);

/* Forgets those that were handed out. */
void completions_renew (completions *all);

/* Those that there are, valid until the next call of any of these. */
const long *completions_take (completions *all, size_t *count);

void completions_free (completions *all);

#endif
