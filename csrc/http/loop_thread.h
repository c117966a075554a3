/*
** http/loop_thread.h - a machine at work in a thread of its own, for hosts
** that must not wait.
*/
#ifndef KLAVIYO_LOOP_THREAD_H
#define KLAVIYO_LOOP_THREAD_H

#include "http/loop.h"

typedef struct loop_thread loop_thread;

/* The machine is the thread's from now on; NULL when there can be none. */
loop_thread *loop_thread_start (loop *l);

/* Hands it a transfer. */
void loop_thread_post (loop_thread *thread, transfer *t);

/* Has it give up on one that was handed to it. */
void loop_thread_cancel (loop_thread *thread, transfer *t);

/* How many it was handed and has not looked at yet. */
size_t loop_thread_posted (loop_thread *thread);

/* Has it finish what is tracked, within 'ms', give up on the rest, and end. */
void loop_thread_stop (loop_thread *thread, long ms);

#endif
