/*
** thread.h - a machine at work in a thread of its own, for hosts that must
** not wait.
*/
#ifndef KLAVIYO_THREAD_H
#define KLAVIYO_THREAD_H

#include "machine.h"

typedef struct thread thread;

/* The machine is the thread's from now on; NULL when there can be none. */
thread *thread_start (machine *m);

/* Hands it a transfer. */
void thread_post (thread *d, transfer *t);

/* Has it give up on one that was handed to it. */
void thread_cancel (thread *d, transfer *t);

/* How many it was handed and has not looked at yet. */
size_t thread_posted (thread *d);

/* Has it finish what is tracked, within 'ms', give up on the rest, and end. */
void thread_stop (thread *d, long ms);

#endif
