/*
** http/lease_clients.h - the clients of a loop that share limits with other
** machines; see ratelimit/lease_source.h. The loop's thread calls these
** functions, and any thread lease_clients_offer.
*/
#ifndef KLAVIYO_LEASE_CLIENTS_H
#define KLAVIYO_LEASE_CLIENTS_H

#include "base/clock.h"
#include "http/poller.h"
#include "ratelimit/lease_source.h"

#define LEASE_CLIENTS POLLER_SOCKETS

typedef struct lease_clients {
  poller *poller;
  lease_source *sources[LEASE_CLIENTS]; /* atomic */
  void *clients[LEASE_CLIENTS];
  int64_t due; /* when they must run again */
} lease_clients;

/* What sources may call. */
const lease_core *lease_clients_core (void);

/* Makes the loop run a client of the source. Beyond LEASE_CLIENTS sources, the
** host goes on as if the source was away. */
void lease_clients_offer (lease_clients *all, lease_source *source);

/* Returns when the clients must run again, in clock_ms time. */
static inline int64_t lease_clients_due (const lease_clients *all) {
  return __atomic_load_n(&all->sources[0], __ATOMIC_RELAXED) != NULL
             ? all->due
             : CLOCK_NEVER;
}

/* Runs the clients, and returns the same. */
int64_t lease_clients_run_all (lease_clients *all, int64_t now);

static inline int64_t lease_clients_run (lease_clients *all, int64_t now) {
  return __atomic_load_n(&all->sources[0], __ATOMIC_RELAXED) != NULL
             ? lease_clients_run_all(all, now)
             : CLOCK_NEVER;
}

void lease_clients_close (lease_clients *all);

#endif
