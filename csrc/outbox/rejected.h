/*
** outbox/rejected.h - the events of a slot that the service rejected.
** They are in a file of their own, which other processes may read, too. The one
** that opens it owns it. One thread at a time may use it.
*/
#ifndef KLAVIYO_OUTBOX_REJECTED_H
#define KLAVIYO_OUTBOX_REJECTED_H

#include "outbox/store.h"

typedef struct rejected rejected;

/* Opens BASE.rejected.db: to write if the caller holds the slot, else to read,
** with STORE_NONE if there is no such file. NULL: 'why' has the reason. */
rejected *rejected_open (const char *base, bool to_write, store_status *status,
                         char *why, size_t why_size);
void rejected_close (rejected *r);

const char *rejected_message (const rejected *r);

/* Adds a row, replacing an older one with its unique_id, and keeps the latest
** 'most' rows. */
store_status rejected_add (rejected *r, const store_row *row, int64_t most);

/* Reads the first row after an id; its texts live until rejected_rest, which
** must follow. */
store_status rejected_next (rejected *r, int64_t after, store_row *row);
void rejected_rest (rejected *r);

#endif
