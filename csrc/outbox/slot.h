/*
** outbox/slot.h - a slot of an outbox's folder, held by one running process at
** a time.
**
** A slot is an open file with an exclusive lock, which the system releases when
** the process ends, however it ends. A forked child holds none of its parent's
** slots and cannot take them, even once they are free: SQLite must not open a
** file in a process that inherited it open from a fork. The store that takes a
** slot owns it. Any thread may call these functions for different slots.
*/
#ifndef KLAVIYO_OUTBOX_SLOT_H
#define KLAVIYO_OUTBOX_SLOT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct slot slot;

/* Takes the slot whose lock is the file at 'path', which is created if 'create'
** is set. NULL: 'error' is an errno; EWOULDBLOCK if another process has it. */
slot *slot_take (const char *path, bool create, int *error);

/* Returns whether the slot was taken before a fork, by a parent. */
bool slot_is_inherited (const slot *s);

/* What the lock's file says of a slot. */
typedef struct slot_figures {
  int64_t waiting; /* the number of waiting events */
  int64_t oldest;  /* when the oldest was added, in milliseconds; 0: none */
} slot_figures;

/* Writes the figures into the lock's file, for others to read. */
void slot_note (slot *s, slot_figures now);

/* Writes to stderr how many events wait, if any do. It is also called for each
** slot that is not released when the process ends. */
void slot_report (const slot *s);

/* Reads the figures noted last in the lock's file at 'path', whichever process
** holds the slot. Returns false if there is no such file. */
bool slot_noted (const char *path, slot_figures *noted);

/* Releases the slot. An inherited slot stays in the list, and is not freed. */
void slot_release (slot *s);

#endif
