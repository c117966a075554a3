/*
** ends.c - the transfers that ended since somebody asked.
*/
#include "ends.h"

#include <stdlib.h>


bool ends_reserve (ends *all, size_t more) {
  size_t room = all->count + more;
  long *serials;
  if (room <= all->room)
    return true;
  serials = realloc(all->serials, room * 2 * sizeof(*serials));
  if (serials == NULL)
    return false;
  all->serials = serials;
  all->room = room * 2;
  return true;
}


void ends_add (ends *all, long serial) {
  ends_renew(all);
  all->serials[all->count++] = serial;
}


void ends_renew (ends *all) {
  if (all->told)
    all->count = 0;
  all->told = false;
}


const long *ends_tell (ends *all, size_t *count) {
  all->told = true;
  *count = all->count;
  return all->serials;
}


void ends_free (ends *all) {
  free(all->serials);
}
