/*
** outbox/checkpoint.h - a thread that copies a database's log into the
** database, so that it waits for the disk instead of the thread that writes.
**
** A store owns its checkpointer. The thread that uses the store calls these
** functions.
*/
#ifndef KLAVIYO_OUTBOX_CHECKPOINT_H
#define KLAVIYO_OUTBOX_CHECKPOINT_H

#include <stdbool.h>

typedef struct checkpointer checkpointer;

/* Returns a checkpointer for PATH.db, or NULL if out of memory. The thread
** starts with the first request. */
checkpointer *checkpointer_new (const char *path, const char *vfs);

/* Returns whether a checkpoint is running or requested. */
bool checkpointer_is_busy (checkpointer *c);

/* Requests a checkpoint without waiting; false if there is no thread. The
** caller must have found it not busy and must have written afterwards: then the
** log holds something that is not in the database, and so is not reset while
** the thread begins to read it. SQLite before 3.51.3 may fail to notice that
** (sqlite.org/wal.html#walresetbug). */
bool checkpointer_ask (checkpointer *c);

/* Ends the thread until the next request. */
void checkpointer_rest (checkpointer *c);

/* Ends the thread and frees the checkpointer, before the last other connection
** is closed. Never call it in a forked child, which has no such thread. */
void checkpointer_free (checkpointer *c);

#endif
