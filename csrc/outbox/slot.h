/*
** slot.h - a place in an outbox's folder, for one live process at a time.
**
** A slot is an open file with an exclusive lock on it, so that the system
** gives it free when its process ends, however it ends. A forked child holds
** none of its parent's, and can take none of them either, even once they are
** free: SQLite must not meet in one process a file that was open when it
** forked.
*/
#ifndef KLAVIYO_OUTBOX_SLOT_H
#define KLAVIYO_OUTBOX_SLOT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct slot slot;

/* Takes the slot whose lock is the file at 'path', which is made if 'create'
** says so. NULL: 'error' says why, by errno; EWOULDBLOCK is for one that is
** another's. */
slot *slot_take (const char *path, bool create, int *error);

/* Whether it was taken before a fork that led here, and so is not ours. */
bool slot_is_inherited (const slot *s);

/* Writes into the lock's file how many events wait, for others to read. */
void slot_note (slot *s, int64_t waiting);

/* Writes to stderr how many events wait, if any do. It is also called for each
** slot that is not released when the process ends. */
void slot_report (const slot *s);

/* What was noted last in the lock's file at 'path', whoever has the slot; -1 if
** there is no such file. */
int64_t slot_noted (const char *path);

/* Gives it free. One that is inherited stays known, and is not freed. */
void slot_release (slot *s);

#endif
