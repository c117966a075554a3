/*
** http/completions.c - a list of the serials of completed transfers.
*/
#include "http/completions.h"

#include <stdlib.h>


/* Discards the serials that completions_take has returned. */
static void discard_taken (completions *c) {
  if (c->taken)
    c->count = 0;
  c->taken = false;
}


bool completions_reserve (completions *c, size_t more) {
  size_t capacity = c->count + more;
  long *serials;
  if (capacity <= c->capacity)
    return true;
  serials = realloc(c->serials, capacity * 2 * sizeof(*serials));
  if (serials == NULL)
    return false;
  c->serials = serials;
  c->capacity = capacity * 2;
  return true;
}


void completions_add (completions *c, long serial) {
  discard_taken(c);
  c->serials[c->count++] = serial;
}


const long *completions_take (completions *c, size_t *count) {
  discard_taken(c);
  c->taken = true;
  *count = c->count;
  return c->serials;
}


void completions_free (completions *c) {
  free(c->serials);
}
