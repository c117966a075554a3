/*
** http/engine.h - the transfers of a thread of this process: one queue, one
** set of connections, shared by all clients of all Lua states of the thread.
** It is there from the thread's first transfer to the thread's end.
*/
#ifndef KLAVIYO_ENGINE_H
#define KLAVIYO_ENGINE_H

#include "http/transfer.h"

/* Queues a transfer. It comes to an end in any case, by its deadline at the
** latest: 'done' tells when, 'response' what became of it. */
void engine_submit (transfer *t);

/* The same for one that nobody waits for. It has until its deadline from when
** its turn comes. False where 'most' of them are still to be sent: then it
** is not queued. */
bool engine_track (transfer *t, size_t max);

/* From the next transfer on, a thread works on all of this process: then
** their ends are told by ports, and none of what waits here or pumps is to
** be called; and there are the connections for many callers. Holds for
** children that are forked, too. */
void engine_use_thread (void);
bool engine_has_thread (void);

/* Whether another thread of this process has submitted it, and has not ended
** it: then nothing of it is to be read. */
bool engine_is_foreign (const transfer *t);

/* Gives up on a transfer; one that is done stays as it is. */
void engine_cancel (transfer *t);

/* Has the end of a transfer told by 'engine_wait_any', if it is still to
** come. */
void engine_announce (transfer *t);

/* Has the descriptor of 'engine_fd' be readable when a transfer ends, until
** it is unwatched: whoever was at work then, others learn of it. */
void engine_watch (transfer *t);
void engine_unwatch (transfer *t);

/* Works on all transfers until this one is done, or 'ms' have passed. */
bool engine_wait (transfer *t, long ms);

/* Works on all transfers until one that is announced ends, or 'ms' have
** passed. The serials of those that ended, '*count' of them; they are valid
** until the next call. */
const long *engine_wait_any (long ms, size_t *count);

/* Works on all transfers for 'ms'. */
void engine_pump (long ms);

/* For another loop: a descriptor to watch (-1: there is none), and for how
** many milliseconds at most. */
int engine_fd (void);
long engine_timeout (void);

/* What is queued, and what is under way. */
void engine_stats (size_t *queued, size_t *running);

#endif
