/*
** metrics/leases.c - counts what happens to limits that machines share.
*/
#include "metrics/leases.h"

#include <string.h>

#include "base/clock.h"
#include "metrics/memory.h"

#define AWAY_MS 5000   /* a host that is away tries again before */
#define HOSTS_MS 60000 /* so long Redis remembers a host */


/* Returns a time of 32 bits, which is never 0. */
static uint32_t time_now (void) {
  return (uint32_t)clock_uptime() | 1;
}


static uint32_t load (const uint32_t *field) {
  return __atomic_load_n(field, __ATOMIC_RELAXED);
}


/* Two processes may note their times in the other order. */
static bool is_within (uint32_t then, uint32_t now, uint32_t ms) {
  return then != 0 && (now - then <= ms || then - now <= 1000);
}


void metrics_count_lease (lease_count what, uint64_t n) {
  counter_add(&metrics_stripe()->leases[what], n);
}


void metrics_note_away (bool is_away) {
  uint32_t now = time_now();
  uint32_t then = __atomic_exchange_n(&metrics_memory->leases.away_at,
                                      is_away ? now : 0, __ATOMIC_RELAXED);
  if (then != 0 && now - then <= AWAY_MS)
    metrics_count_lease(LEASES_AWAY_MS, now - then);
}


/* Buckets may be used by different numbers of hosts: the largest counts. */
void metrics_note_hosts (uint32_t hosts) {
  lease_gauges *g = &metrics_memory->leases;
  uint32_t now = time_now();
  if (hosts < load(&g->hosts) && is_within(load(&g->hosts_at), now, HOSTS_MS))
    return;
  __atomic_store_n(&g->hosts, hosts, __ATOMIC_RELAXED);
  __atomic_store_n(&g->hosts_at, now, __ATOMIC_RELAXED);
}


void metrics_sum_leases (lease_totals *sum) {
  const lease_gauges *g = &metrics_memory->leases;
  uint32_t now = time_now();
  int i, j;
  memset(sum, 0, sizeof(*sum));
  for (i = 0; i < STRIPES; i++)
    for (j = 0; j < LEASE_COUNTS; j++)
      sum->counts[j] += counter_read(&metrics_memory->stripes[i].leases[j]);
  for (j = 0; j < LEASE_COUNTS; j++)
    sum->is_used = sum->is_used || sum->counts[j] > 0;
  sum->is_away = is_within(load(&g->away_at), now, AWAY_MS);
  if (is_within(load(&g->hosts_at), now, 2 * HOSTS_MS))
    sum->hosts = load(&g->hosts);
}
