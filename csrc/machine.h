/*
** machine.h - what carries transfers: the queue, the connections, the times.
** One thread at a time works on it.
*/
#ifndef KLAVIYO_MACHINE_H
#define KLAVIYO_MACHINE_H

#include "ends.h"
#include "handles.h"
#include "poller.h"
#include "transfer.h"

#define MACHINE_FOREVER INT64_MAX

typedef struct machine {
  CURLM *multi;
  poller *poller;
  long pid;
  handles handles;
  connections connections;
  origins origins;
  lane *lanes, **last_lane;    /* those that have requests waiting */
  timers timers;
  size_t pending;              /* taken and not done */
  size_t running;
  size_t tracked;              /* pending ones that nobody waits for */
  ends ends;                   /* of announced transfers */
  size_t unseen;               /* watched ones that ended */
} machine;

machine *machine_new (void);  /* NULL when it cannot be had */

/* Ends what it still has, and closes its connections. */
void machine_free (machine *m);

/* Takes a transfer on. It comes to an end in any case, by its deadline at
** the latest; at once, where there is no memory for it. */
void machine_take (machine *m, transfer *t);

/* Ends a transfer that was taken on and is not done. */
void machine_end (machine *m, transfer *t, failure kind, const char *reason);

/* A round: what is due is started, what libcurl has to do is done, waiting
** for it up to 'ms'. */
CURLMcode machine_turn (machine *m, int64_t ms);

/* What was taken and is not done, and what of it is under way: for any
** thread. */
void machine_load (const machine *m, size_t *pending, size_t *running);

/* When it has something to do, whatever the sockets say. */
int64_t machine_due (const machine *m);

#endif
