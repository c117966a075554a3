/*
** outbox/rejected.h - the events of a slot that the service refused for good.
** They are in a file of their own: one that others, too, may look into.
*/
#ifndef KLAVIYO_OUTBOX_REFUSED_H
#define KLAVIYO_OUTBOX_REFUSED_H

#include "store.h"

typedef struct refused refused;

/* Opens BASE.refused.db: to write, for who has the slot; else to read, and
** STORE_NONE where there is none. NULL: 'why' says why. */
refused *refused_open (const char *base, bool to_write, store_status *status,
                       char *why, size_t why_size);
void refused_close (refused *r);

const char *refused_message (const refused *r);

/* Adds a row, in place of an older one of that unique_id, and keeps so many,
** the latest. */
store_status refused_add (refused *r, const store_row *row, int64_t most);

/* The first row after an id; its texts live until refused_rest, which must
** follow. */
store_status refused_next (refused *r, int64_t after, store_row *row);
void refused_rest (refused *r);

#endif
