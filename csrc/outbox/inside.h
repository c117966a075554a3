/*
** outbox/inside.h - the struct of a store, for the sources that implement it.
** The thread that uses the store alone touches it.
*/
#ifndef KLAVIYO_OUTBOX_INSIDE_H
#define KLAVIYO_OUTBOX_INSIDE_H

#include "outbox/checkpoint.h"
#include "outbox/database.h"
#include "outbox/rejected.h"
#include "outbox/slot.h"
#include "outbox/store.h"

#define STORE_PAGE_SIZE 4096

typedef enum statement {
  ADD,
  READ,
  NTH,
  ONE,
  DROP,
  BEGIN,
  COMMIT,
  ROLLBACK,
  STATEMENTS
} statement;

/* A store owns all that its fields point to. */
struct store {
  slot *slot;
  char *base;
  database file;
  sqlite3_stmt *statements[STATEMENTS];
  rejected *rejected; /* NULL: none yet */
  checkpointer *helper;
  int ask_at;       /* pages in the log at which to ask it again */
  bool was_at_rest; /* it, before what was written last */
  int64_t waiting;
  int64_t delivered; /* rows that are yet to be deleted */
  int64_t oldest;    /* time of the first row; 0: there is none */
  store_options options;
};

/* Returns whether the store belongs to the parent of a fork: then SQLite must
** not be called. */
bool store_is_lost (const store *s);

/* Reads the time of the first row again. */
void store_find_oldest (store *s);

/* Adds 'more' to the number of waiting events. */
void store_count (store *s, int64_t more);

/* Runs a statement to its end. */
store_status store_finish (store *s, statement which);

#endif
