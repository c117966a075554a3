/*
** http/completions.c - a list of the serials of completed transfers.
*/
#include "http/completions.h"

#include <stdlib.h>
#include <string.h>


/* Discards the serials that were taken. */
static void discard_taken (completions *c) {
  size_t left = completions_left(c);
  if (c->first > 0 && left > 0)
    memmove(c->serials, c->serials + c->first, left * sizeof(*c->serials));
  c->first = 0;
  c->count = left;
}


size_t completions_left (const completions *c) {
  return c->count - c->first;
}


bool completions_reserve (completions *c, size_t more) {
  size_t capacity = c->count + more;
  long *serials;
  if (capacity <= c->capacity)
    return true;
  discard_taken(c);
  serials = realloc(c->serials, capacity * 2 * sizeof(*serials));
  if (serials == NULL)
    return false;
  c->serials = serials;
  c->capacity = capacity * 2;
  return true;
}


void completions_add (completions *c, long serial) {
  if (completions_left(c) == 0)
    discard_taken(c);
  c->serials[c->count++] = serial;
}


const long *completions_take_all (completions *c, size_t *count) {
  /* there may be no memory yet */
  const long *serials = c->first > 0 ? c->serials + c->first : c->serials;
  *count = completions_left(c);
  c->first = c->count;
  return serials;
}


bool completions_take_one (completions *c, long *serial) {
  if (completions_left(c) == 0)
    return false;
  *serial = c->serials[c->first++];
  return true;
}


void completions_free (completions *c) {
  free(c->serials);
}
