/*
** http/completion_queue.h - the completed transfers of one Lua state, when the
** event loop runs in a background thread.
**
** The loop's thread pushes the serials of completed transfers. If a listener is
** connected, the queue also sends it one byte: "n" when there are serials
** to drain, or "l" when the listener should stop. It sends no second byte until
** the queue has been drained.
**
** The state's thread creates, drains and closes the queue; 'reserve' is called
** by the thread that submits, 'push' by the loop's thread. The queue is
** reference counted: the Lua object and each transfer hold one reference.
*/
#ifndef KLAVIYO_COMPLETION_QUEUE_H
#define KLAVIYO_COMPLETION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct completion_queue completion_queue;

completion_queue *completion_queue_new (void); /* NULL: out of memory */
completion_queue *completion_queue_share (completion_queue *q);
void completion_queue_release (completion_queue *q);

/* Closes the queue and releases the caller's reference. */
void completion_queue_close (completion_queue *q);

/* Returns how many queues are open in this process. */
int completion_queues_open (void);

/* Forgets all queues in a child process. Their memory is leaked on purpose:
** another thread of the parent may have held a lock at the time of the fork. */
void completion_queues_reset_after_fork (void);

/* Reserves memory for one more completion, so that 'push' cannot fail. Returns
** false if there is not enough memory. */
bool completion_queue_reserve (completion_queue *q);

/* Adds the serial of a completed transfer. Each push needs a reservation. */
void completion_queue_push (completion_queue *q, long serial);

/* Takes the serial that was pushed first and, if others are left, makes sure
** that the listener has a byte to read; '*more' is whether there are. Returns
** false if there is no serial. Never blocks. */
bool completion_queue_take (completion_queue *q, long *serial, bool *more);

/* Returns how many serials have not been taken: of transfers in progress, and
** of completed ones. */
size_t completion_queue_size (completion_queue *q);

/* {======================================================
** The listener
** ======================================================= */

#define LISTENER_ADDRESS_SIZE 64

/* Opens a listening socket and writes its address for the client to connect to.
** On failure returns false and sets '*why'. No file is left behind: it is
** removed before this returns or, if the client needs it, by accept and by
** disconnect. */
bool completion_queue_listen (completion_queue *q,
                              char address[LISTENER_ADDRESS_SIZE],
                              const char **why);

/* Accepts the connection of this very process and closes the listening socket.
** Returns NULL, or the reason why it failed. */
const char *completion_queue_accept (completion_queue *q);

/* Closes the connection to the listener. */
void completion_queue_disconnect (completion_queue *q);

/* Tells the queue that the listener has read its bytes. */
void completion_queue_acknowledge (completion_queue *q);

/* Asks the listener to stop, even if it has an unread byte. */
void completion_queue_request_stop (completion_queue *q);

/* Sets how long the queue must be idle before the listener is asked to stop. */
void completion_queue_set_idle_timeout (completion_queue *q, int64_t ms);

/* Asks the listeners of all idle queues to stop. Returns the milliseconds until
** the next call makes sense; -1: not before another transfer is submitted. */
int64_t completion_queues_sweep_idle (int64_t now);

/* }====================================================== */

#endif
