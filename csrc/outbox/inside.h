/*
** inside.h - what a store is, for the sources that make it up.
*/
#ifndef KLAVIYO_OUTBOX_INSIDE_H
#define KLAVIYO_OUTBOX_INSIDE_H

#include <sqlite3.h>

#include "checkpoint.h"
#include "slot.h"
#include "store.h"

#define STORE_PAGE_SIZE 4096
#define STORE_MESSAGE_SIZE 256

typedef enum {
  ADD, READ, NTH, DROP, TO_REFUSED, FORGET, TRIM, NEXT_REFUSED, BEGIN, COMMIT,
  ROLLBACK, STATEMENTS
} statement;

struct store {
  slot *place;  /* NULL: it is only looked at */
  char *base;
  sqlite3 *db;
  sqlite3_stmt *statements[STATEMENTS];
  checkpointer *helper;
  int ask_at;        /* pages in the log at which to ask it again */
  bool was_at_rest;  /* it, before what was written last */
  int64_t waiting;
  store_options options;
  char message[STORE_MESSAGE_SIZE];
};

/* Whether it is a parent's: then SQLite must not be touched. */
bool store_is_lost (const store *s);

/* Notes what went wrong, in words, and says what it was. */
store_status store_failed (store *s, int rc);

store_status store_run (store *s, const char *sql);

/* The first column of the first row. */
store_status store_ask (store *s, const char *sql, int64_t *value);

/* Takes a statement to its end. */
store_status store_finish (store *s, statement which);

/* Bounds the file by the options, or lets it be. */
store_status store_limit (store *s, bool is_limited);

#endif
