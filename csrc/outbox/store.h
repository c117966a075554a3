/*
** store.h - the file of one slot: events that wait, in SQLite.
**
** What store_add said STORE_OK to survives the end of the process, however it
** comes; and with 'full' that of the machine.
*/
#ifndef KLAVIYO_OUTBOX_STORE_H
#define KLAVIYO_OUTBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct store store;

typedef enum {
  STORE_OK,
  STORE_NONE,      /* there is no such file, or no such row */
  STORE_BUSY,      /* the slot is another process's */
  STORE_INHERITED, /* it was opened before a fork, and is not ours */
  STORE_FULL,      /* the disk is, or max_bytes are reached */
  STORE_DAMAGED,   /* the file is no database, or holds nonsense */
  STORE_FOREIGN,   /* the database is not one of ours */
  STORE_UNSAFE,    /* others may write to the file or the folder */
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

/* The rows of a batch are all that there are between two ids. */
typedef struct store_batch {
  int64_t first;
  int64_t last;
  int count;
} store_batch;

/* Takes the slot BASE.lock and opens BASE.db. NULL: 'why' says why. A damaged
** file is put aside and a new one begun: then 'why' tells of that, and is
** empty otherwise. */
store *store_open (const char *base, const store_options *options,
                   store_status *status, char *why, size_t why_size);
void store_close (store *s);

/* To be called before store_close where nobody asked for that: writes to stderr
** how many events wait. */
void store_report (const store *s);

/* Puts aside a file that was found damaged, as store_open does; to be used in
** place of 's', which is closed in any case. */
store *store_renew (store *s, store_status *status, char *why, size_t why_size);

/* What went wrong last. */
const char *store_message (const store *s);

store_status store_add (store *s, const store_row *row);

/* Rows from 'first' on up to 'last', the oldest first, as long as they are of
** one revision, no unique_id comes twice, and there are no more than so many
** or so many bytes (but one in any case): their payloads, a comma between
** each two, go into 'body', their revision into 'revision'. STORE_NONE: there
** are no rows. */
store_status store_read (store *s, store_batch *batch, int count, size_t bytes,
                         buffer *body, buffer *revision);

/* Notes that the service has so many rows, which store_drop has yet to delete:
** they no longer wait. On a full disk nothing can be deleted. */
void store_deliver (store *s, int64_t count);

/* Deletes all rows of a batch. */
store_status store_drop (store *s, const store_batch *batch);

/* The last id there is; 0 for none. */
store_status store_newest (store *s, int64_t *id);

/* The id of a batch's row number 'index', from 0. */
store_status store_nth (store *s, const store_batch *batch, int index,
                        int64_t *id);

/* Moves a row to the rejected (rejected.h). */
store_status store_reject (store *s, int64_t id, store_text reason);

/* Rows that are neither delivered nor deleted. */
int64_t store_waiting (const store *s);
/* What the file takes, of what is used of it. */
store_status store_bytes (store *s, int64_t *bytes);

/* Gives back to the system what an empty file still takes. */
store_status store_shrink (store *s);

#endif
