/*
** http/engine.h - the engine of a thread: one event loop, one set of
** connections, shared by all clients of all Lua states of the thread. It exists
** from the thread's first transfer to the end of the thread.
**
** A thread may only call these functions for transfers that it submitted
** itself; see engine_is_foreign.
*/
#ifndef KLAVIYO_ENGINE_H
#define KLAVIYO_ENGINE_H

#include "base/client_kind.h"
#include "http/transfer.h"

/* Submits a transfer. The transfer always finishes, by its deadline at the
** latest: 'transfer_is_done' returns when, 'response' holds the outcome. The
** engine holds a reference until then. */
void engine_submit (transfer *t);

/* Submits a background transfer, for whose outcome no caller waits. Its
** deadline is counted from the time when it is first sent. Returns false, and
** does not submit it, if 'max' background transfers are queued or running. */
bool engine_track (transfer *t, size_t max);

/* Makes the engines of this process run their event loops in background
** threads, from the next transfer on. Completions then arrive in completion
** queues; the functions below that wait or pump must not be called; and the
** limits on connections per origin are raised. Also applies to forked
** children. */
void engine_use_thread (void);
bool engine_has_thread (void);

/* Returns whether another thread of this process submitted the transfer and it
** is not done. The caller must not read it then. */
bool engine_is_foreign (const transfer *t);

/* Cancels a transfer. A transfer that is done does not change. */
void engine_cancel (transfer *t);

/* Makes 'engine_wait_any' report the end of a transfer, unless it is done
** already. */
void engine_announce (transfer *t);

/* In a forked child: fails a transfer from before the fork, and announces it.
** Callers that wait for announcements call it from time to time. */
void engine_check_fork (transfer *t);

/* Makes the descriptor of 'engine_fd' readable when a transfer ends, until it
** is unwatched. So another event loop learns of the end even if some other
** caller ran this loop at the time. */
void engine_watch (transfer *t);
void engine_unwatch (transfer *t);

/* Runs the loop until the transfer is done or 'ms' milliseconds have passed.
** Returns whether it is done. */
bool engine_wait (transfer *t, long ms);

/* Runs the loop until an announced transfer ends or 'ms' milliseconds have
** passed. Returns the serials of those that ended, '*count' of them, valid
** until the next call. */
const long *engine_wait_any (long ms, size_t *count);

/* Makes this thread's engine share the limits of a budget with other machines,
** for callers that count requests but send them by other means. */
void engine_share_limits (const budget *b);

/* These are of loop_functions; see base/client_kind.h. */
void *engine_offer (client_kind *kind);
void engine_run_once (long ms);

/* Runs the loop for 'ms' milliseconds. */
void engine_pump (long ms);

/* For use in another event loop: the descriptor to watch (-1: none), and the
** timeout after which to pump in any case, in milliseconds (-1: none). */
int engine_fd (void);
long engine_timeout (void);

/* Counts the queued and the running transfers of this thread's engine. */
void engine_stats (size_t *queued, size_t *running);

#endif
