/*
** outbox/rejected.h - the events of a slot that the service rejected.
** They are in a file of their own: one that others, too, may look into.
*/
#ifndef KLAVIYO_OUTBOX_REJECTED_H
#define KLAVIYO_OUTBOX_REJECTED_H

#include "store.h"

typedef struct rejected rejected;

/* Opens BASE.rejected.db: to write, for who has the slot; else to read, and
** STORE_NONE where there is none. NULL: 'why' says why. */
rejected *rejected_open (const char *base, bool to_write, store_status *status,
                         char *why, size_t why_size);
void rejected_close (rejected *r);

const char *rejected_message (const rejected *r);

/* Adds a row, in place of an older one of that unique_id, and keeps so many,
** the latest. */
store_status rejected_add (rejected *r, const store_row *row, int64_t most);

/* The first row after an id; its texts live until rejected_rest, which must
** follow. */
store_status rejected_next (rejected *r, int64_t after, store_row *row);
void rejected_rest (rejected *r);

#endif
