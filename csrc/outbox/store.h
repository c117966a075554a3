/*
** outbox/store.h - the file of one slot: waiting events, in SQLite.
**
** An event for which store_add returned STORE_OK survives the end of the
** process, however it ends; with 'full' also a failure of the machine. The
** caller owns the store. One thread at a time may use it.
*/
#ifndef KLAVIYO_OUTBOX_STORE_H
#define KLAVIYO_OUTBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct store store;

typedef enum store_status {
  STORE_OK,
  STORE_NONE,      /* there is no such file or row */
  STORE_BUSY,      /* another process holds the slot */
  STORE_INHERITED, /* it was opened before a fork, by a parent */
  STORE_FULL,      /* the disk is full, or max_bytes is reached */
  STORE_DAMAGED,   /* the file is not a database, or is corrupt */
  STORE_FOREIGN,   /* the database belongs to another program */
  STORE_UNSAFE,    /* other users may write to the file or the folder */
  STORE_FAILED
} store_status;

typedef struct store_text {
  const char *data;
  size_t size;
} store_text;

typedef struct store_options {
  bool create;          /* take the slot even if it has not been there */
  bool full;            /* synced after each event */
  int64_t max_bytes;    /* of the file; 0: what SQLite allows */
  int64_t max_rejected; /* rows kept of those rejected */
} store_options;

typedef struct store_row {
  int64_t id;
  store_text unique_id;
  store_text revision;
  int64_t time; /* milliseconds since 1970 */
  store_text payload;
  store_text reason; /* of one rejected */
} store_row;

/* A batch has all rows between two ids. */
typedef struct store_batch {
  int64_t first;
  int64_t last;
  int count;
} store_batch;

/* Takes the slot BASE.lock and opens BASE.db. NULL: 'why' has the reason. A
** damaged file is quarantined and a new one created: then 'why' describes it,
** and is empty otherwise. */
store *store_open (const char *base, const store_options *options,
                   store_status *status, char *why, size_t why_size);
void store_close (store *s);

/* Writes to stderr how many events wait. To be called before store_close if the
** program did not close the store. */
void store_report (const store *s);

/* Quarantines a damaged file, as store_open does. Returns the store to use
** instead of 's', which is closed in any case. */
store *store_renew (store *s, store_status *status, char *why, size_t why_size);

/* Returns the last error message. */
const char *store_message (const store *s);

store_status store_add (store *s, const store_row *row);

/* Reads rows from 'first' to 'last', the oldest first, as long as they have one
** revision and no unique_id comes twice: at most 'count' rows and 'bytes' bytes
** (but at least one row). Their payloads, with a comma between each two, go
** into 'body', their revision into 'revision'. STORE_NONE: there are none. */
store_status store_read (store *s, store_batch *batch, int count, size_t bytes,
                         buffer *body, buffer *revision);

/* Reads the first row from batch->first to batch->last; its texts live until
** store_rest, which must follow. STORE_NONE: there is none. */
store_status store_first (store *s, const store_batch *batch, store_row *row);
void store_rest (store *s);

/* Notes that the service has 'count' rows, which store_drop deletes later: they
** no longer wait. On a full disk nothing can be deleted. */
void store_deliver (store *s, int64_t count);

/* Deletes all rows of a batch. */
store_status store_drop (store *s, const store_batch *batch);

/* Reads the last id; 0 if the table is empty. */
store_status store_newest (store *s, int64_t *id);

/* Reads the id of a batch's row number 'index', from 0. */
store_status store_nth (store *s, const store_batch *batch, int index,
                        int64_t *id);

/* Moves a row to the rejected (rejected.h). */
store_status store_reject (store *s, int64_t id, store_text reason);

/* Returns the number of rows that are neither delivered nor deleted. */
int64_t store_waiting (const store *s);

/* Reads the size of the used part of the file. */
store_status store_bytes (store *s, int64_t *bytes);

/* Returns the disk space of an empty file to the system. */
store_status store_shrink (store *s);

#endif
