/*
** http/loop.h - the event loop: it starts queued transfers, drives libcurl's
** multi handle and retries failed attempts.
**
** One thread owns a loop and runs it. Other threads may call loop_stats and
** loop_wake only; loop_claim_queue is for the thread that submits.
*/
#ifndef KLAVIYO_LOOP_H
#define KLAVIYO_LOOP_H

#include "base/client_kind.h"
#include "http/transfer.h"

typedef struct loop loop;

loop *loop_new (void); /* NULL: out of memory or descriptors */

/* Fails the transfers still pending, closes the connections and frees the
** loop. */
void loop_free (loop *l);

/* Binds a request queue to the loop, which is necessary before a transfer of
** the queue is added. Returns false and sets '*why' if it cannot be bound; see
** request_queue_claim. */
bool loop_claim_queue (loop *l, request_queue *q, const char **why);

/* Makes the loop share the limits of a budget with other machines, if it has a
** source of leases. Any thread may call it. */
void loop_share_limits (loop *l, const budget *b);

/* Makes the loop run a client of the kind. Returns what the functions of
** base/client_kind.h take as the loop; NULL: it has too many kinds. Any thread
** may call it. */
void *loop_offer (loop *l, client_kind *kind);

/* Announces a serial that is not of a transfer of this loop. Without memory it
** does not. */
void loop_announce (loop *l, long serial);

/* Adds a transfer and takes a reference to it. The transfer always finishes, by
** its deadline at the latest, or at once if there is not enough memory. */
void loop_add (loop *l, transfer *t);

/* Fails a transfer that was added and is not done. */
void loop_abort (loop *l, transfer *t, failure kind, const char *reason);

/* Runs the loop once: handles due timers, starts transfers and lets libcurl
** work, waiting for it for at most 'ms' milliseconds. */
CURLMcode loop_run_once (loop *l, int64_t ms);

/* From now on the loop yields the processor to other threads while it has much
** work. For a loop with a thread of its own, which calls it. */
void loop_share_processor (loop *l);

/* Ends a wait of loop_run_once from another thread, or its next wait if there
** is none. */
void loop_wake (loop *l);

/* Returns the serials of the announced transfers that ended since the last
** call, '*count' of them. The loop owns them; they are valid until it runs
** again. */
const long *loop_take_announced (loop *l, size_t *count);

/* Must be called once for each watched transfer that ended, when it is no
** longer watched: loop_fd is readable until then. */
void loop_unwatch (loop *l);

/* Returns a descriptor that is readable when the loop has work or a watched
** transfer ended; -1: not supported. */
int loop_fd (const loop *l);

/* Returns the milliseconds after which the loop must run even if its descriptor
** is not readable; -1: it need not. */
long loop_timeout (const loop *l);

/* Counts the pending transfers, and how many of them are running. Any thread
** may call it. */
void loop_stats (const loop *l, size_t *pending, size_t *running);

/* Returns how many background transfers are pending. */
size_t loop_background (const loop *l);

#endif
