/*
** http/completions.c - the transfers that ended since somebody asked.
*/
#include "http/completions.h"

#include <stdlib.h>


bool completions_reserve (completions *all, size_t more) {
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


void completions_add (completions *all, long serial) {
  completions_renew(all);
  all->serials[all->count++] = serial;
}


void completions_renew (completions *all) {
  if (all->told)
    all->count = 0;
  all->told = false;
}


const long *completions_take (completions *all, size_t *count) {
  all->told = true;
  *count = all->count;
  return all->serials;
}


void completions_free (completions *all) {
  free(all->serials);
}
