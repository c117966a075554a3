/*
** ends.h - the transfers that ended since somebody asked, by their serials.
*/
#ifndef KLAVIYO_ENDS_H
#define KLAVIYO_ENDS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ends {
  long *serials;
  size_t count, room;
  bool told;  /* these were handed out */
} ends;

/* Makes room for so many more, so that adding one cannot fail. */
bool ends_reserve (ends *all, size_t more);

void ends_add (ends *all, long serial);

/* Forgets those that were handed out. */
void ends_renew (ends *all);

/* Those that there are, valid until the next call of any of these. */
const long *ends_tell (ends *all, size_t *count);

void ends_free (ends *all);

#endif
