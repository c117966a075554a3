/*
** checkpoint.h - a thread that brings what is in a database's log into the
** database, and waits for the disk in place of whoever writes.
*/
#ifndef KLAVIYO_OUTBOX_CHECKPOINT_H
#define KLAVIYO_OUTBOX_CHECKPOINT_H

#include <stdbool.h>

typedef struct checkpointer checkpointer;

/* Of PATH.db; NULL when there can be none. The thread begins with the first
** request. */
checkpointer *checkpointer_new (const char *path, const char *vfs);

/* Whether it is at work, or about to be. */
bool checkpointer_is_busy (checkpointer *c);

/* Asks for it to be done, and waits for nothing; false where there is no
** thread to do it. Only for who has just written, having found it not busy
** before: then there is something in the log that is not in the database, and
** so the log cannot be begun anew while the thread begins to read it. SQLite
** before 3.51.3 may fail to notice that (sqlite.org/wal.html#walresetbug). */
bool checkpointer_ask (checkpointer *c);

/* Ends the thread, until it is asked again. */
void checkpointer_rest (checkpointer *c);

/* Ends the thread, before the last other connection is closed. Never in a
** forked child, which has no such thread. */
void checkpointer_free (checkpointer *c);

#endif
