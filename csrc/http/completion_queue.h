/*
** http/completion_queue.h - where the ends of transfers arrive for one Lua
** state, when the engine runs in a thread of its own.
**
** The engine notes the serials here and sends one byte to whoever reads the
** port's socket, an "n": not another one until the port was drained, and it
** says nothing but that there may be something. An "l" says that it may leave.
*/
#ifndef KLAVIYO_COMPLETION_QUEUE_H
#define KLAVIYO_COMPLETION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct completion_queue completion_queue;

completion_queue *completion_queue_new (void); /* NULL when memory is out */
completion_queue *completion_queue_share (completion_queue *q);
void completion_queue_release (completion_queue *q);

/* Nobody will ask it any more. */
void completion_queue_close (completion_queue *q);

/* How many ports of this process are open. */
int completion_queues_open (void);

/* A child process has none of its parent's, whatever thread was at them. */
void completion_queues_reset_after_fork (void);

/* A transfer more will tell its end here. False when memory is out. */
bool completion_queue_reserve (completion_queue *q);

/* Its end. */
void completion_queue_push (completion_queue *q, long serial);

/* The serials that were told since the last time, '*count' of them, valid
** until the next time. Never waits. */
const long *completion_queue_drain (completion_queue *q, size_t *count);

/* How many are to be told, or told and not drained. */
size_t completion_queue_size (completion_queue *q);

/* {======================================================
** The reader
** ======================================================= */

#define LISTENER_ADDRESS_SIZE 64

/* Opens the door: its address, for who wants to connect; or false, and
** '*why'. No file is left behind. */
bool completion_queue_listen (completion_queue *q,
                              char address[LISTENER_ADDRESS_SIZE],
                              const char **why);

/* Lets in whoever stands at the door, if it is this very process, and shuts
** it; NULL, or why not. */
const char *completion_queue_accept (completion_queue *q);

/* The reader is gone. */
void completion_queue_disconnect (completion_queue *q);

/* Tells it to leave, in any case. */
void completion_queue_request_stop (completion_queue *q);

/* For who has no loop: waits until there is something to drain, up to 'ms'. */
void completion_queue_wait (completion_queue *q, long ms);

/* How long nothing is to be under way before the reader may go. */
void completion_queue_set_idle_timeout (completion_queue *q, int64_t ms);

/* Tells the readers of all ports that may. After how many milliseconds to
** ask again; -1: when there is another transfer. */
int64_t completion_queues_sweep_idle (int64_t now);

/* }====================================================== */

#endif
