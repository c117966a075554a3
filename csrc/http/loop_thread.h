/*
** http/loop_thread.h - an event loop in a background thread, for hosts that
** must not block.
**
** The thread that started it calls these functions. The background thread owns
** the loop until loop_thread_stop returns.
*/
#ifndef KLAVIYO_LOOP_THREAD_H
#define KLAVIYO_LOOP_THREAD_H

#include "http/loop.h"

typedef struct loop_thread loop_thread;

/* Starts a thread that runs the loop. Returns NULL if it cannot be started. */
loop_thread *loop_thread_start (loop *l);

/* Passes a transfer to the thread, with a reference of its own. */
void loop_thread_post (loop_thread *thread, transfer *t);

/* Asks the thread to cancel a transfer. */
void loop_thread_cancel (loop_thread *thread, transfer *t);

/* Returns how many transfers the thread has not added to its loop yet. */
size_t loop_thread_posted (loop_thread *thread);

/* Lets the thread finish background transfers for at most 'ms' milliseconds,
** and joins it. The caller owns the loop again. */
void loop_thread_stop (loop_thread *thread, long ms);

#endif
