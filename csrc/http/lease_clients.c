/*
** http/lease_clients.c - the clients of a loop that share limits.
*/
#include "http/lease_clients.h"

#include "metrics/metrics.h"
#include "ratelimit/budget.h"


static void watch (void *loop, int fd, bool input, bool output) {
  const lease_clients *all = loop;
  poller_watch(all->poller, fd, input, output);
}


static void unwatch (void *loop, int fd) {
  const lease_clients *all = loop;
  poller_unwatch(all->poller, fd);
}


static void wake (void *loop) {
  const lease_clients *all = loop;
  poller_wake(all->poller);
}


static void count (lease_count what, uint64_t n) {
  if (metrics_on())
    metrics_count_lease(what, n);
}


static void note_away (bool is_away) {
  if (metrics_on())
    metrics_note_away(is_away);
}


static void note_hosts (uint32_t hosts) {
  if (metrics_on())
    metrics_note_hosts(hosts);
}


const lease_core *lease_clients_core (void) {
  static const lease_core core = {
      budget_visit, budget_share, budget_release, budget_count_problem,
      count,        note_away,    note_hosts,     watch,
      unwatch,      wake};
  return &core;
}


void lease_clients_offer (lease_clients *all, lease_source *source) {
  int i;
  for (i = 0; i < LEASE_CLIENTS; i++) {
    lease_source *none = NULL;
    if (__atomic_load_n(&all->sources[i], __ATOMIC_ACQUIRE) == source)
      return;
    if (__atomic_compare_exchange_n(&all->sources[i], &none, source, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      poller_wake(all->poller);
      return;
    }
    if (none == source)
      return;
  }
}


int64_t lease_clients_run_all (lease_clients *all, int64_t now) {
  bool ready = poller_take_ready(all->poller);
  int64_t next = CLOCK_NEVER;
  int i;
  for (i = 0; i < LEASE_CLIENTS; i++) {
    lease_source *s = __atomic_load_n(&all->sources[i], __ATOMIC_ACQUIRE);
    int64_t due;
    if (s == NULL)
      break;
    if (all->clients[i] == NULL)
      all->clients[i] = s->open(s, all);
    if (all->clients[i] == NULL)
      continue;
    due = s->run(all->clients[i], ready, now);
    if (due < next)
      next = due;
  }
  all->due = next;
  return next;
}


void lease_clients_close (lease_clients *all) {
  int i;
  for (i = 0; i < LEASE_CLIENTS; i++)
    if (all->clients[i] != NULL)
      all->sources[i]->close(all->clients[i]);
}
