/*
** metrics/names.h - a table of names in memory that processes share. A name has
** the same number in all of them, and keeps it.
**
** Any thread of any process may call these functions. They take no lock, so
** that a process that is killed blocks no other one. If it is killed while it
** writes a name, that row stays unused; if it is stopped there for long, the
** name may get a second number: readers of the table add both.
*/
#ifndef KLAVIYO_NAMES_H
#define KLAVIYO_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_NAME 247 /* bytes */

/* All zeros: unused. */
enum { NAME_UNUSED, NAME_WRITTEN, NAME_READY };

typedef struct shared_name {
  uint32_t state; /* atomic */
  uint32_t kind;  /* the caller's */
  char text[MAX_NAME + 1];
} shared_name;

/* Returns the number of a name, which is added if it is new; -1: it is too
** long, or the table of 'max' names is full. */
int names_find (shared_name *table, int max, const char *text, size_t size,
                uint32_t kind);

/* Returns the name of a number, or NULL. Numbers begin at 0, and the first that
** was never used ends the table: '*end' is then true. */
const shared_name *names_get (const shared_name *table, int max, int number,
                              bool *end);

#endif
