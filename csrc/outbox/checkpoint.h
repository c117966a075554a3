/*
** checkpoint.h - a thread that brings what is in a database's log into the
** database, and waits for the disk in place of whoever writes.
*/
#ifndef KLAVIYO_OUTBOX_CHECKPOINT_H
#define KLAVIYO_OUTBOX_CHECKPOINT_H

#include <stdbool.h>

typedef struct checkpointer checkpointer;

/* NULL when there can be none. The thread begins with the first request. */
checkpointer *checkpointer_new (const char *path);

/* Asks for it to be done, and waits for nothing; false where there is no
** thread to do it. */
bool checkpointer_ask (checkpointer *c);

/* Ends the thread, until it is asked again. */
void checkpointer_rest (checkpointer *c);

/* Ends the thread, before the last other connection is closed. Never in a
** forked child, which has no such thread. */
void checkpointer_free (checkpointer *c);

#endif
