/*
** http/loop_clients.c - the clients that a loop runs beside its transfers.
*/
#include "http/loop_clients.h"

#include "http/completion_queue.h"
#include "http/engine.h"
#include "metrics/metrics.h"
#include "ratelimit/budget.h"


static bool watch (void *loop, int fd, bool input, bool output) {
  const loop_clients *all = loop;
  return poller_watch(all->poller, fd, input, output);
}


static void watch_lease (void *loop, int fd, bool input, bool output) {
  watch(loop, fd, input, output);
}


static void unwatch (void *loop, int fd) {
  const loop_clients *all = loop;
  poller_unwatch(all->poller, fd);
}


static void wake (void *loop) {
  const loop_clients *all = loop;
  poller_wake(all->poller);
}


/* The room of transfers that are pending stays. */
bool loop_clients_announce (void *loop, long serial) {
  const loop_clients *all = loop;
  if (!completions_reserve(all->completions, *all->pending + 1))
    return false;
  completions_add(all->completions, serial);
  return true;
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


const lease_core *loop_clients_lease_core (void) {
  static const lease_core core = {
      budget_visit, budget_share, budget_release, budget_count_problem,
      count,        note_away,    note_hosts,     watch_lease,
      unwatch,      wake};
  return &core;
}


loop_functions *loop_clients_functions (void) {
  static loop_functions functions = {LOOP_FUNCTIONS_VERSION,
                                     engine_offer,
                                     engine_run_once,
                                     wake,
                                     watch,
                                     unwatch,
                                     loop_clients_announce,
                                     transfer_new_serial,
                                     completion_queue_share,
                                     completion_queue_release,
                                     completion_queue_reserve,
                                     completion_queue_push};
  return &functions;
}


bool loop_clients_offer (loop_clients *all, client_kind *kind) {
  int i;
  for (i = 0; i < LOOP_CLIENTS; i++) {
    client_kind *none = NULL;
    if (__atomic_load_n(&all->kinds[i], __ATOMIC_ACQUIRE) == kind)
      return true;
    if (__atomic_compare_exchange_n(&all->kinds[i], &none, kind, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      poller_wake(all->poller);
      return true;
    }
    if (none == kind)
      return true;
  }
  return false;
}


int64_t loop_clients_run_all (loop_clients *all, int64_t now) {
  bool ready = poller_take_ready(all->poller);
  int64_t next = CLOCK_NEVER;
  int i;
  for (i = 0; i < LOOP_CLIENTS; i++) {
    client_kind *kind = __atomic_load_n(&all->kinds[i], __ATOMIC_ACQUIRE);
    int64_t due;
    if (kind == NULL)
      break;
    if (all->clients[i] == NULL)
      all->clients[i] = kind->open(kind, all);
    if (all->clients[i] == NULL)
      continue;
    due = kind->run(all->clients[i], ready, now);
    if (due < next)
      next = due;
  }
  all->due = next;
  return next;
}


void loop_clients_close (loop_clients *all) {
  int i;
  for (i = 0; i < LOOP_CLIENTS && all->kinds[i] != NULL; i++) {
    if (all->clients[i] == NULL) /* it must learn that the loop ends */
      all->clients[i] = all->kinds[i]->open(all->kinds[i], all);
    if (all->clients[i] != NULL)
      all->kinds[i]->close(all->clients[i]);
  }
}
