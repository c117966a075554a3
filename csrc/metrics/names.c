/*
** metrics/names.c - a table of names in memory that processes share.
*/
#include "metrics/names.h"

#include <sched.h>
#include <string.h>

#define MAX_YIELDS 200 /* for a row that another process writes */


static uint32_t state_of (const shared_name *n) {
  return __atomic_load_n(&n->state, __ATOMIC_ACQUIRE);
}


/* Takes a row that is unused. Returns false if another process was faster. */
static bool take (shared_name *n, const char *text, size_t size,
                  uint32_t kind) {
  uint32_t unused = NAME_UNUSED;
  if (!__atomic_compare_exchange_n(&n->state, &unused, NAME_WRITTEN, false,
                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return false;
  memcpy(n->text, text, size);
  n->text[size] = '\0';
  n->kind = kind;
  __atomic_store_n(&n->state, NAME_READY, __ATOMIC_RELEASE);
  return true;
}


static bool is_name (const shared_name *n, const char *text, size_t size) {
  int yields;
  for (yields = 0; state_of(n) == NAME_WRITTEN && yields < MAX_YIELDS; yields++)
    sched_yield();
  return state_of(n) == NAME_READY && memcmp(n->text, text, size) == 0 &&
         n->text[size] == '\0';
}


int names_find (shared_name *table, int max, const char *text, size_t size,
                uint32_t kind) {
  int i;
  if (size > MAX_NAME || memchr(text, '\0', size) != NULL)
    return -1;
  for (i = 0; i < max; i++) {
    if (state_of(&table[i]) == NAME_UNUSED && take(&table[i], text, size, kind))
      return i;
    if (is_name(&table[i], text, size))
      return i;
  }
  return -1;
}


const shared_name *names_get (const shared_name *table, int max, int number,
                              bool *end) {
  uint32_t state = number < max ? state_of(&table[number]) : NAME_UNUSED;
  *end = state == NAME_UNUSED;
  return state == NAME_READY ? &table[number] : NULL;
}
