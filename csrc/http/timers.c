/*
** http/timers.c - timers in a heap.
*/
#include "http/timers.h"

#include <stdlib.h>


bool timers_reserve (timers *all, size_t count) {
  size_t capacity = all->capacity > 0 ? all->capacity : 64;
  timer **heap;
  if (count + 1 <= all->capacity)
    return true;
  while (capacity < count + 1)
    capacity *= 2;
  heap = realloc(all->heap, capacity * sizeof(*heap));
  if (heap == NULL)
    return false;
  all->heap = heap;
  all->capacity = capacity;
  return true;
}


static void put (timers *all, size_t slot, timer *t) {
  all->heap[slot] = t;
  t->slot = slot;
}


static void sift_up (timers *all, timer *t) {
  size_t slot = t->slot;
  while (slot > 1 && all->heap[slot / 2]->due > t->due) {
    put(all, slot, all->heap[slot / 2]);
    slot /= 2;
  }
  put(all, slot, t);
}


static void sift_down (timers *all, timer *t) {
  size_t slot = t->slot;
  for (;;) {
    size_t child = slot * 2;
    if (child > all->count)
      break;
    if (child < all->count && all->heap[child + 1]->due < all->heap[child]->due)
      child++;
    if (all->heap[child]->due >= t->due)
      break;
    put(all, slot, all->heap[child]);
    slot = child;
  }
  put(all, slot, t);
}


void timers_set (timers *all, timer *t, int64_t due) {
  t->due = due;
  if (t->slot == 0)
    put(all, ++all->count, t);
  sift_up(all, t);
  sift_down(all, t);
}


void timers_clear (timers *all, timer *t) {
  timer *last;
  size_t slot = t->slot;
  if (slot == 0)
    return;
  t->slot = 0;
  last = all->heap[all->count--];
  if (last == t)
    return;
  put(all, slot, last);
  sift_up(all, last);
  sift_down(all, last);
}


timer *timers_next (const timers *all) {
  return all->count > 0 ? all->heap[1] : NULL;
}


void timers_free (timers *all) {
  free(all->heap);
}
