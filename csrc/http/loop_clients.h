/*
** http/loop_clients.h - the clients that a loop runs beside its transfers; see
** base/client_kind.h. The loop's thread calls these functions, and any thread
** loop_clients_offer and those that return functions.
*/
#ifndef KLAVIYO_LOOP_CLIENTS_H
#define KLAVIYO_LOOP_CLIENTS_H

#include "base/client_kind.h"
#include "base/clock.h"
#include "http/completions.h"
#include "http/poller.h"
#include "ratelimit/lease_source.h"

#define LOOP_CLIENTS 17 /* of 16 sources, and of commands */

typedef struct loop_clients {
  poller *poller;
  completions *completions; /* of the loop */
  const size_t *pending;    /* transfers, which have room in the completions */
  client_kind *kinds[LOOP_CLIENTS]; /* atomic */
  void *clients[LOOP_CLIENTS];
  int64_t due; /* when they must run again */
} loop_clients;

/* What sources of leases, and other kinds of clients, may call. */
const lease_core *loop_clients_lease_core (void);
loop_functions *loop_clients_functions (void); /* they stay as they are */

/* See 'announce' in base/client_kind.h. */
bool loop_clients_announce (void *loop, long serial);

/* Makes the loop run a client of the kind. Returns false if it has LOOP_CLIENTS
** kinds. */
bool loop_clients_offer (loop_clients *all, client_kind *kind);

/* Returns when the clients must run again, in clock_ms time. */
static inline int64_t loop_clients_due (const loop_clients *all) {
  return __atomic_load_n(&all->kinds[0], __ATOMIC_RELAXED) != NULL
             ? all->due
             : CLOCK_NEVER;
}

/* Runs the clients, and returns the same. */
int64_t loop_clients_run_all (loop_clients *all, int64_t now);

static inline int64_t loop_clients_run (loop_clients *all, int64_t now) {
  return __atomic_load_n(&all->kinds[0], __ATOMIC_RELAXED) != NULL
             ? loop_clients_run_all(all, now)
             : CLOCK_NEVER;
}

void loop_clients_close (loop_clients *all);

#endif
