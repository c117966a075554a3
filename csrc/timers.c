/*
** timers.c - what is to happen when.
*/
#include "timers.h"

#include <stdlib.h>


bool timers_reserve (timers *all, size_t count) {
  size_t room = all->room > 0 ? all->room : 64;
  timer **heap;
  if (count + 1 <= all->room)
    return true;
  while (room < count + 1)
    room *= 2;
  heap = realloc(all->heap, room * sizeof(*heap));
  if (heap == NULL)
    return false;
  all->heap = heap;
  all->room = room;
  return true;
}


static void put (timers *all, size_t place, timer *t) {
  all->heap[place] = t;
  t->place = place;
}


static void rise (timers *all, timer *t) {
  size_t place = t->place;
  while (place > 1 && all->heap[place / 2]->due > t->due) {
    put(all, place, all->heap[place / 2]);
    place /= 2;
  }
  put(all, place, t);
}


static void sink (timers *all, timer *t) {
  size_t place = t->place;
  for (;;) {
    size_t child = place * 2;
    if (child > all->count)
      break;
    if (child < all->count &&
        all->heap[child + 1]->due < all->heap[child]->due)
      child++;
    if (all->heap[child]->due >= t->due)
      break;
    put(all, place, all->heap[child]);
    place = child;
  }
  put(all, place, t);
}


void timers_set (timers *all, timer *t, int64_t due) {
  t->due = due;
  if (t->place == 0)
    put(all, ++all->count, t);
  rise(all, t);
  sink(all, t);
}


void timers_clear (timers *all, timer *t) {
  timer *last;
  size_t place = t->place;
  if (place == 0)
    return;
  t->place = 0;
  last = all->heap[all->count--];
  if (last == t)
    return;
  put(all, place, last);
  rise(all, last);
  sink(all, last);
}


timer *timers_next (const timers *all) {
  return all->count > 0 ? all->heap[1] : NULL;
}


void timers_free (timers *all) {
  free(all->heap);
}
